/**
 * Merges the stores of peers into this one while the node recovers (src/domain/recovery.ts): reads the whole range of one
 * peer after the other, keeps what this node replicates, and hands it to the replica as repairs, so that merging decides.
 *
 * Bounded: what a stream may hold, one batch under way, a snapshot of the peer's for half a minute at a time. It gives way
 * to clients: a batch waits while they come. It goes on behind the last key that is durable here, after a break of the
 * stream and after a restart of either node. One worker of a node does it for all.
 *
 * What is damaged at a peer is not missing there: the peer counts as merged when each such key was read from it after all, since
 * it was mended or written anew.
 *
 * Peers tell their purge floors (src/domain/purge.ts). The one with the highest is merged first, and where all nodes keep all keys this
 * node takes its floor then: what is missing at both and older was deleted, and a peer that still has it brings nothing back. Where nodes
 * keep different keys the least of all floors is taken in the end.
 */
import { Buffer } from 'node:buffer';
import { replicatesHere } from '../../src/domain/recovery.ts';
import type { ClusterList, Source } from '../../src/domain/node-claim.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { allocateFrame, ENTRY_HEADER_BYTES, readEntries, writeRepair, type Entry } from '../../src/formats/frame.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { Version } from '../../src/formats/record.ts';
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
  /** Records of a peer are damaged there. */
  readonly onDamaged: (url: string) => void;
  /** What is missing here and older than this was deleted. */
  readonly onFloor: (below: Version) => void;
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
/** Between two looks whether a peer has mended what is damaged there. */
const MENDED_MS = 2000;
/** Damaged keys of one source that are remembered; with more it is not read on before some are mended. */
const DAMAGED_MAX = 1000;

/** What has been read of a source. */
interface Position {
  upTo: string;
  records: number;
  bytes: number;
  toldAt: number;
  /** Keys that are damaged there, in latin1, and how far it was read before the first of them. */
  readonly damaged: Set<string>;
  soundUpTo: string | undefined;
  isRead: boolean;
  /** What the peer said before its first record. */
  floor: Version | undefined;
}

type Turn = 'done' | 'more' | 'failed';

export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #isOwn: (keyHash: number) => boolean;
  readonly #positions = new Map<string, Position>();
  /** Floors of the sources that this process has merged, those that do not count as 0. */
  readonly #floors = new Map<string, Version>();
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

  /** The node votes now, merged with these: takes the floor that holds for all keys. */
  takeFloorOf(urls: readonly string[]): void {
    const merged = new Set([...urls, ...this.#floors.keys()]);
    // Of what another process has merged nobody knows the floor.
    const below = Math.min(...[...merged].map((url) => this.#floors.get(url) ?? 0));
    if (below > 0 && merged.size > 0) this.#options.onFloor(below);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let at = 0; this.#sources.length > 0;) {
      await this.#askFloors();
      const inOrder = this.#sources.toSorted((left, right) => this.#floorOf(right) - this.#floorOf(left));
      const source = inOrder[at % inOrder.length];
      // The node may have recovered meanwhile.
      if (source === undefined) break;
      const turn = await this.#merge(source).catch((): Turn => 'failed');
      if (turn === 'done') this.#sources = this.#sources.filter((one) => one !== source);
      if (turn !== 'failed') continue;
      at++;
      await pause(this.#positionOf(source).isRead ? MENDED_MS : AGAIN_MS);
    }
    this.#isRunning = false;
  }

  /** Of each source that has not said its floor: opens a range of one key for it. A peer that does not answer is asked again. */
  async #askFloors(): Promise<void> {
    for (const source of this.#sources) {
      const position = this.#positionOf(source);
      const key = Buffer.from([0]);
      if (position.floor === undefined) await this.#mergeKey(source, position, key).catch(() => undefined);
    }
  }

  #floorOf(source: Source): Version {
    return this.#positionOf(source).floor ?? 0;
  }

  /** Merges a source, as far as one stream goes. */
  async #merge(source: Source): Promise<Turn> {
    const peer = this.#options.peerAt(source.url);
    const position = this.#positionOf(source);
    // What it says of itself must be of now, before the first record and behind the last.
    await peer?.introduce();
    if (peer === undefined || !this.#isWanted(source)) return 'failed';
    const turn = position.isRead ? 'done' : await this.#readOn(peer, source, position);
    if (turn === 'done') position.isRead = true;
    const areMended = await this.#mergeDamaged(source, position);
    const isWhole = turn === 'done' && areMended;
    if (isWhole) await peer.introduce();
    this.#tell(source, position, isWhole);
    if (isWhole) this.#noteFloor(source, position);
    return turn === 'done' && !areMended ? 'failed' : turn;
  }

  async #readOn(peer: Pick<PeerClient, 'stream'>, source: Source, position: Position): Promise<Turn> {
    if (position.damaged.size >= DAMAGED_MAX) return 'failed';
    const stream = this.#stream(peer, source, { start: this.#startFrom(position), end: undefined });
    try {
      return await this.#readAll(stream, source, position);
    } finally {
      position.floor ??= stream.range.floor;
      stream.range.close();
    }
  }

  /** Reads again what was damaged; whether none of it is any more. */
  async #mergeDamaged(source: Source, position: Position): Promise<boolean> {
    for (const name of position.damaged) {
      if (await this.#mergeKey(source, position, Buffer.from(name, 'latin1'))) position.damaged.delete(name);
      else break;
    }
    if (position.damaged.size === 0) position.soundUpTo = undefined;
    else if (position.isRead) this.#options.onDamaged(source.url);
    return position.damaged.size === 0;
  }

  /** Merges one key; whether the peer knows what it has under it. */
  async #mergeKey(source: Source, position: Position, key: Buffer): Promise<boolean> {
    const peer = this.#options.peerAt(source.url);
    if (peer === undefined) return false;
    const stream = this.#stream(peer, source, { start: key, end: Buffer.concat([key, Buffer.from([0])]) });
    const one: Position = { ...position, damaged: new Set() };
    try {
      return (await this.#readAll(stream, source, one)) === 'done' && one.damaged.size === 0;
    } finally {
      if (stream.range.state === 'ended') position.floor ??= stream.range.floor;
      stream.range.close();
    }
  }

  #stream(peer: Pick<PeerClient, 'stream'>, { url }: Source, bounds: Pick<RangeBounds, 'start' | 'end'>) {
    return new PeerRangeStream(peer, url, { ...bounds, keysOnly: false, tellsDamaged: true }, this.#options.timeoutMs);
  }

  #noteFloor({ url, as }: Source, { floor = 0 }: Position): void {
    const { list, onFloor } = this.#options;
    const counts = as === 'voting' ? floor : 0;
    this.#floors.set(url, counts);
    const keepAll = list.replicationFactor >= list.urls.length;
    if (keepAll && counts > 0) onFloor(counts);
  }

  async #readAll({ range, change }: PeerRangeStream, source: Source, position: Position): Promise<Turn> {
    const endsAt = performance.now() + STREAM_MS_MAX;
    const batch = new Batch(this.#isOwn);
    for (;;) {
      while (range.state === 'waiting') await change();
      if (range.state !== 'entry') break;
      if (range.entry.recordBytes === 0) {
        if (batch.takes(range)) this.#noteDamaged(position, range);
        batch.passed(range);
      } else if (range.isLarge && batch.takes(range)) {
        const large = await takeLarge(range, change);
        if (large === undefined) break;
        await this.#submit([large], source);
        batch.passed(range);
      } else {
        batch.add(range);
      }
      range.advance();
      if (batch.isFull) await this.#finish(batch, source, position);
      if (position.damaged.size >= DAMAGED_MAX) break;
      if (performance.now() > endsAt || !this.#isWanted(source)) return 'more';
    }
    const isWhole = range.state === 'ended';
    await this.#finish(batch, source, position);
    return isWhole ? 'done' : 'failed';
  }

  #noteDamaged(position: Position, { entry: { key, keyStart, keyEnd } }: PeerRange): void {
    position.soundUpTo ??= position.upTo;
    position.damaged.add(key.toString('latin1', keyStart, keyEnd));
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
    const { records, bytes } = position;
    // A restart begins before what is damaged.
    const upTo = position.soundUpTo ?? position.upTo;
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
    const known: Position = this.#positions.get(name) ?? {
      upTo,
      records: 0,
      bytes: 0,
      toldAt: performance.now(),
      damaged: new Set(),
      soundUpTo: undefined,
      isRead: false,
      floor: undefined,
    };
    this.#positions.set(name, known);
    return known;
  }

  #startFrom({ upTo }: Position): Buffer {
    const last = Buffer.from(upTo, 'base64');
    // Behind the last key comes the same one with a zero byte more, if a key may be so long.
    return last.length < this.#options.keyBytesMax ? Buffer.concat([last, Buffer.from([0])]) : last;
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
