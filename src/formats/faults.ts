/**
 * Why replicas kept an operation from its quorum, as it stands behind the head of an outcome that is none of a client's
 * wishes (reply.ts). Little-endian; for each replica:
 *
 *   offset  size  field
 *        0     1  index of its node in the topology
 *        1     1  kind (`faultKinds`, by position)
 *        2     1  bytes of the words
 *        3     .  more of it in words (UTF-8), where the coordinator knows more
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';

/** What a replica did instead of acknowledging. New ones stand at the end. */
export const faultKinds = [
  /** It could not be asked, or its answer was cut off. */
  'unreached',
  /** No answer came in time. */
  'silent',
  /** It did not do it, or what it said was no answer. */
  'refused',
  'damaged',
  'recovering',
  /** It has no room. */
  'full',
  /** It does not believe the write's stamp. */
  'clock',
  /** It holds something newer than a write that was not stamped again. */
  'superseded',
  /** It has acknowledged, and its process has ended since. */
  'restarted',
  /** It lacks what is to be answered, and did not take it. */
  'stale',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Why one replica did not acknowledge. */
export interface Fault {
  /** Index of its node in the topology. */
  readonly node: number;
  readonly kind: FaultKind;
  /** More of it in words; empty where there is no more. */
  readonly detail: string;
}

const HEAD_BYTES = 3;
/** Words of one replica: a 504 of 64 replicas has at most 8 KiB of them. */
const DETAIL_BYTES_MAX = 120;

export function encodeFaults(faults: readonly Fault[]): Buffer {
  const pieces = faults.flatMap(({ node, kind, detail }) => {
    const words = cutText(detail);
    return [Buffer.from([node, faultKinds.indexOf(kind), words.length]), words];
  });
  return Buffer.concat(pieces);
}

/** Throws `corrupt-frame`. */
export function readFaults(bytes: Buffer): Fault[] {
  const faults: Fault[] = [];
  for (let at = 0; at < bytes.length;) {
    const kind = faultKinds[bytes[at + 1] ?? Infinity];
    const end = at + HEAD_BYTES + (bytes[at + 2] ?? Infinity);
    if (kind === undefined || end > bytes.length) {
      throw new KvorumError('corrupt-frame', `Fault at byte ${at} does not parse`);
    }
    faults.push({ node: bytes[at] as number, kind, detail: bytes.toString('utf8', at + HEAD_BYTES, end) });
    at = end;
  }
  return faults;
}

/** The beginning of a text, cut between two characters. */
function cutText(text: string): Buffer {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, DETAIL_BYTES_MAX);
  // 10xxxxxx goes on with a character.
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
