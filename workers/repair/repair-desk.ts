/**
 * Repair in a worker. Each answers for what it owns and mends what is damaged there; the first one compares this node with its
 * peers and pulls what is missing (peer-repair.ts), for all of them.
 */
import type { Buffer } from 'node:buffer';
import { identicalSince, paced, type Pace } from '../../src/domain/comparison.ts';
import { Buckets } from '../../src/domain/digests.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import { decodeDigestQuestion, encodeDigestAnswer } from '../../src/formats/digest-messages.ts';
import type { Version } from '../../src/formats/record.ts';
import type { NodeContents, RepairStatus } from '../../src/protocol/repair.ts';
import type { WorkerSettings } from '../../src/settings/settings.ts';
import { Semaphore } from '../ground/semaphore.ts';
import type { Siblings } from '../ground/siblings.ts';
import type { Standing } from '../ground/standing.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { RangeScans } from '../ranges/scans.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { Replica } from '../replica/owned-replica.ts';
import type { Store } from '../store/store.ts';
import { digestContents } from './contents.ts';
import { DigestDesk } from './digest-desk.ts';
import { GivingWay } from './giving-way.ts';
import { Mend } from './mend.ts';
import { PeerRepair } from './peer-repair.ts';
import { isDeleted } from './replies-of.ts';
import { SurplusDesk } from './surplus-desk.ts';

export interface RepairDeskOptions {
  readonly settings: WorkerSettings;
  readonly placement: Placement;
  readonly index: number;
  readonly store: Store;
  readonly siblings: Siblings;
  readonly standing: Standing;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly ranges: RangeScans;
  /** This worker's own replica, and that of all workers together. */
  readonly own: LocalReplica;
  readonly all: Replica;
  readonly nowMicros: () => Version;
}

/** Beyond what a write may take and clocks may differ, microseconds: by then a log of durability `commit` is synced, too. */
const GRACE_MICROS = 2_000_000;
/** Versions of repairs that come together are told together, milliseconds. */
const LATE_MS = 20;

export class RepairDesk {
  readonly desk: DigestDesk;
  readonly surplus: SurplusDesk;
  readonly #options: RepairDeskOptions;
  readonly #givingWay: GivingWay;
  readonly #peers = new Map<string, PeerRepair>();
  readonly #mend: Mend;
  #pace: Pace = { freeAt: 0 };
  #isDigesting = false;
  /** The oldest version of a repair that was not told yet. */
  #late: Version | undefined;
  #lateTimer: NodeJS.Timeout | undefined;

  constructor(options: RepairDeskOptions) {
    const { settings, placement, index, store, siblings, peers, own, all } = options;
    this.#options = options;
    this.#givingWay = new GivingWay(() => own.batches);
    this.desk = new DigestDesk({
      held: store.digests,
      siblings,
      index,
      workers: settings.workers,
      givingWay: this.#givingWay,
      onLate: (version) => {
        for (const peer of this.#peers.values()) peer.cameLate(version);
      },
    });
    this.#mend = new Mend({
      placement,
      peers,
      replica: all,
      timeoutMs: settings.timeoutMs,
      pause: () => this.#givingWay.pause(),
      drop: (key) => store.dropDamaged(key),
      onMended: () => void store.rebuildDigests(),
    });
    const { timeoutMs } = settings;
    const pace = (bytes: number): Promise<void> => this.#waitFor(bytes);
    this.surplus = new SurplusDesk({ surplus: store.surplus, placement, peers, timeoutMs, pace });
    own.onRepaired = (version) => this.#noteLate(version);
    if (index === 0) this.#addPeers();
  }

  /** What is known of each peer, where this worker compares; and what it found damaged. */
  get status(): RepairStatus {
    const peers = [...this.#peers.values()].map(({ status }) => status);
    return { peers, damaged: this.#mend.status, surplus: this.surplus.status };
  }

  get peers(): ReadonlyMap<string, PeerRepair> {
    return this.#peers;
  }

  /**
   * All that is stamped below this is known to be the same here and at the peer, as durable as the durability says on both; 0
   * where nothing is known, or of a worker that does not compare. It goes back when something older comes.
   */
  identicalSince(url: string): Version {
    const peer = this.#peers.get(url);
    return peer === undefined ? 0 : identicalSince(peer.known);
  }

  /** The peer with this index among the nodes has come up. */
  peerUp(node: number): void {
    this.#peers.get(this.#options.settings.topology.nodes[node]?.url ?? '')?.cameUp();
  }

  /** A record of this worker's store is damaged. */
  noteDamaged(key: Buffer): void {
    this.#mend.note(key);
  }

  /** Compares with all peers now. */
  begin(): void {
    for (const peer of this.#peers.values()) peer.begin();
  }

  /** Answers a peer's question for digests; why not, where it cannot. */
  async answer(body: Buffer): Promise<Buffer | string> {
    const { store, standing, settings } = this.#options;
    const question = decodeDigestQuestion(body, store.digests.buckets);
    if (question === undefined) return 'not a question for digests';
    if (!standing.isWhole) return 'does not vote yet';
    const group = store.digests.sharing.groupOf(question.askerId);
    if (group === undefined) return 'knows no such peer';
    if (this.desk.isBusy) return 'is busy';
    const buckets = question.buckets && new Buckets(store.digests.buckets, question.buckets);
    const digests = await this.desk.node({ group, buckets });
    if (digests === undefined) return 'builds its digests';
    const url = settings.topology.nodes.find(({ id }) => id === question.askerId)?.url ?? '';
    const heldHere = this.#peers.get(url)?.known.heldHere ?? 0;
    return encodeDigestAnswer({ heldHere, nowMicros: this.#options.nowMicros(), digests });
  }

  /** Digests all that the node holds; undefined where that is being done, or the store cannot be read. */
  async contents(): Promise<NodeContents | undefined> {
    const { placement, ranges, settings } = this.#options;
    if (this.#isDigesting) return undefined;
    this.#isDigesting = true;
    const urls = settings.topology.nodes.map(({ url }) => url);
    const open: RangeScans['openOwn'] = (bounds, wake) => ranges.openOwn(bounds, wake);
    try {
      return await digestContents({ placement, urls, open, givingWay: this.#givingWay });
    } catch {
      return undefined;
    } finally {
      this.#isDigesting = false;
    }
  }

  /** Whether a record of this version was deleted, although some node has it. */
  isDeleted(key: Buffer, version: Version): Promise<boolean> {
    const { placement, peers, all: replica, settings } = this.#options;
    return isDeleted(key, version, { placement, peers, replica, timeoutMs: settings.timeoutMs });
  }

  close(): void {
    clearTimeout(this.#lateTimer);
    this.#mend.close();
    this.surplus.close();
    for (const peer of this.#peers.values()) peer.close();
  }

  #addPeers(): void {
    const { settings, placement, store, standing, peers, all, nowMicros } = this.#options;
    const { timeoutMs, clockDriftMsMax, repairIntervalMs: intervalMs, topology } = settings;
    const pulling = new Semaphore(1);
    for (const [index, peer] of peers.entries()) {
      const node = topology.nodes[index];
      const group = node === undefined ? undefined : store.digests.sharing.groupOf(node.id);
      if (peer === undefined || node === undefined || group === undefined) continue;
      const repair = new PeerRepair({
        peer,
        url: node.url,
        group,
        bucketCount: store.digests.buckets,
        selfId: placement.nodeIds[placement.selfIndex] as number,
        desk: this.desk,
        replica: all,
        pulling,
        isWhole: () => standing.isWhole,
        timeoutMs,
        intervalMs,
        graceMicros: (timeoutMs + clockDriftMsMax) * 1000 + GRACE_MICROS,
        nowMicros,
        pace: (bytes) => this.#waitFor(bytes),
        onDamaged: (key) => this.#mend.note(key),
      });
      this.#peers.set(node.url, repair);
    }
  }

  async #waitFor(bytes: number): Promise<void> {
    const { repairBytesPerSecondMax: bytesPerSecondMax } = this.#options.settings;
    const { pace, waitMs } = paced(this.#pace, bytes, { bytesPerSecondMax, now: performance.now() });
    this.#pace = pace;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    await this.#givingWay.pause();
  }

  #noteLate(version: Version): void {
    this.#late = Math.min(this.#late ?? version, version);
    this.#lateTimer ??= setTimeout(() => {
      this.#lateTimer = undefined;
      if (this.#late !== undefined) this.desk.tellLate(this.#late);
      this.#late = undefined;
    }, LATE_MS).unref();
  }
}
