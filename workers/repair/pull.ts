/**
 * Pulls what a peer holds in some buckets and this node lacks: lists the keys and stamps there, compares each with its own, reads
 * what is newer from the peer, and stores it as repairs, so that merging decides.
 *
 * Bounded: a batch at a time, by bytes a second, and with a pause while clients come. What broke off is found again by the next
 * comparison, as far as it still differs.
 */
import { Buffer } from 'node:buffer';
import { covers } from '../../src/domain/merge.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import {
  allocateFrame,
  ENTRY_HEADER_BYTES,
  entryFlags,
  keyOf,
  readEntries,
  writeRead,
  writeRepair,
  type Entry,
} from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import {
  isLargeRecord,
  readVersion,
  RECORD_HEADER_BYTES,
  type NodeId,
  type Version,
} from '../../src/formats/record.ts';
import { announcesRecord, holdsRecord, readReplies, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import { PeerRangeStream } from '../ranges/peer-stream.ts';
import type { Replica } from '../replica/owned-replica.ts';

export interface PullOptions {
  readonly peer: Pick<PeerClient, 'stream' | 'submit' | 'flush'>;
  readonly url: string;
  /** Of this node. */
  readonly selfId: NodeId;
  /** All workers' together. */
  readonly replica: Replica;
  readonly timeoutMs: number;
  /** Resolves when so many bytes more may go. */
  readonly pace: (bytes: number) => Promise<void>;
  /** What stands here under a key is damaged. */
  readonly onDamaged: (key: Buffer) => void;
  readonly onPulled: (records: number, bytes: number) => void;
}

/** A record that the peer lists. */
interface Listed {
  readonly key: Buffer;
  /** The record's header. */
  readonly stamp: Buffer;
}

const BATCH_RECORDS = 256;
/** While the disk is full. */
const AGAIN_MS = 500;
/** A repair counts for no quorum, and one peer's record says nothing of what the others have. */
const quorum = { acksRequired: 1, replicaCount: 1 };
const unvouched = { quorum, isVouched: false };

/** Resolves to whether all that was stamped before `before` has been pulled. */
export async function pull(buckets: Uint8Array, before: Version, options: PullOptions): Promise<boolean> {
  const { peer, url, selfId, timeoutMs } = options;
  const bounds = { start: Buffer.from([0]), end: undefined, keysOnly: true, shared: { nodeId: selfId, buckets } };
  const { range, change } = new PeerRangeStream(peer, url, bounds, timeoutMs);
  let isWhole = true;
  let batch: Listed[] = [];
  const finish = async (): Promise<void> => {
    const listed = batch;
    batch = [];
    if (listed.length > 0 && !(await pullBatch(listed, options))) isWhole = false;
  };
  try {
    for (;;) {
      while (range.state === 'waiting') await change();
      if (range.state !== 'entry') break;
      const { key, keyStart, keyEnd, bytes, offset } = range.entry;
      // What was stamped since is on its way, or it is found the next time.
      if (readVersion(bytes, offset) < before) {
        const stamp = Buffer.from(bytes.subarray(offset, offset + RECORD_HEADER_BYTES));
        batch.push({ key: Buffer.from(key.subarray(keyStart, keyEnd)), stamp });
      }
      range.advance();
      if (batch.length >= BATCH_RECORDS) await finish();
    }
    const isListed = range.state === 'ended';
    await finish();
    return isListed && isWhole;
  } finally {
    range.close();
  }
}

/** Resolves to whether all of it is here now. */
async function pullBatch(listed: readonly Listed[], options: PullOptions): Promise<boolean> {
  await options.pace(listed.reduce((sum, { key, stamp }) => sum + key.length + stamp.length, 0));
  const own = await askOwn(readsOf(listed, entryFlags.announceOnly), options.replica);
  const missing: Listed[] = [];
  for (const [at, one] of listed.entries()) {
    const reply = own[at] as Reply;
    if (reply.code === replyCodes.damaged) options.onDamaged(one.key);
    else if (isNewer(one, reply)) missing.push(one);
  }
  if (missing.length === 0) return true;
  const replies = await askPeer(readsOf(missing, 0), options);
  if (replies === undefined) return false;
  let isWhole = true;
  const small: Entry[] = [];
  for (const [at, { key }] of missing.entries()) {
    const reply = await wholeReply(key, replies[at] as Reply, options);
    if (reply === undefined) isWhole = false;
    else if (!holdsRecord(reply.code)) continue;
    else if (isLargeRecord(reply.length)) await store([repairOf(key, reply)], options);
    else small.push(repairOf(key, reply));
  }
  await store(small, options);
  return isWhole;
}

function isNewer({ stamp }: Listed, own: Reply): boolean {
  if (!tellsRecord(own)) return own.code === replyCodes.absent || own.code === replyCodes.recovering;
  return !covers(own, { bytes: stamp, offset: 0, length: stamp.length });
}

/** The peer's record, asked for by itself where it was only announced; undefined where the peer did not give it. */
async function wholeReply(key: Buffer, reply: Reply, options: PullOptions): Promise<Reply | undefined> {
  if (!isReplyTo(operationKinds.read, reply) || reply.code === replyCodes.failed) return undefined;
  if (!announcesRecord(reply.code)) return reply;
  const frame = readsOf([{ key }], entryFlags.largeRead);
  const [whole] = (await askPeer(frame, { ...options, isLarge: true })) ?? [];
  return whole !== undefined && isReplyTo(operationKinds.read, whole) && holdsRecord(whole.code) ? whole : undefined;
}

/** Has records made durable here, or something newer; waits while the disk is full. */
async function store(entries: readonly Entry[], { replica, pace, onDamaged, onPulled }: PullOptions): Promise<void> {
  const bytes = entries.reduce((sum, { length }) => sum + length, 0);
  if (entries.length === 0) return;
  await pace(bytes);
  for (let left = entries; left.length > 0;) {
    const replies = await submit(left, replica);
    for (const [at, entry] of left.entries()) {
      if (replies[at]?.code === replyCodes.damaged) onDamaged(Buffer.from(keyOf(entry)));
    }
    left = left.filter((_, at) => replies[at]?.code === replyCodes.full);
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  onPulled(entries.length, bytes);
}

function askOwn(frame: Buffer, replica: Replica): Promise<readonly Reply[]> {
  return submit(readEntries(frame), replica);
}

/** What this node's replica says to entries. */
export function submit(entries: readonly Entry[], replica: Replica): Promise<readonly Reply[]> {
  return new Promise((resolve) => replica.submit(entries, (bytes) => resolve(readReplies(bytes))));
}

/** The peer's replies to a frame of reads; undefined where it could not be asked, or not in time. */
export function askPeer(
  bytes: Buffer,
  {
    peer,
    timeoutMs,
    isLarge = false,
  }: Pick<PullOptions, 'timeoutMs'> & {
    readonly peer: Pick<PeerClient, 'submit' | 'flush'>;
    readonly isLarge?: boolean;
  },
): Promise<readonly Reply[] | undefined> {
  const count = readEntries(bytes).length;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), isLarge ? LARGE_TIMEOUTS * timeoutMs : timeoutMs);
    const end = (replies: readonly Reply[] | undefined): void => {
      clearTimeout(timer);
      resolve(replies);
    };
    const onReplies = (replies: readonly Reply[], at: number): void => end(replies.slice(at, at + count));
    peer.submit({ bytes, count, isLarge, onReplies, onFailed: () => end(undefined) });
    peer.flush();
  });
}

/** A value of 256 MiB takes longer than a small request may. */
const LARGE_TIMEOUTS = 10;

/** A frame of reads. */
export function readsOf(keys: readonly Pick<Listed, 'key'>[], flags: number): Buffer {
  const frame = allocateFrame(keys.reduce((sum, { key }) => sum + ENTRY_HEADER_BYTES + key.length, 0));
  let end = 0;
  for (const { key } of keys) end = writeRead(frame, end, { tag: 0, kind: operationKinds.read, quorum, flags }, key);
  return frame;
}

/** The record of a reply as a repair, in a frame of its own. */
export function repairOf(key: Buffer, { bytes, offset, length }: Reply, isVouched = false): Entry {
  const frame = allocateFrame(ENTRY_HEADER_BYTES + key.length + length);
  writeRepair(frame, { ...unvouched, isVouched }, key, bytes.subarray(offset, offset + length));
  return readEntries(frame)[0] as Entry;
}
