/**
 * The scans of one worker: for clients, asked for by the main thread, and for peers that coordinate a cluster scan. Begins
 * them (running-scan.ts), opens what they read, and counts them; they share the thread with point operations
 * (scan-turns.ts).
 */
import type { Buffer } from 'node:buffer';
import { type RangeBounds, encodeBounds } from '../../src/formats/range-bounds.ts';
import type { RangeRequest } from '../../src/domain/range.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import { clientFormat, entriesFormat, leftOutMark, type RangeFormat } from '../../src/formats/range-format.ts';
import type { Version } from '../../src/formats/record.ts';
import type { RangeSource } from '../ground/range-source.ts';
import { systemTime } from '../ground/time.ts';
import type { SeenVersions } from '../ground/seen-versions.ts';
import type { Standing } from '../ground/standing.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Store } from '../store/store.ts';
import { RangeDoubts } from './doubts.ts';
import { FilteredSource, sharedFilter } from './filtered-source.ts';
import { NodeRange, type OtherOwners } from './node-range.ts';
import { PeerRange } from './peer-range.ts';
import {
  RunningScan,
  type OpenedScan,
  type ScanEndKind,
  type ScanHandle,
  type ScanKind,
  type ScanOutlet,
} from './running-scan.ts';
import { RangeScan } from './scan.ts';
import { ScanTurns } from './scan-turns.ts';
import { SeekingSource, SparseSource } from './sparse-source.ts';

export interface RangeScansOptions {
  readonly store: Store;
  /** None where the node has one worker. */
  readonly owners: OtherOwners;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (RangePeer | undefined)[];
  readonly versions: Pick<SeenVersions, 'seeRecord' | 'reportIfAhead'>;
  readonly standing: Pick<Standing, 'isWhole'>;
  readonly placement: Placement;
  /** Asks the replicas of a key whether a record of this version was deleted, although some node has it. */
  readonly isDeleted: (key: Buffer, version: Version) => Promise<boolean>;
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

interface ScanStart {
  readonly kind: ScanKind;
  readonly bounds: RangeBounds;
  readonly format: RangeFormat;
  readonly limit: number | undefined;
  readonly pages: number;
  /** What is gone for readers as well. */
  readonly withTombstones: boolean;
}

export class RangeScans {
  readonly #options: RangeScansOptions;
  readonly #turns: ScanTurns;
  readonly #running = new Set<RunningScan>();
  readonly #ended = new Map<string, number>();
  #records = 0;
  #bytes = 0;

  constructor(options: RangeScansOptions) {
    this.#options = options;
    const { operationsSoFar, versions } = options;
    this.#turns = new ScanTurns({ operationsSoFar, onSliceEnd: () => versions.reportIfAhead() });
  }

  /** Begins a scan for a client. */
  startForClient(request: RangeRequest, pages: number, outlet: ScanOutlet): ScanHandle {
    const { start, end, keysOnly, limit } = request;
    const kind = request.cluster ? 'cluster' : 'node';
    const bounds = { start, end, keysOnly };
    const withTombstones = request.format === 'records';
    return this.#start({ kind, bounds, format: clientFormat(request), limit, pages, withTombstones }, outlet);
  }

  /** Begins a scan for a peer; undefined where there are too many. */
  startForPeer(bounds: RangeBounds, pages: number, outlet: ScanOutlet): ScanHandle | undefined {
    if (this.open('peer').length >= this.#options.peerScansMax) return undefined;
    return this.#start(
      { kind: 'peer', bounds, format: entriesFormat, limit: undefined, pages, withTombstones: true },
      outlet,
    );
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
    const { kind, pages } = start;
    const scan = new RunningScan({
      kind,
      pages,
      outlet,
      rangeMsMax: this.#options.rangeMsMax,
      open: (wake) => this.#open(start, wake),
      onReady: () => this.#turns.schedule(scan),
      onClosed: (end) => this.#forget(scan, end),
    });
    this.#running.add(scan);
    scan.begin();
    return scan;
  }

  #open({ kind, bounds, format, limit, withTombstones }: ScanStart, wake: () => void): OpenedScan {
    const { peers, versions, placement } = this.#options;
    // One node's tombstones hide nothing there; those of several nodes only what one of them shows.
    const own = kind === 'node' && !withTombstones ? { ...bounds, skipAfter: 0 } : bounds;
    const openings: ((part: RangeBounds) => RangeSource)[] = [(part) => this.openOwn(part, wake)];
    const nodes = [placement.selfIndex];
    for (const [node, peer] of kind === 'cluster' ? peers.entries() : []) {
      if (peer === undefined) continue;
      openings.push((part) => this.#openPeer(peer, part, wake));
      nodes.push(node);
    }
    const isSparse = kind === 'cluster' && !withTombstones;
    const sources = openings.map((open) => {
      if (!isSparse) return open(own);
      return new SeekingSource(bounds.start, (start, skipAfter) => open({ ...bounds, start, skipAfter }));
    });
    const mark = kind === 'peer' && bounds.skipAfter !== undefined ? leftOutMark : undefined;
    const doubts = kind === 'cluster' ? this.#doubts(nodes, wake) : undefined;
    const { replicationFactor } = placement;
    // What a peer asks for is judged there, by one clock for all nodes' records.
    const accepts = kind === 'peer' ? () => true : (bytes: Buffer, at: number) => versions.seeRecord(bytes, at);
    const options = { sources, format, limit, withTombstones, replicationFactor, doubts, accepts, leftOutMark: mark };
    return { scan: new RangeScan({ ...options, wallMs: systemTime.wallMs }, this.#turns.slice), sources };
  }

  /** What this node holds of a range; whoever opens it closes it. `wake` is called when it does not wait any more. */
  openOwn(bounds: RangeBounds, wake: () => void): RangeSource {
    const { store, owners, standing } = this.#options;
    const lack = standing.isWhole ? undefined : 'this node has lost data and has not got it back yet';
    const source = new NodeRange({ store, owners, bounds, lack, onChange: wake });
    const { shared, skipAfter } = bounds;
    if (shared !== undefined) return new FilteredSource(source, sharedFilter(store.digests, shared));
    if (skipAfter === undefined || skipAfter === 0) return source;
    return new SparseSource(source, skipAfter, systemTime.wallMs);
  }

  #doubts(nodes: readonly number[], wake: () => void): RangeDoubts {
    const { placement, timeoutMs: youngMs, isDeleted } = this.#options;
    return new RangeDoubts({ placement, nodes, youngMs, wallMs: systemTime.wallMs, isDeleted, wake });
  }

  #openPeer(peer: RangePeer, bounds: RangeBounds, wake: () => void): RangeSource {
    const body = encodeBounds(bounds);
    const mayLeaveOut = bounds.skipAfter !== undefined;
    const { url } = peer.status;
    const { timeoutMs } = this.#options;
    return new PeerRange({
      open: (handler) => peer.stream(body, handler),
      url,
      timeoutMs,
      mayLeaveOut,
      onChange: wake,
    });
  }

  #forget(scan: RunningScan, end: ScanEndKind): void {
    if (!this.#running.delete(scan)) return;
    const key = `${scan.kind} ${end}`;
    this.#ended.set(key, (this.#ended.get(key) ?? 0) + 1);
    this.#records += scan.records;
    this.#bytes += scan.bytes;
  }
}
