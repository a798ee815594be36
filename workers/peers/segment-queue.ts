/**
 * Operations for one peer: segments in the order in which they came, taken out in batches. At most so many batches are
 * under way at a time, so under load the next one grows while the last one travels.
 */
import { Buffer } from 'node:buffer';
import type { Reply } from '../../src/formats/reply.ts';
import type { PeerMarks } from '../../src/waits/wait-marks.ts';
import type { FrameSize } from './question.ts';

/** A run of frame entries for one peer, and who wants to know of them. */
export interface Segment {
  readonly bytes: Buffer;
  /** How many entries `bytes` holds. */
  readonly count: number;
  /** Its answer is large, so that it travels alone, beside the batches. */
  readonly isLarge?: boolean;
  /** Takes the replies `[at, at + count)` out of `replies`, and the start of the process that gave them (`Sender.start`). */
  readonly onReplies: (replies: readonly Reply[], at: number, start: number) => void;
  /** The peer could not be asked. */
  readonly onFailed: () => void;
  /** Where somebody wants to know what the segment waited for. */
  readonly marks?: PeerMarks | undefined;
}

export interface SegmentQueueOptions {
  readonly size: FrameSize;
  /** Batches under way at a time. */
  readonly inFlightMax: number;
  /** Bytes of a batch, unless it is a single segment; 0: one segment a batch. */
  readonly batchBytesMax: number;
}

/** Segments that travel together. */
export interface SegmentBatch {
  readonly segments: readonly Segment[];
  readonly body: Buffer;
}

export class SegmentQueue {
  readonly size: FrameSize;
  /** Bytes that wait. */
  bytes = 0;
  /** Batches under way; whoever sends counts. */
  inFlight = 0;
  readonly #options: SegmentQueueOptions;
  readonly #waiting: Segment[] = [];

  constructor(options: SegmentQueueOptions) {
    this.size = options.size;
    this.#options = options;
  }

  push(segment: Segment): void {
    this.bytes += segment.bytes.length;
    this.#waiting.push(segment);
  }

  /** The first segment and as many more as fit with it; undefined where nothing waits, or enough is under way. */
  take(): SegmentBatch | undefined {
    if (this.#waiting.length === 0 || this.inFlight >= this.#options.inFlightMax) return undefined;
    const segments = this.#waiting.splice(0, this.#batchCount());
    const body = segments.length === 1 ? (segments[0] as Segment).bytes : Buffer.concat(segments.map((s) => s.bytes));
    this.bytes -= body.length;
    return { segments, body };
  }

  takeAll(): Segment[] {
    this.bytes = 0;
    return this.#waiting.splice(0);
  }

  #batchCount(): number {
    let count = 1;
    let size = (this.#waiting[0] as Segment).bytes.length;
    for (; count < this.#waiting.length; count++) {
      size += (this.#waiting[count] as Segment).bytes.length;
      if (size > this.#options.batchBytesMax) break;
    }
    return count;
  }
}
