/**
 * From hints to a frame for their target: a reference's record is read from this node's own replica as it is now, whatever
 * worker owns it; so the target gets the newest at once.
 */
import type { Buffer } from 'node:buffer';
import { operationKinds, replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import {
  allocateFrame,
  ENTRY_HEADER_BYTES,
  entryBytes,
  largeRead,
  readEntries,
  writeHint,
  writeRead,
  type Entry,
} from '../../src/formats/frame.ts';
import { isReference } from '../../src/formats/hint.ts';
import type { RecordView } from '../../src/formats/record.ts';
import { announcesRecord, holdsRecord, readReplies, type Reply } from '../../src/formats/reply.ts';
import type { Replica } from '../replica/owned-replica.ts';
import type { KeptHint } from './hint-segment.ts';

export interface HintBatch {
  /** A frame of so many writes; none where their records are gone. */
  readonly bytes: Buffer;
  readonly count: number;
  /** How many hints that is the end of, those whose records are gone and those that nobody wants included. */
  readonly hints: number;
  /** How many the target does not want any more. */
  readonly left: number;
  readonly isLarge: boolean;
}

/** Bytes of a batch, unless it is one hint. */
const BATCH_BYTES_MAX = 256 * 1024;

interface Piece {
  readonly key: Buffer;
  readonly record: RecordView;
}

/**
 * A batch of the first of these hints, at least one, without those that have `left`; undefined where a worker of this node cannot
 * be asked now.
 */
export async function makeBatch(
  hints: readonly KeptHint[],
  replica: Replica,
  hasLeft: (hint: KeptHint) => boolean,
): Promise<HintBatch | undefined> {
  const areLeft = hints.map(hasLeft);
  const references = hints.filter((hint, at) => isReference(hint) && areLeft[at] === false);
  const questions = references.length === 0 ? [] : readEntries(readFrame(references.map(keyOfHint)));
  const replies = questions.length === 0 ? [] : await ask(replica, questions);
  const pieces: Piece[] = [];
  let done = 0;
  let [next, left] = [0, 0];
  for (let bytes = 0; done < hints.length && bytes < BATCH_BYTES_MAX; done++) {
    const hint = hints[done] as KeptHint;
    if (areLeft[done] === true) {
      left++;
      continue;
    }
    const reply = isReference(hint) ? replies[next++] : undefined;
    if (reply?.code === replyCodes.failed) break;
    // What is only announced is read by itself: it is large, or the answer had become long.
    if (reply !== undefined && announcesRecord(reply.code)) {
      if (done > 0) break;
      return largeBatch(hint, (await ask(replica, [largeRead(questions[0] as Entry)]))[0]);
    }
    const record = isReference(hint) ? recordIn(reply) : recordOfHint(hint);
    if (record !== undefined) pieces.push({ key: keyOfHint(hint), record });
    bytes += record?.length ?? 0;
  }
  return done === 0 ? undefined : { bytes: hintFrame(pieces), count: pieces.length, hints: done, left, isLarge: false };
}

function largeBatch(hint: KeptHint, reply: Reply | undefined): HintBatch {
  const record = recordIn(reply);
  const pieces = record === undefined ? [] : [{ key: keyOfHint(hint), record }];
  return { bytes: hintFrame(pieces), count: pieces.length, hints: 1, left: 0, isLarge: true };
}

/** Has a replica execute entries. */
export function ask(replica: Replica, entries: readonly Entry[]): Promise<Reply[]> {
  return new Promise((resolve) => replica.submit(entries, (replies) => resolve(readReplies(replies))));
}

/** The codes of some replies out of an answer. */
export function codesOf(replies: readonly Reply[], at: number, count: number): ReplyCode[] {
  return replies.slice(at, at + count).map(({ code }) => code);
}

function recordIn(reply: Reply | undefined): RecordView | undefined {
  return reply !== undefined && holdsRecord(reply.code) ? reply : undefined;
}

function keyOfHint({ image, keyStart, keyEnd }: KeptHint): Buffer {
  return image.subarray(keyStart, keyEnd);
}

function recordOfHint({ image, keyEnd, end }: KeptHint): RecordView {
  return { bytes: image, offset: keyEnd, length: end - keyEnd };
}

function readFrame(keys: readonly Buffer[]): Buffer {
  const frame = allocateFrame(keys.reduce((sum, { length }) => sum + entryBytes(length, undefined), 0));
  const head = { tag: 0, kind: operationKinds.read, quorum: { acksRequired: 1, replicaCount: 1 } } as const;
  let end = 0;
  for (const key of keys) end = writeRead(frame, end, head, key);
  return frame;
}

function hintFrame(pieces: readonly Piece[]): Buffer {
  const bytes = pieces.reduce((sum, { key, record }) => sum + ENTRY_HEADER_BYTES + key.length + record.length, 0);
  const frame = allocateFrame(bytes);
  let end = 0;
  for (const { key, record } of pieces) {
    end = writeHint(frame, end, key, record.bytes.subarray(record.offset, record.offset + record.length));
  }
  return frame;
}
