/**
 * What comes of what clients ask for, as data. Nothing here is thrown, and nothing here knows HTTP: the table from
 * outcomes to status codes is `src/http/outcome.ts`.
 */

import type { Fault } from '../formats/faults.ts';
import type { Version } from '../formats/record.ts';

/**
 * What came of one operation. `acks` and `failures` count replica replies up to the answer; `expiresAt` is in milliseconds since
 * 1970, 0 for never.
 */
export type Outcome =
  | { readonly kind: 'found'; readonly value: Uint8Array; readonly version: Version; readonly expiresAt: number }
  /** As `found`, of a large value that was not brought, since the read may do without it. */
  | { readonly kind: 'announced'; readonly valueBytes: number; readonly version: Version; readonly expiresAt: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'written' }
  | {
      readonly kind: 'unreachable' | 'timedOut' | 'full' | 'refusedClock';
      readonly acks: number;
      readonly failures: number;
      /** Why each replica that did not acknowledge did not, as far as that is known. */
      readonly faults: readonly Fault[];
    }
  | { readonly kind: 'overloaded' | 'failed' }
  /** A write that this node's clock is too wrong for: nothing was done. `detail` says how wrong. */
  | { readonly kind: 'clockSkew'; readonly detail: string };
