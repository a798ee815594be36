/**
 * Range queries as data: what a client asks for, and how the scan that answers it ends.
 *
 * A range is answered by a scan in a worker thread. The scan fills pages of at most `pageBytes` with bytes that are
 * ready for the client's socket; a page goes out, and comes back empty when the socket has taken it, so that a client
 * that stops reading stops the scan.
 */
import type { RangeBounds } from '../formats/range-bounds.ts';
import type { RangeFormatName } from '../formats/range-format.ts';
import { majority } from './quorum.ts';

export interface RangeRequest extends RangeBounds {
  /** Records at most; undefined: all. */
  readonly limit: number | undefined;
  /** All nodes' records, merged; otherwise this node's. */
  readonly cluster: boolean;
  readonly format: RangeFormatName;
  /** Whether each record is framed as one chunk of HTTP/1.1. */
  readonly chunked: boolean;
}

/** How a scan ended. */
export type RangeEnd =
  /** Everything was sent; `next` is the first key that the limit cut off. */
  | { readonly kind: 'complete'; readonly next: Uint8Array | undefined }
  /** So many nodes cannot be asked that records may be on none of the others. */
  | { readonly kind: 'not-enough-replicas'; readonly detail: string }
  /** `rangeMsMax` has passed. */
  | { readonly kind: 'expired' }
  /** A record cannot be written in the format that the client asked for. */
  | { readonly kind: 'unwritable'; readonly detail: string }
  /** `isMidRecord`: a record was begun, so that nothing can follow it. */
  | { readonly kind: 'failed'; readonly detail: string; readonly isMidRecord: boolean };

/** Size of a page: what one socket write takes at once; 600 records of 100 bytes. */
export const pageBytes = 64 * 1024;
/** Pages of one scan that are filled and not yet back. */
export const pagesInFlight = 2;

/**
 * Whether the nodes that can be read, and have lost nothing, hold every acknowledged record between them: fewer are missing than acknowledge a
 * write, a majority of its replicas by default. With more of them away a record may be on none that can be read, however
 * many those are. A record that was written with a smaller `ack` or `from` has fewer copies than this counts on.
 */
export function isRangeComplete(missingNodes: number, replicationFactor: number): boolean {
  return missingNodes < majority(replicationFactor);
}
