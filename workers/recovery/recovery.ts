/**
 * Merges the stores of peers into this one while the node recovers (src/domain/recovery.ts): reads the whole range of one
 * peer after the other, keeps what this node replicates, and hands it to the replica as repairs, so that merging decides.
 *
 * Bounded: what a stream may hold, one batch under way, a snapshot of the peer's for half a minute at a time. It gives way
 * to clients: a batch waits while they come. It goes on behind the last key that is durable here, after a break of the
 * stream and after a restart of either node. One worker of a node does it for all.
 */
import { Buffer } from 'node:buffer';
import { replicatesHere } from '../../src/domain/recovery.ts';
import type { ClusterList, Source } from '../../src/domain/node-claim.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { allocateFrame, ENTRY_HEADER_BYTES, readEntries, writeRepair, type Entry } from '../../src/formats/frame.ts';
import { encodeBounds } from '../../src/formats/range-bounds.ts';
import { readReplies } from '../../src/formats/reply.ts';
import type { MergeProgress } from '../../src/protocol/workers.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { PeerRange } from '../ranges/peer-range.ts';
import { PeerRangeStream } from '../ranges/peer-stream.ts';
import type { Replica } from '../replica/owned-replica.ts';

export interface RecoveryOptions {
  readonly list: ClusterList;
  readonly self: string;
  readonly peerAt: (url: string) => Pick<PeerClient, 'stream' | 'introduce'> | undefined;
  /** All workers' together. */
  readonly replica: Replica;
  readonly keyBytesMax: number;
  readonly timeoutMs: number;
  /** A count that grows with the point operations of this thread. */
  readonly operationsSoFar: () => number;
  /** So much of a source is merged and durable. */
  readonly onMerged: (progress: MergeProgress) => void;
  /** A record of a peer's could not be merged. */
  readonly onRefused: (url: string) => void;
}

/** A batch: about a millisecond of merging. */
const BATCH_RECORDS = 256;
const BATCH_BYTES = 256 * 1024;
/** Between two batches while clients come, milliseconds. */
const GIVE_WAY_MS = 5;
/** How long one stream lasts: meanwhile the peer's store keeps what it shows. */
const STREAM_MS_MAX = 30_000;
/** Between two words of how far it has come. */
const TELL_MS = 1000;
/** After a stream that broke off, and while the disk is full. */
const AGAIN_MS = 500;

/** What has been read of a source. */
interface Position {
  upTo: string;
  records: number;
  bytes: number;
  toldAt: number;
}

export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #isOwn: (keyHash: number) => boolean;
  readonly #positions = new Map<string, Position>();
  #sources: readonly Source[] = [];
  #isRunning = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#isOwn = replicatesHere(options.list, options.self);
  }

  /** What is to be merged from now on; what is not among it any more is left where it is. */
  take(sources: readonly Source[]): void {
    this.#sources = sources;
    if (!this.#isRunning && sources.length > 0) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let turn = 0; this.#sources.length > 0; turn++) {
      const source = this.#sources[turn % this.#sources.length] as Source;
      const isDone = await this.#merge(source).catch(() => false);
      if (isDone) this.#sources = this.#sources.filter((one) => one !== source);
      else await pause(AGAIN_MS);
    }
    this.#isRunning = false;
  }

  /** Merges a source, as far as one stream goes; whether that was all of it. */
  async #merge(source: Source): Promise<boolean> {
    const peer = this.#options.peerAt(source.url);
    const position = this.#positionOf(source);
    // What it says of itself must be of now, before the first record and behind the last.
    await peer?.introduce();
    if (peer === undefined || !this.#isWanted(source)) return false;
    const stream = new PeerRangeStream(peer, source.url, this.#boundsFrom(position), this.#options.timeoutMs);
    try {
      const isWhole = await this.#readAll(stream, source, position);
      if (isWhole) await peer.introduce();
      this.#tell(source, position, isWhole);
      return isWhole;
    } finally {
      stream.range.close();
    }
  }

  async #readAll({ range, change }: PeerRangeStream, source: Source, position: Position): Promise<boolean> {
    const endsAt = performance.now() + STREAM_MS_MAX;
    const batch = new Batch(this.#isOwn);
    for (;;) {
      while (range.state === 'waiting') await change();
      if (range.state !== 'entry') break;
      if (range.isLarge && batch.takes(range)) {
        const large = await takeLarge(range, change);
        if (large === undefined) break;
        await this.#submit([large], source);
        batch.passed(range);
      } else {
        batch.add(range);
      }
      range.advance();
      if (batch.isFull) await this.#finish(batch, source, position);
      if (performance.now() > endsAt || !this.#isWanted(source)) return false;
    }
    const isWhole = range.state === 'ended';
    await this.#finish(batch, source, position);
    return isWhole;
  }

  /** Has a batch made durable, and says so now and then. */
  async #finish(batch: Batch, source: Source, position: Position): Promise<void> {
    const before = this.#options.operationsSoFar();
    const { entries, lastKey, records, bytes } = batch.take();
    if (entries.length > 0) await this.#submit(entries, source);
    if (lastKey !== undefined) position.upTo = lastKey.toString('base64');
    position.records += records;
    position.bytes += bytes;
    if (performance.now() - position.toldAt > TELL_MS) this.#tell(source, position, false);
    const own = entries.length > 0 ? 1 : 0;
    await pause(this.#options.operationsSoFar() > before + own ? GIVE_WAY_MS : 0);
  }

  /** Resolves when the entries are durable here, or something newer is. */
  async #submit(entries: readonly Entry[], { url }: Source): Promise<void> {
    for (let left = entries; left.length > 0;) {
      const replies = await new Promise<Buffer>((resolve) => this.#options.replica.submit(left, resolve));
      const codes = readReplies(replies).map(({ code }) => code);
      if (codes.includes(replyCodes.failed)) this.#options.onRefused(url);
      left = left.filter((_, at) => codes[at] === replyCodes.full);
      if (left.length > 0) await pause(AGAIN_MS);
    }
  }

  #tell(source: Source, position: Position, isDone: boolean): void {
    const { upTo, records, bytes } = position;
    position.toldAt = performance.now();
    this.#options.onMerged({ source, upTo, isDone, records, bytes });
  }

  #isWanted(source: Source): boolean {
    return this.#sources.some(
      ({ url, storeId, as }) => url === source.url && storeId === source.storeId && as === source.as,
    );
  }

  #positionOf({ url, storeId, as, upTo }: Source): Position {
    const name = `${url} ${storeId} ${as}`;
    const known = this.#positions.get(name) ?? { upTo, records: 0, bytes: 0, toldAt: performance.now() };
    this.#positions.set(name, known);
    return known;
  }

  #boundsFrom({ upTo }: Position): string {
    const last = Buffer.from(upTo, 'base64');
    // Behind the last key comes the same one with a zero byte more, if a key may be so long.
    const start = last.length < this.#options.keyBytesMax ? Buffer.concat([last, Buffer.from([0])]) : last;
    return encodeBounds({ start, end: undefined, keysOnly: false });
  }
}

/** What is to be merged together, and what was passed over on the way. */
class Batch {
  readonly #isOwn: (keyHash: number) => boolean;
  #entries: Entry[] = [];
  #records = 0;
  #bytes = 0;
  #lastKey: Buffer | undefined;

  constructor(isOwn: (keyHash: number) => boolean) {
    this.#isOwn = isOwn;
  }

  get isFull(): boolean {
    return this.#records >= BATCH_RECORDS || this.#bytes >= BATCH_BYTES;
  }

  /** Whether this node keeps the head's record. */
  takes({ entry: { key, keyStart, keyEnd } }: PeerRange): boolean {
    return this.#isOwn(hashKey(key, keyStart, keyEnd));
  }

  /** Adds the head, which is small, or passes over it. */
  add(range: PeerRange): void {
    const { key, keyStart, keyEnd, bytes, offset, length } = range.entry;
    if (this.takes(range)) {
      const frame = allocateFrame(ENTRY_HEADER_BYTES + keyEnd - keyStart + length);
      writeRepair(frame, unvouched, key.subarray(keyStart, keyEnd), bytes.subarray(offset, offset + length));
      this.#entries.push(...readEntries(frame));
    }
    this.passed(range);
  }

  passed({ entry: { key, keyStart, keyEnd, recordBytes } }: PeerRange): void {
    this.#lastKey = Buffer.from(key.subarray(keyStart, keyEnd));
    this.#records++;
    this.#bytes += recordBytes + keyEnd - keyStart;
  }

  take() {
    const taken = { entries: this.#entries, records: this.#records, bytes: this.#bytes, lastKey: this.#lastKey };
    this.#entries = [];
    [this.#records, this.#bytes] = [0, 0];
    return taken;
  }
}

/** A repair counts for no quorum. */
/** One peer's record says nothing of what the others have. */
const unvouched = { quorum: { acksRequired: 1, replicaCount: 1 }, isVouched: false };

/** The head's large record as an entry; undefined where its value broke off. */
async function takeLarge(range: PeerRange, change: () => Promise<void>): Promise<Entry | undefined> {
  const { key, keyStart, keyEnd, bytes, offset, length, recordBytes } = range.entry;
  const frame = allocateFrame(ENTRY_HEADER_BYTES + keyEnd - keyStart + recordBytes);
  writeRepair(frame, unvouched, key.subarray(keyStart, keyEnd), bytes.subarray(offset, offset + length));
  let end = ENTRY_HEADER_BYTES + keyEnd - keyStart + length;
  while (range.hasValue) {
    const piece = range.takeValue();
    if (piece !== undefined) end += piece.copy(frame, end);
    else if (range.hasValue) await change();
  }
  return end === frame.length ? readEntries(frame)[0] : undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}
