/**
 * One life of a node's process, from its start until it dies: the real clock, standing, replica and coordinator around a
 * simulated disk, network and time. Everything that it does later it does only while it lives, and not while it is paused.
 */
import { Buffer } from 'node:buffer';
import { bestOffsets, judgeClock, offsetOf, withOffset, type Offset } from '../../src/domain/clock-offsets.ts';
import { Turn } from '../../src/domain/turn.ts';
import type { Claim, Source } from '../../src/domain/node-claim.ts';
import { NodeClock } from '../../src/dispatch/clock.ts';
import { allocateFrame, ENTRY_HEADER_BYTES, readEntries, writeRepair } from '../../src/formats/frame.ts';
import { isIntact } from '../../src/formats/record.ts';
import { NodeStanding } from '../../src/node-standing.ts';
import { Coordinator } from '../../workers/coordinator/coordinator.ts';
import { SeenVersions } from '../../workers/ground/seen-versions.ts';
import { WorkerStanding } from '../../workers/recovery/worker-standing.ts';
import { LocalReplica } from '../../workers/replica/local-replica.ts';
import { SimHints } from './hints.ts';
import { noteStamps } from './history.ts';
import { SimPeer } from './network.ts';
import { SimPurge } from './purge.ts';
import { SimStore } from './store.ts';
import { between } from './loop.ts';
import type { Durability } from '../../src/domain/modes.ts';
import type { SimDisk } from './disk.ts';
import type { LifeView, NodeView, WorldView } from './parts.ts';

/** Between two looks for peers that are not connected, and between two meetings with each peer, milliseconds. */
const LOOK_MS = 60;
const MEET_MS = 900;
/** Between two looks whether there were writes. */
const WROTE_MS = 80;

export class Life implements LifeView {
  readonly world: WorldView;
  readonly index: number;
  /** Names this process among all. */
  readonly start: number;
  readonly versions: SeenVersions;
  readonly clock: NodeClock;
  readonly store: SimStore;
  readonly replica: LocalReplica;
  readonly coordinator: Coordinator;
  readonly standing: NodeStanding;
  readonly #node: NodeView;
  readonly #peers: readonly (SimPeer | undefined)[];
  /** The processes that connections lead to, by index of their nodes. */
  readonly #connected = new Map<number, LifeView>();
  readonly #offsets = new Map<number, readonly Offset[]>();
  readonly #merging = new Set<string>();
  readonly #onConnected: (index: number) => void;
  #isAlive = true;

  constructor(node: NodeView, world: WorldView, start: number) {
    [this.#node, this.world, this.index, this.start] = [node, world, node.index, start];
    const { rules, plan } = world;
    const { disk } = node;
    const { clockDriftMsMax } = plan;
    const wallMicros = (): number => node.wallMicros();
    const after = (ms: number, run: () => void): void => this.after(ms, run);
    this.store = new SimStore({
      disk,
      durability: plan.durability,
      after,
      syncMs: () => between(world.random, 1, 6) / 2,
      list: world.list,
      self: node.url,
      keepsFloors: rules.keepsFloors,
    });
    const newestStored = this.store.newest;
    this.versions = new SeenVersions({
      bounds: { clockDriftMsMax, timeoutMs: this.timeoutMs },
      newestStored,
      wallMicros,
      report: (newest) => this.clock.see(newest),
    });
    this.clock = new NodeClock({
      source: {
        wallMicros,
        monotonicMicros: () => Math.floor(world.loop.now * 1000),
        originMicros: node.originMicros(),
      },
      reserve: (bound) =>
        new Promise((resolve) =>
          after(1, () => {
            disk.bound = bound;
            resolve('reserved');
          }),
        ),
      onJump: () => this.after(5, () => this.#judgeClock()),
    });
    this.clock.begin({
      bound: rules.startAboveBound ? disk.bound : 1,
      newestStored: rules.startAboveBound ? newestStored : 0,
    });
    this.standing = this.#openStanding();
    const worker = new WorkerStanding({ list: world.list, self: node.url, clockDriftMsMax, nowMicros: wallMicros });
    const turn =
      plan.mode === 'batched'
        ? new Turn(
            () => this.#runTurn(),
            (run) => after(0, run),
          )
        : undefined;
    const die = (error: unknown): void => world.fail(error);
    this.replica = new LocalReplica({
      store: this.store,
      versions: this.versions,
      standing: rules.standing(worker),
      turn,
      onRefused: () => {},
      onBehind: () => {},
      onFatal: die,
    });
    this.#peers = world.nodes.map(({ index }) => (index === node.index ? undefined : new SimPeer(this, index)));
    const hints = new SimHints(this, disk.hints, this.#peers);
    this.#onConnected = (index) => hints.deliverSoon(index);
    this.coordinator = new Coordinator({
      topology: { nodes: world.topology.nodes, selfIndex: node.index },
      replica: { submit: (entries, respond) => this.submit(entries, respond) },
      peers: this.#peers,
      sequential: plan.mode === 'sync',
      turn,
      versions: this.versions,
      time: {
        now: () => world.loop.now,
        wallMs: () => wallMicros() / 1000,
        after: (ms, run) => this.afterUnless(ms, run),
      },
      timeoutMs: this.timeoutMs,
      readRepair: rules.readRepair,
      stampAbove: (above, give) => this.#stampAbove(above, give),
      pause: () => Promise.resolve(),
      onMissed: (write, nodes, isHere) => hints.keep(write, nodes, isHere),
      sendOutcomes: (outcomes) => world.clients.take(this, outcomes),
    });
    void this.standing
      .begin(disk.isLogDamaged, {
        onStanding: (standing, sources) => {
          if (standing.kind === 'recovering') node.hidesLoss = false;
          worker.take(standing);
          this.#recover(sources);
        },
        onNews: () => this.#meetAll(),
      })
      .then(() => {
        disk.lostPower = false;
        disk.hasStore = true;
      });
    new SimPurge(this, node);
    this.#goOnMeeting();
    this.#countWrites(this.store.written);
    this.after(between(world.random, 2, 20), () => this.#judgeClock());
  }

  get timeoutMs(): number {
    return this.world.plan.timeoutMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Runs something now, or when the pause is over, if this process still lives then. */
  run(work: () => void): void {
    if (!this.#isAlive) return;
    if (this.#node.isPaused) this.#node.backlog.push(() => this.run(work));
    else work();
  }

  after(ms: number, work: () => void): void {
    this.afterUnless(ms, work);
  }

  afterUnless(ms: number, work: () => void): () => void {
    return this.world.loop.after(ms, () => this.run(work));
  }

  /** What peers ask of this node's replica, and its own coordinator. */
  submit(...[entries, respond]: Parameters<LocalReplica['submit']>): void {
    noteStamps(this.world.history, entries);
    this.replica.submit(entries, (replies) => respond(this.world.rules.replies(replies)));
  }

  isConnected(index: number): boolean {
    return this.#connected.has(index);
  }

  peerLife(index: number): LifeView | undefined {
    return this.#connected.get(index);
  }

  /** A peer does not answer, or its process has ended. */
  giveUp(index: number): void {
    if (!this.#connected.delete(index)) return;
    this.standing.leave(this.world.urlOf(index), 0);
    this.#peers[index]?.lose();
    if (this.world.rules.acksEndWithStarts) this.coordinator.peerLost(index);
  }

  /** No node gives a stamp that is not above all that it gave before, in this life and in earlier ones. */
  noteStamp(version: number): void {
    const node = this.#node;
    if (version <= node.lastStamp) this.world.fail(`${node.url} gave ${version} after ${node.lastStamp}`);
    node.lastStamp = version;
  }

  /** The process is gone; `isSilent`: without a word to those that are connected. */
  die(isSilent: boolean): void {
    this.#isAlive = false;
    this.coordinator.close();
    if (isSilent) return;
    for (const other of this.world.lives) {
      if (other.peerLife(this.index) !== this) continue;
      this.world.network.send(this.index, other.index, () => {
        other.run(() => {
          if (other.peerLife(this.index) === this) other.giveUp(this.index);
        });
      });
    }
  }

  #openStanding(): NodeStanding {
    const { disk, url } = this.#node;
    const { world } = this;
    const directory = {
      path: url,
      hasStore: disk.hasStore,
      lost: lossFound(disk, world.plan.durability),
      readState: () => disk.state,
      forgetLogDamage: () => {
        disk.isLogDamaged = false;
      },
      openStateFile: () => ({
        write: (text: string) =>
          new Promise<void>((resolve) =>
            this.after(1, () => {
              disk.stateText = text;
              resolve();
            }),
          ),
        close: () => Promise.resolve(),
      }),
    };
    return NodeStanding.open({
      directory,
      identity: { url, list: world.list },
      isNewTopology: false,
      isNewCluster: false,
      startId: String(this.start),
      log: world.log,
      newest: () => this.versions.newest,
      nowMicros: () => this.#node.wallMicros(),
    });
  }

  #runTurn(): void {
    for (const peer of this.#peers) peer?.flush();
    this.replica.run();
  }

  #stampAbove(above: number, give: (version: number | undefined) => void): void {
    this.clock.stampAbove(above, (version) => {
      if (version !== undefined) this.noteStamp(version);
      give(version);
    });
  }

  /** Tells the peers now and then that writes have come, so that a copy of the store from before is known from it. */
  #countWrites(before: number): void {
    this.after(WROTE_MS, () => {
      const { written } = this.store;
      if (written > before) void this.standing.wrote();
      this.#countWrites(written);
    });
  }

  #goOnMeeting(nextMeetingAt = 0): void {
    const { loop, nodes } = this.world;
    const isDue = loop.now >= nextMeetingAt;
    for (const { index } of nodes) if (index !== this.index && (isDue || !this.isConnected(index))) this.#meet(index);
    this.clock.look();
    this.after(LOOK_MS, () => this.#goOnMeeting(isDue ? loop.now + MEET_MS : nextMeetingAt));
  }

  #meetAll(): void {
    for (const { index } of this.world.nodes) if (index !== this.index) this.#meet(index);
  }

  /** Introduces this node to a peer, which answers with what it is; on the way both clocks are compared. */
  #meet(index: number): void {
    const { network, nodes } = this.world;
    const { claim } = this.standing;
    const askedAt = this.#node.wallMicros();
    const seen = this.versions.newest;
    // A connection leads to the process that it was made to, if that lives still.
    const other = nodes[index]?.life;
    network.send(this.index, index, () => {
      other?.run(() => {
        const receivedAt = (nodes[index] as NodeView).wallMicros();
        other.versions.see(seen);
        void other.standing.meet(claim, undefined).then(() => {
          const answer: Claim = other.standing.claim;
          const answeredAt = (nodes[index] as NodeView).wallMicros();
          network.send(index, this.index, () => {
            this.run(() => this.#met(other, answer, { askedAt, receivedAt, answeredAt }));
          });
        });
      });
    });
  }

  #met(other: LifeView, claim: Claim, times: { askedAt: number; receivedAt: number; answeredAt: number }): void {
    const exchange = { ...times, returnedAt: this.#node.wallMicros() };
    this.#offsets.set(other.index, withOffset(this.#offsets.get(other.index) ?? [], offsetOf(exchange)));
    this.#judgeClock();
    void this.standing.meet(claim, 0).then(() => {
      if (!other.isAlive || this.peerLife(other.index) === other) return;
      if (this.isConnected(other.index)) this.giveUp(other.index);
      this.#connected.set(other.index, other);
      this.#onConnected(other.index);
    });
  }

  #judgeClock(): void {
    const verdict = judgeClock(bestOffsets(this.#offsets.values()), this.world.plan);
    this.clock.skew = verdict.kind === 'skewed' ? 'off' : undefined;
    this.clock.measured();
  }

  /** Copies what peers hold as of one moment, and says that it is merged when it is durable here. */
  #recover(sources: readonly Source[]): void {
    for (const source of sources) {
      const index = this.world.nodes.findIndex(({ url }) => url === source.url);
      const name = `${source.url} ${source.storeId} ${source.as}`;
      if (this.#merging.has(name)) continue;
      this.#merging.add(name);
      this.after(between(this.world.random, 1, 120), () => this.#mergeFrom(index, source, name));
    }
  }

  #mergeFrom(index: number, source: Source, name: string): void {
    const other = this.peerLife(index);
    const end = (): void => {
      this.#merging.delete(name);
      this.after(50, () => this.#recover(this.standing.sources));
    };
    // The range comes over a connection to the process that told what its store is.
    const isSource = other?.isAlive === true && other.standing.claim.storeId === source.storeId;
    if (!isSource || !this.world.network.isOpen(index, this.index)) return end();
    const records = [...other.store.records].filter(([key, record]) => {
      // A range leaves out what is damaged.
      return this.world.isOwn(this.index, key) && isIntact(record, 0, record.length, Buffer.from(key, 'latin1'));
    });
    let left = records.length;
    const merged = (): void => {
      if (left-- > 0) return;
      const upTo = Buffer.from(records.at(-1)?.[0] ?? '').toString('base64');
      void this.standing.merged({ source, upTo, isDone: true, records: records.length, bytes: 0 }).then(end);
    };
    this.after(between(this.world.random, 1, 50), () => {
      for (const [key, record] of records) {
        const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
        writeRepair(
          bytes,
          { quorum: { acksRequired: 2, replicaCount: 3 }, isVouched: false },
          Buffer.from(key, 'latin1'),
          record,
        );
        this.replica.submit(readEntries(bytes), merged);
      }
      merged();
    });
    return undefined;
  }
}

function lossFound(
  { isLogDamaged, lostPower }: SimDisk,
  durability: Durability,
): 'damaged-log' | 'power-loss' | undefined {
  if (isLogDamaged) return 'damaged-log';
  return lostPower && durability === 'commit' ? 'power-loss' : undefined;
}
