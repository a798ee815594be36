/** The bounds of a range as a peer is sent them: JSON, with the keys in base64, since keys are bytes. */
import { Buffer } from 'node:buffer';
import type { NodeId } from './record.ts';

/** Which records, and how much of them. */
export interface RangeBounds {
  /** First key. */
  readonly start: Uint8Array;
  /** The key before which the range ends; undefined: no end. */
  readonly end: Uint8Array | undefined;
  /** Whether values are left out. */
  readonly keysOnly: boolean;
  /**
   * How many tombstones and expired values in a row are shown; those behind them, up to the next value, are left out, and where that
   * was is told. 0: LMDB's tombstones are not shown at all. Absent: all are shown.
   */
  readonly skipAfter?: number | undefined;
  /** Only what the node with this id shares, and of that only these buckets of the hash space, a bit each. */
  readonly shared?: SharedBuckets | undefined;
  /** For a node that recovers: damaged records are told of, as entries without a record. */
  readonly tellsDamaged?: boolean | undefined;
}

export interface SharedBuckets {
  readonly nodeId: NodeId;
  readonly buckets: Uint8Array;
}

export function encodeBounds({ start, end, keysOnly, skipAfter, shared, tellsDamaged }: RangeBounds): string {
  const text = (key: Uint8Array): string => Buffer.from(key).toString('base64');
  return JSON.stringify({
    start: text(start),
    end: end === undefined ? null : text(end),
    keysOnly,
    skipAfter,
    ...encodeShared(shared),
    ...(tellsDamaged === true ? { tellsDamaged } : {}),
  });
}

function encodeShared(shared: SharedBuckets | undefined) {
  if (shared === undefined) return {};
  return { sharedBy: shared.nodeId, buckets: Buffer.from(shared.buckets).toString('base64') };
}

/** What of it is there; undefined where it contradicts itself. */
function decodeShared(nodeId: unknown, buckets: unknown): Pick<RangeBounds, 'shared'> | undefined {
  if (nodeId === undefined && buckets === undefined) return {};
  if (typeof nodeId !== 'number' || typeof buckets !== 'string') return undefined;
  return { shared: { nodeId, buckets: Buffer.from(buckets, 'base64') } };
}

/** Reads what `encodeBounds` wrote; undefined where it is something else, or has a key that a client's cannot be. */
export function decodeBounds(body: Buffer, keyBytesMax: number): RangeBounds | undefined {
  try {
    const { start, end, keysOnly, skipAfter, sharedBy, buckets, tellsDamaged } = JSON.parse(body.toString()) as Record<
      string,
      unknown
    >;
    if (typeof start !== 'string' || typeof keysOnly !== 'boolean') return undefined;
    if (end !== null && typeof end !== 'string') return undefined;
    const bounds = { start: Buffer.from(start, 'base64'), end: end === null ? undefined : Buffer.from(end, 'base64') };
    const isKey = (key: Buffer): boolean => key.length > 0 && key.length <= keyBytesMax;
    if (!isKey(bounds.start) || (bounds.end !== undefined && !isKey(bounds.end))) return undefined;
    if (!isCount(skipAfter)) return undefined;
    const shared = decodeShared(sharedBy, buckets);
    const skip = skipAfter === undefined ? {} : { skipAfter };
    const told = tellsDamaged === true ? { tellsDamaged } : {};
    return shared === undefined ? undefined : { ...bounds, keysOnly, ...skip, ...shared, ...told };
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0);
}
