/**
 * The scans of one worker: for clients, asked for by the main thread, and for peers that coordinate a cluster scan.
 *
 * They share the thread with point operations: each turn of the event loop runs one scan for one slice, so that no
 * operation waits longer for all scans together than for one slice. A scan holds an LMDB snapshot, and ends when it is
 * done, when whoever asked has left, or after `rangeMsMax`.
 */
import { Buffer } from 'node:buffer';
import { messageOf } from '../../src/domain/errors.ts';
import type { RangeEnd, RangeRequest } from '../../src/domain/range.ts';
import { clientFormat, entriesFormat, type RangeFormat } from '../../src/formats/range-format.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import { PeerRange } from './peer-range.ts';
import { allocatePage } from './page.ts';
import { RangeScan, type Slice, type Stop } from './scan.ts';
import type { RangeSource } from '../ground/range-source.ts';
import type { RangeBounds, Store } from '../store/store.ts';

export interface RangeScansOptions {
  readonly store: Store;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (RangePeer | undefined)[];
  readonly versions: Pick<SeenVersions, 'seeRecord' | 'reportIfAhead'>;
  readonly replicationFactor: number;
  readonly rangeMsMax: number;
  /** How long a peer may send nothing while it is waited for. */
  readonly timeoutMs: number;
  /** Scans for peers at once. */
  readonly peerScansMax: number;
  /** A count that grows with the point operations of this thread: scans give way to them. */
  readonly operationsSoFar: () => number;
}

/** What a scan needs of a peer. */
export type RangePeer = Pick<PeerClient, 'status' | 'stream'>;

/** Who asked for a scan. */
export const scanKinds = ['node', 'cluster', 'peer'] as const;
export type ScanKind = (typeof scanKinds)[number];

/** What ends a scan: as `RangeEnd`, or whoever asked for it has left. */
export const scanEnds = ['complete', 'not-enough-replicas', 'expired', 'failed', 'cancelled'] as const;
export type ScanEndKind = (typeof scanEnds)[number];

/** Where a scan's pages go. */
export interface ScanOutlet {
  /** Takes a page's bytes; the page comes back with `giveBack`. */
  readonly onPage: (bytes: Buffer) => void;
  /** Called once, after the last page, unless the scan is cancelled. */
  readonly onEnd: (end: RangeEnd) => void;
}

/** A scan as whoever asked for it sees it. */
export interface ScanHandle {
  giveBack(page: Buffer): void;
  cancel(): void;
}

interface ScanStart {
  readonly kind: ScanKind;
  readonly bounds: RangeBounds;
  readonly format: RangeFormat;
  readonly limit: number | undefined;
  readonly pages: number;
}

/** What all scans of a turn may take together; a point operation waits for at most this, several times on its way. */
const SLICE_MS = 0.5;
/**
 * While point operations come, scans pause this long between slices: one third of the thread instead of all of it. Else
 * two scans and their readers would leave a machine of two cores no room for the operations of other threads.
 */
const GIVE_WAY_MS = 1;
/** How long after a point operation scans expect more. */
const OPERATIONS_EXPECTED_MS = 20;

export class RangeScans {
  readonly #ended = new Map<string, number>();
  #records = 0;
  #bytes = 0;
  readonly #options: RangeScansOptions;
  readonly #running = new Set<RunningScan>();
  readonly #ready: RunningScan[] = [];
  readonly #slice: Slice = { endsAt: 0 };
  #isScheduled = false;
  #operationsSeen = 0;
  #givesWayUntil = 0;

  constructor(options: RangeScansOptions) {
    this.#options = options;
  }

  /** Begins a scan for a client. */
  startForClient(request: RangeRequest, pages: number, outlet: ScanOutlet): ScanHandle {
    const { start, end, keysOnly, limit } = request;
    const kind = request.cluster ? 'cluster' : 'node';
    const bounds = { start, end, keysOnly };
    return this.#start({ kind, bounds, format: clientFormat(request), limit, pages }, outlet);
  }

  /** Begins a scan for a peer; undefined where there are too many. */
  startForPeer(bounds: RangeBounds, pages: number, outlet: ScanOutlet): ScanHandle | undefined {
    if (this.open('peer').length >= this.#options.peerScansMax) return undefined;
    return this.#start({ kind: 'peer', bounds, format: entriesFormat, limit: undefined, pages }, outlet);
  }

  /** Scans that have ended, by kind and by how they did. */
  ended(kind: ScanKind, end: ScanEndKind): number {
    return this.#ended.get(`${kind} ${end}`) ?? 0;
  }

  /** What all scans have sent so far. */
  sent(): { readonly records: number; readonly bytes: number } {
    let [records, bytes] = [this.#records, this.#bytes];
    for (const scan of this.#running) {
      records += scan.records;
      bytes += scan.bytes;
    }
    return { records, bytes };
  }

  /** When the scans of a kind that hold a snapshot began (`performance.now()`). */
  open(kind: ScanKind): number[] {
    return [...this.#running].flatMap((scan) => (scan.kind === kind ? [scan.openedAt] : []));
  }

  close(): void {
    for (const scan of this.#running) scan.cancel();
  }

  #start(start: ScanStart, outlet: ScanOutlet): ScanHandle {
    const scan = new RunningScan(start, outlet, {
      rangeMsMax: this.#options.rangeMsMax,
      open: (wake) => this.#open(start, wake),
      onReady: () => this.#schedule(scan),
      onClosed: (end) => this.#forget(scan, end),
    });
    this.#running.add(scan);
    scan.begin();
    return scan;
  }

  #open({ kind, bounds, format, limit }: ScanStart, wake: () => void): { scan: RangeScan; sources: RangeSource[] } {
    const { store, peers, versions, replicationFactor } = this.#options;
    const sources: RangeSource[] = [store.openRange(bounds)];
    if (kind === 'cluster') {
      for (const peer of peers) if (peer !== undefined) sources.push(this.#openPeer(peer, bounds, wake));
    }
    // What a peer asks for is judged there, by one clock for all nodes' records.
    const accepts = kind === 'peer' ? () => true : (bytes: Buffer, at: number) => versions.seeRecord(bytes, at);
    const options = { sources, format, limit, withTombstones: kind === 'peer', replicationFactor, accepts };
    return { scan: new RangeScan(options, this.#slice), sources };
  }

  #openPeer(peer: RangePeer, bounds: RangeBounds, wake: () => void): RangeSource {
    const body = encodeBounds(bounds);
    const { url } = peer.status;
    const { timeoutMs } = this.#options;
    return new PeerRange({ open: (handler) => peer.stream(body, handler), url, timeoutMs, onChange: wake });
  }

  #schedule(scan: RunningScan): void {
    this.#ready.push(scan);
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    if (this.#isScheduled || this.#ready.length === 0) return;
    this.#isScheduled = true;
    if (this.#givesWay(performance.now())) setTimeout(() => this.#runOne(), GIVE_WAY_MS);
    else setImmediate(() => this.#runOne());
  }

  #givesWay(now: number): boolean {
    const operations = this.#options.operationsSoFar();
    if (operations !== this.#operationsSeen) this.#givesWayUntil = now + OPERATIONS_EXPECTED_MS;
    this.#operationsSeen = operations;
    return now < this.#givesWayUntil;
  }

  /** One scan a turn, in order: whatever else waits for this thread comes in between. */
  #runOne(): void {
    this.#isScheduled = false;
    const scan = this.#ready.shift();
    this.#slice.endsAt = performance.now() + SLICE_MS;
    if (scan?.resume() === true) this.#ready.push(scan);
    this.#options.versions.reportIfAhead();
    this.#scheduleNext();
  }

  #forget(scan: RunningScan, end: ScanEndKind): void {
    if (!this.#running.delete(scan)) return;
    const key = `${scan.kind} ${end}`;
    this.#ended.set(key, (this.#ended.get(key) ?? 0) + 1);
    this.#records += scan.records;
    this.#bytes += scan.bytes;
  }
}

interface ScanLife {
  readonly rangeMsMax: number;
  readonly open: (wake: () => void) => { scan: RangeScan; sources: RangeSource[] };
  readonly onReady: () => void;
  readonly onClosed: (end: ScanEndKind) => void;
}

class RunningScan implements ScanHandle {
  readonly kind: ScanKind;
  readonly openedAt = performance.now();
  bytes = 0;
  readonly #outlet: ScanOutlet;
  readonly #life: ScanLife;
  readonly #free: Buffer[];
  #opened: { scan: RangeScan; sources: RangeSource[] } | undefined;
  #steps: Generator<Stop, RangeEnd> | undefined;
  /** What it stands still for; undefined while it is in the queue or running. */
  #parkedFor: Stop | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor({ kind, pages }: ScanStart, outlet: ScanOutlet, life: ScanLife) {
    this.kind = kind;
    this.#outlet = outlet;
    this.#life = life;
    this.#free = Array.from({ length: pages }, allocatePage);
  }

  get records(): number {
    return this.#opened?.scan.records ?? 0;
  }

  begin(): void {
    this.#timer = setTimeout(() => this.#finish({ kind: 'expired' }), this.#life.rangeMsMax);
    this.#timer.unref();
    this.#guard(() => {
      this.#opened = this.#life.open(() => this.#unpark('source'));
      this.#steps = this.#opened.scan.steps();
      this.#life.onReady();
    });
  }

  /** Runs for a slice; returns whether it could go on. */
  resume(): boolean {
    if (this.#isOver) return false;
    return this.#guard(() => this.#run()) ?? false;
  }

  giveBack(page: Buffer): void {
    if (this.#isOver) return;
    this.#free.push(page);
    this.#unpark('page');
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#close('cancelled');
  }

  #run(): boolean {
    for (;;) {
      if (!this.#hasPage()) return this.#park('page');
      const step = (this.#steps as Generator<Stop, RangeEnd>).next();
      if (step.done === true) {
        this.#finish(step.value);
        return false;
      }
      if (step.value === 'time') return true;
      this.#deliver();
      if (step.value === 'source') return this.#park('source');
    }
  }

  #hasPage(): boolean {
    const page = this.#opened?.scan.page;
    if (page === undefined || page.bytes.length > 0) return true;
    const free = this.#free.pop();
    if (free === undefined) return false;
    page.bytes = free;
    page.length = 0;
    return true;
  }

  /** Sends what the page holds. */
  #deliver(): void {
    const page = this.#opened?.scan.page;
    if (page === undefined || page.length === 0) return;
    const bytes = page.bytes.subarray(0, page.length);
    page.bytes = noPage;
    page.length = 0;
    this.bytes += bytes.length;
    this.#outlet.onPage(bytes);
  }

  #park(stop: Stop): boolean {
    this.#parkedFor = stop;
    return false;
  }

  #unpark(stop: Stop): void {
    if (this.#parkedFor !== stop) return;
    this.#parkedFor = undefined;
    this.#life.onReady();
  }

  /** What the store throws ends this scan and nothing else. */
  #guard<Result>(run: () => Result): Result | undefined {
    try {
      return run();
    } catch (error) {
      this.#finish({ kind: 'failed', detail: messageOf(error), isMidRecord: false });
      return undefined;
    }
  }

  #finish(end: RangeEnd): void {
    if (this.#isOver) return;
    this.#deliver();
    const isMidRecord = this.#opened?.scan.isMidRecord === true;
    this.#close(end.kind);
    const brokenOff = isMidRecord && end.kind !== 'complete';
    this.#outlet.onEnd(brokenOff ? { kind: 'failed', detail: `A record broke off: ${end.kind}`, isMidRecord } : end);
  }

  #close(end: ScanEndKind): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const source of this.#opened?.sources ?? []) source.close();
    this.#free.length = 0;
    this.#life.onClosed(end);
  }
}

const noPage = Buffer.alloc(0);

/** The bounds as a peer gets them: base64, since keys are bytes. */
function encodeBounds({ start, end, keysOnly }: RangeBounds): string {
  const text = (key: Uint8Array): string => Buffer.from(key).toString('base64');
  return JSON.stringify({ start: text(start), end: end === undefined ? null : text(end), keysOnly });
}

/** Reads what `encodeBounds` wrote; undefined where it is something else, or has a key that a client's cannot be. */
export function decodeBounds(body: Buffer, keyBytesMax: number): RangeBounds | undefined {
  try {
    const { start, end, keysOnly } = JSON.parse(body.toString()) as Record<string, unknown>;
    if (typeof start !== 'string' || typeof keysOnly !== 'boolean') return undefined;
    if (end !== null && typeof end !== 'string') return undefined;
    const bounds = { start: Buffer.from(start, 'base64'), end: end === null ? undefined : Buffer.from(end, 'base64') };
    const isKey = (key: Buffer): boolean => key.length > 0 && key.length <= keyBytesMax;
    if (!isKey(bounds.start) || (bounds.end !== undefined && !isKey(bounds.end))) return undefined;
    return { ...bounds, keysOnly };
  } catch {
    return undefined;
  }
}
