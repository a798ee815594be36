/**
 * What nodes ask each other to find out whether they hold the same (src/domain/digests.ts).
 *
 *   question  {"asker": node id, "buckets": base64 or null}: the digests of what the asker shares with the node that is asked; with
 *             buckets, a bit each, only these are wanted, and the others may be anything
 *   answer    a version (float64), below which the node has all that the asker holds; its wall clock (float64), microseconds since 1970;
 *             then two numbers of 4 bytes for each bucket
 */
import { Buffer } from 'node:buffer';
import { isVersion, type NodeId, type Version } from './record.ts';

export interface DigestQuestion {
  readonly askerId: NodeId;
  /** A bit for each bucket. */
  readonly buckets: Uint8Array | undefined;
}

export interface DigestAnswer {
  readonly heldHere: Version;
  /** The answering node's wall clock. */
  readonly nowMicros: Version;
  readonly digests: Uint32Array;
}

/** Base64 of a bit for each of 4,096 buckets, and a node id. */
export const digestQuestionBytesMax = 1024;

const HEAD_BYTES = 16;

export function encodeDigestQuestion({ askerId, buckets }: DigestQuestion): string {
  return JSON.stringify({
    asker: askerId,
    buckets: buckets === undefined ? null : Buffer.from(buckets).toString('base64'),
  });
}

/** Reads a peer's question; undefined where it is none for so many buckets. */
export function decodeDigestQuestion(body: Buffer, bucketCount: number): DigestQuestion | undefined {
  try {
    const { asker, buckets } = JSON.parse(body.toString()) as Record<string, unknown>;
    if (typeof asker !== 'number') return undefined;
    if (buckets === null) return { askerId: asker, buckets: undefined };
    if (typeof buckets !== 'string') return undefined;
    const bits = Buffer.from(buckets, 'base64');
    return bits.length === bucketCount / 8 ? { askerId: asker, buckets: bits } : undefined;
  } catch {
    return undefined;
  }
}

/** How many bytes an answer has. */
export function digestAnswerBytes(bucketCount: number): number {
  return HEAD_BYTES + 8 * bucketCount;
}

export function encodeDigestAnswer({ heldHere, nowMicros, digests }: DigestAnswer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + 4 * digests.length);
  bytes.writeDoubleLE(heldHere, 0);
  bytes.writeDoubleLE(nowMicros, 8);
  for (let at = 0; at < digests.length; at++) bytes.writeUInt32LE(digests[at] as number, HEAD_BYTES + 4 * at);
  return bytes;
}

/** Reads a peer's answer; undefined where it is none for so many buckets. */
export function decodeDigestAnswer(bytes: Buffer, bucketCount: number): DigestAnswer | undefined {
  if (bytes.length !== digestAnswerBytes(bucketCount)) return undefined;
  const [heldHere, nowMicros] = [bytes.readDoubleLE(0), bytes.readDoubleLE(8)];
  if (!isVersion(heldHere) || !isVersion(nowMicros)) return undefined;
  const digests = new Uint32Array(2 * bucketCount);
  for (let at = 0; at < digests.length; at++) digests[at] = bytes.readUInt32LE(HEAD_BYTES + 4 * at);
  return { heldHere, nowMicros, digests };
}
