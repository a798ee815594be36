/**
 * This node's replica as its peers reach it: through any of its workers. What a worker owns it executes itself; the rest
 * of a frame goes to the owners among its siblings, and the replies are put in the order of the entries.
 *
 * Peers that have as many workers send each key to its owner (peer-connection.ts), so then there is no rest; that peers
 * may have another number of them is why correctness must not depend on the sender.
 */
import { Buffer } from 'node:buffer';
import { ownerOf } from '../../src/domain/owners.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { allocateFrame, readEntries, type Entry } from '../../src/formats/frame.ts';
import { FrameWriter, holdsRecord, readReplies, REPLY_HEADER_BYTES, type Reply } from '../../src/formats/reply.ts';
import type { ReplicaMarks } from '../../src/waits/wait-marks.ts';
import type { AnswerSibling, Siblings } from '../ground/siblings.ts';
import { ANSWER_BYTES_MAX, type LocalReplica, type Respond } from './local-replica.ts';

/** What executes entries: the worker's own replica, or this. */
export type Replica = Pick<LocalReplica, 'submit'>;

export interface OwnedReplicaOptions {
  /** This worker's own. */
  readonly replica: Replica;
  readonly siblings: Siblings;
  /** This worker's index. */
  readonly index: number;
  readonly workers: number;
}

const failed = failedReplyBytes();

export class OwnedReplica implements Replica {
  readonly #options: OwnedReplicaOptions;

  constructor(options: OwnedReplicaOptions) {
    this.#options = options;
  }

  submit(entries: readonly Entry[], respond: Respond, marks?: ReplicaMarks): void {
    const { replica, index, workers } = this.#options;
    const owners = entries.map(({ bytes, keyStart, keyEnd }) => ownerOf(hashKey(bytes, keyStart, keyEnd), workers));
    if (owners.every((owner) => owner === index)) return replica.submit(entries, respond, marks);
    return this.#split(entries, owners, respond, marks);
  }

  #split(entries: readonly Entry[], owners: readonly number[], respond: Respond, marks?: ReplicaMarks): void {
    const { replica, siblings, index } = this.#options;
    const shares = [...new Set(owners)];
    const replies = new Map<number, readonly Reply[] | undefined>();
    const take = (owner: number, bytes: Buffer | undefined): void => {
      replies.set(owner, bytes === undefined ? undefined : readReplies(bytes));
      if (replies.size === shares.length) respond(inOrder(owners, replies));
    };
    for (const owner of shares) {
      const share = entries.filter((_, at) => owners[at] === owner);
      if (owner === index) replica.submit(share, (bytes) => take(owner, bytes), marks);
      else siblings.ask(owner, 'operations', frameOf(share), (bytes) => take(owner, bytes));
    }
  }
}

/** Answers a sibling's question `operations`: this worker owns all of it. */
export function executeForSibling(replica: Replica): AnswerSibling {
  return (bytes, answer) => replica.submit(readEntries(bytes), answer);
}

/** The entries in a frame of their own. */
function frameOf(entries: readonly Entry[]): Buffer {
  const frame = allocateFrame(entries.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const { bytes, offset, length } of entries) end += bytes.copy(frame, end, offset, offset + length);
  return frame;
}

/**
 * One reply frame out of the owners' frames; an owner that gave none has failed. Each owner has kept to the bound of an
 * answer, so together they may be past it: what then comes is announced, as one owner would have done.
 */
function inOrder(owners: readonly number[], replies: ReadonlyMap<number, readonly Reply[] | undefined>): Buffer {
  const next = new Map<number, number>();
  let length = 0;
  return Buffer.concat(
    owners.map((owner) => {
      const at = next.get(owner) ?? 0;
      next.set(owner, at + 1);
      const bytes = replyBytes(replies.get(owner)?.[at], length > ANSWER_BYTES_MAX);
      length += bytes.length;
      return bytes;
    }),
  );
}

function replyBytes(reply: Reply | undefined, announces: boolean): Buffer {
  if (reply === undefined) return failed;
  const { code, bytes, offset, length } = reply;
  if (!announces || !holdsRecord(code)) return bytes.subarray(offset - REPLY_HEADER_BYTES, offset + length);
  const writer = new FrameWriter(0);
  const announcing = code === replyCodes.record ? replyCodes.large : replyCodes.recoveringLarge;
  writer.replyLarge(bytes.subarray(offset, offset + length), length, announcing);
  return writer.finish();
}

function failedReplyBytes(): Buffer {
  const writer = new FrameWriter(0);
  writer.reply(replyCodes.failed);
  return writer.finish();
}
