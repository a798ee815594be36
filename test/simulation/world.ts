/** A simulated cluster with its clients: what a plan says happens, and what came of it. */
import { Buffer } from 'node:buffer';
import { isIntact, readVersion } from '../../src/formats/record.ts';
import type { Log } from '../../src/diagnostics/log.ts';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import type { Topology } from '../../src/domain/topology.ts';
import type { Random } from '../support/random.ts';
import { Clients } from './clients.ts';
import { SimDisk } from './disk.ts';
import { History } from './history.ts';
import { Life } from './life.ts';
import { SimLoop } from './loop.ts';
import { SimNetwork } from './network.ts';
import { placementOf } from './placement.ts';
import { BEGIN_MS, type Fault, type Plan } from './steps.ts';
import type { Rules } from './rules.ts';

/** When the simulation begins, microseconds since 1970: any time will do. */
const EPOCH_MICROS = 1_700_000_000_000_000;

export class SimNode {
  readonly index: number;
  readonly url: string;
  readonly disk = new SimDisk();
  readonly backlog: (() => void)[] = [];
  life: Life | undefined;
  isPaused = false;
  /** The last stamp that any life of the node gave. */
  lastStamp = 0;
  /** The directory as it was some time ago. */
  copy: SimDisk | undefined;
  /** It has lost data and has not found that out yet: it is down, or has met nobody. */
  hidesLoss = false;
  skewMs: number;
  readonly #driftPpm: number;
  readonly #loop: SimLoop;

  constructor(
    index: number,
    url: string,
    loop: SimLoop,
    clock: { readonly skewMs: number; readonly driftPpm: number },
  ) {
    [this.index, this.url, this.#loop, this.skewMs, this.#driftPpm] = [index, url, loop, clock.skewMs, clock.driftPpm];
  }

  wallMicros(): number {
    return EPOCH_MICROS + Math.floor(this.#loop.now * 1000 * (1 + this.#driftPpm / 1e6)) + this.skewMs * 1000;
  }

  /** What a monotonic clock that began with the simulation lacks to the wall clock. */
  originMicros(): number {
    return this.wallMicros() - Math.floor(this.#loop.now * 1000);
  }
}

export class World {
  readonly plan: Plan;
  readonly rules: Rules;
  readonly random: Random;
  readonly loop = new SimLoop();
  readonly network: SimNetwork;
  readonly history = new History();
  readonly clients: Clients;
  readonly topology: Topology;
  readonly list: ClusterList;
  readonly isOwn: (node: number, key: string) => boolean;
  readonly nodes: readonly SimNode[];
  readonly log = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log;
  readonly failures: unknown[] = [];
  /** Two nodes had lost their data at once, or one what it took from a clock that is further off than the bound allows. */
  isBeyondQuorums = false;
  #starts = 0;

  constructor(plan: Plan, rules: Rules, random: Random) {
    [this.plan, this.rules, this.random] = [plan, rules, random];
    ({ topology: this.topology, list: this.list, isOwn: this.isOwn } = placementOf(plan.nodes));
    this.network = new SimNetwork(this.loop, random, plan);
    this.nodes = this.list.urls.map((url, index) => {
      const clock = { skewMs: plan.skewsMs[index] ?? 0, driftPpm: plan.driftsPpm[index] ?? 0 };
      return new SimNode(index, url, this.loop, clock);
    });
    this.clients = new Clients(this);
  }

  get lives(): Life[] {
    return this.nodes.flatMap(({ life }) => (life?.isAlive === true ? [life] : []));
  }

  urlOf(index: number): string {
    return this.nodes[index]?.url ?? '';
  }

  /** Something that must never happen has. */
  fail(error: unknown): void {
    this.failures.push(error);
  }

  /** Plays the plan to its end, and reads what is left. */
  async run(): Promise<void> {
    for (const node of this.nodes) this.loop.at(this.random.below(50), () => this.start(node));
    for (const session of this.plan.sessions) this.loop.at(session.at, () => this.clients.play(session));
    this.loop.at(this.plan.healAt, () => this.#heal());
    await this.loop.runUntil(this.plan.healAt + 3200);
    for (const acksRequired of [2, 3, 2]) {
      const at = this.loop.now;
      for (const node of this.nodes) {
        for (const key of ['a', 'b', 'c']) {
          this.loop.at(at + 5 * node.index, () =>
            this.clients.begin(key, { node: node.index, kind: 'read', acksRequired }),
          );
        }
      }
      await this.loop.runUntil(at + 400);
    }
    for (const { life } of this.nodes) life?.die(true);
  }

  start(node: SimNode): void {
    if (node.life?.isAlive === true) return;
    node.life = new Life(node, this, ++this.#starts);
  }

  /**
   * Whether data may be lost on the node: some other one has what it acknowledged. Of what is damaged on one node and lost on
   * another at once a node that recovers hears nothing, since ranges leave it out (docs/decisions/018-simulation.md).
   */
  #mayLose(index: number): boolean {
    const others = this.nodes.filter((node) => node.index !== index);
    return this.loop.now > BEGIN_MS / 2 && others.some(isVoting) && !others.some(holdsDamage);
  }

  happen(fault: Fault): void {
    switch (fault.kind) {
      case 'kill':
      case 'power':
      case 'wipe':
      case 'damage-log':
      case 'restore':
        return this.#stop(fault.kind, this.nodes[fault.node] as SimNode, fault.downMs);
      case 'pause':
        return this.#pause(this.nodes[fault.node] as SimNode, fault.downMs);
      case 'damage-value':
        return this.#damageValue(this.nodes[fault.node] as SimNode);
      case 'copy':
        (this.nodes[fault.node] as SimNode).copy = this.nodes[fault.node]?.disk.copy();
        return undefined;
      case 'clock':
        (this.nodes[fault.node] as SimNode).skewMs += fault.jumpMs;
        return undefined;
      case 'delay':
        return this.network.delay(fault.from, fault.to, fault.lateMs);
      case 'cut':
        this.network.cut(fault.from, fault.to);
        if (fault.bothWays) this.network.cut(fault.to, fault.from);
        this.loop.after(fault.downMs, () => this.network.heal(false));
        return undefined;
      default:
        return fault satisfies never;
    }
  }

  #stop(kind: 'kill' | 'power' | 'wipe' | 'damage-log' | 'restore', node: SimNode, downMs: number): void {
    const loses = kind !== 'kill' && !(kind === 'power' && this.plan.durability === 'fsync');
    if (loses && !this.#mayLose(node.index)) return;
    // Nodes that lost power together go by each other, so what only they had, and had not synced, may be gone.
    if (loses && kind === 'power' && this.nodes.some((other) => other !== node && hasLostPower(other))) return;
    if (kind === 'restore' && !this.#isKnownToBeOlder(node)) return;
    if (loses && (this.#holdsOfWrongClock(node) || this.nodes.some((other) => other !== node && !isVoting(other)))) {
      this.isBeyondQuorums = true;
    }
    node.life?.die(kind === 'power');
    node.isPaused = false;
    node.backlog.length = 0;
    const { disk } = node;
    if (kind === 'power') disk.losePower(this.random);
    else if (kind === 'wipe') disk.wipe();
    else if (kind === 'damage-log') disk.damageLog(this.random);
    else if (kind === 'restore' && node.copy !== undefined) disk.take(node.copy);
    // What was given stands in the store, so a store that forgot knows no better than its clock.
    if (loses) [node.lastStamp, node.hidesLoss] = [0, true];
    this.loop.after(downMs, () => this.start(node));
  }

  /**
   * A recovering node takes no write that is stamped below what it can have acknowledged by any clock within the bound
   * (docs/decisions/017-standing.md). Before such a clock is found out a read repair may bring its stamp to a replica, which takes
   * higher ones from then on.
   */
  #holdsOfWrongClock(node: SimNode): boolean {
    const ceiling = node.wallMicros() + this.plan.clockDriftMsMax * 1000;
    return [...node.disk.records.values()].some((record) => readVersion(record, 0) > ceiling);
  }

  /** A copy is told from the store that it takes the place of where peers have heard of writes since. */
  #isKnownToBeOlder({ url, index, copy }: SimNode): boolean {
    const counter = copy?.state?.counter ?? Infinity;
    const others = this.nodes.filter((node) => node.index !== index);
    return others.every(({ disk }) => (disk.state?.knows[url]?.counter ?? 0) > counter);
  }

  #pause(node: SimNode, downMs: number): void {
    if (node.isPaused) return;
    node.isPaused = true;
    this.loop.after(downMs, () => this.#resume(node));
  }

  #resume(node: SimNode): void {
    node.isPaused = false;
    for (const run of node.backlog.splice(0)) run();
  }

  #damageValue(node: SimNode): void {
    const areWhole = this.nodes.every((one) => isVoting(one) && one.life?.isAlive === true);
    if (!areWhole || !this.#mayLose(node.index)) return;
    node.life?.store.damage(this.random);
  }

  #heal(): void {
    this.network.heal(true);
    for (const node of this.nodes) {
      node.skewMs = 0;
      if (node.isPaused) this.#resume(node);
      this.loop.after(10, () => this.start(node));
    }
  }
}

function isVoting({ disk, hidesLoss }: SimNode): boolean {
  return !hidesLoss && disk.state?.standing.kind === 'voting' && !disk.isLogDamaged;
}

function hasLostPower({ disk }: SimNode): boolean {
  const standing = disk.state?.standing;
  return disk.lostPower || (standing?.kind === 'recovering' && standing.reason === 'power-loss');
}

function holdsDamage({ disk }: SimNode): boolean {
  return [...disk.records].some(([key, record]) => !isIntact(record, 0, record.length, Buffer.from(key, 'latin1')));
}
