/**
 * What a worker asks the other owners of its node while it reads a range, and what they answer. All numbers are
 * little-endian.
 *
 *   question   kind u8 (1 open, 2 page, 3 close), number of the range u32, for `open` its bounds (range-bounds.ts)
 *   answer     kind u8 (1 more, 2 last, 3 stale, 4 refused); for a page its entries, for `refused` why, in words
 *
 * An entry is as in range-format.ts, and not cut: record length u32, key length u16, key, record; with keys only the header
 * of the record. A large value's record is its head (large-head.ts).
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { storedKeyBytesMax } from './peer-entry.ts';
import { decodeBounds, encodeBounds, type RangeBounds } from './range-bounds.ts';
import { ENTRY_HEAD_BYTES, type RangeEntry } from './range-format.ts';

export type OwnerQuestion =
  /** Keep what the memtable holds as of now. */
  | { readonly kind: 'open'; readonly id: number; readonly bounds: RangeBounds }
  /** Send the next page of it. */
  | { readonly kind: 'page'; readonly id: number }
  /** Let go of it. */
  | { readonly kind: 'close'; readonly id: number };

/**
 * `more`: it is kept, and the page is not its last. `last`: nothing of it is kept any more. `stale`: LMDB may hold what is
 * newer, so it is no good.
 */
export type OwnerAnswerKind = 'more' | 'last' | 'stale' | 'refused';

const questionCodes = { open: 1, page: 2, close: 3 } as const;
const answerCodes: Readonly<Record<OwnerAnswerKind, number>> = { more: 1, last: 2, stale: 3, refused: 4 };
const answerKinds = new Map(Object.entries(answerCodes).map(([kind, code]) => [code, kind as OwnerAnswerKind]));
const QUESTION_HEAD_BYTES = 5;
/** Where a page's entries begin. */
export const PAGE_HEAD_BYTES = 1;

/** The bytes of a question, alone in their memory. */
export function encodeOwnerQuestion(question: OwnerQuestion): Buffer {
  const bounds = question.kind === 'open' ? encodeBounds(question.bounds) : '';
  const bytes = Buffer.allocUnsafeSlow(QUESTION_HEAD_BYTES + bounds.length);
  bytes.writeUInt8(questionCodes[question.kind]);
  bytes.writeUInt32LE(question.id, 1);
  bytes.write(bounds, QUESTION_HEAD_BYTES, 'latin1');
  return bytes;
}

/** Reads what `encodeOwnerQuestion` wrote. Throws `corrupt-frame`. */
export function readOwnerQuestion(bytes: Buffer): OwnerQuestion {
  const id = bytes.length < QUESTION_HEAD_BYTES ? 0 : bytes.readUInt32LE(1);
  if (bytes[0] === questionCodes.page) return { kind: 'page', id };
  if (bytes[0] === questionCodes.close) return { kind: 'close', id };
  const bounds = decodeBounds(bytes.subarray(QUESTION_HEAD_BYTES), storedKeyBytesMax);
  if (bytes[0] === questionCodes.open && bounds !== undefined) return { kind: 'open', id, bounds };
  throw new KvorumError('corrupt-frame', 'A question for a range does not parse');
}

/** The bytes of an answer without entries, alone in their memory. */
export function encodeOwnerAnswer(kind: OwnerAnswerKind, text = ''): Buffer {
  const bytes = Buffer.allocUnsafeSlow(PAGE_HEAD_BYTES + Buffer.byteLength(text));
  bytes.write(text, PAGE_HEAD_BYTES);
  markPage(bytes, kind);
  return bytes;
}

/** Makes an answer of a page whose entries stand behind `PAGE_HEAD_BYTES`. */
export function markPage(page: Buffer, kind: OwnerAnswerKind): void {
  page.writeUInt8(answerCodes[kind]);
}

/** What an answer is. Throws `corrupt-frame`. */
export function ownerAnswerKind(bytes: Buffer): OwnerAnswerKind {
  const kind = answerKinds.get(bytes[0] ?? 0);
  if (kind === undefined) throw new KvorumError('corrupt-frame', 'An answer for a range does not parse');
  return kind;
}

/** Why an answer refuses. */
export function refusalText(bytes: Buffer): string {
  return bytes.toString('utf8', PAGE_HEAD_BYTES);
}

/** Shows the entry that starts at `at` of a page; returns its end. */
export function readPageEntry(page: Buffer, at: number, entry: RangeEntry): number {
  const keyStart = at + ENTRY_HEAD_BYTES;
  const keyEnd = keyStart + page.readUInt16LE(at + 4);
  entry.key = entry.bytes = page;
  entry.keyStart = keyStart;
  entry.keyEnd = entry.offset = keyEnd;
  entry.length = entry.recordBytes = page.readUInt32LE(at);
  return keyEnd + entry.length;
}
