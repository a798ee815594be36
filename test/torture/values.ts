/** What the tortured store holds: values that tell key and version, and bounds that are reached soon. */
import { Buffer } from 'node:buffer';

const KIB = 1024;

/** Segments of a few dozen writes, so that many are filled, checkpointed and used again. */
export const tortureStore = { logSegmentBytes: 128 * KIB, memtableBytesMax: 512 * KIB } as const;

export interface SentWrite {
  readonly key: string;
  readonly version: number;
  /** Undefined: a deletion. */
  readonly valueBytes: number | undefined;
}

/** The value that a write carries. */
export function valueOf({ key, version, valueBytes }: SentWrite): Buffer | undefined {
  return valueBytes === undefined ? undefined : Buffer.alloc(valueBytes, `${key}=${version};`);
}
