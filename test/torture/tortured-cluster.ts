/** A cluster of real nodes to which faults are done, with what is known of its condition. */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/free-ports.ts';
import { fakeClockAt, whyNoFaketime } from '../support/faketime.ts';
import { kvorum } from '../cli/kvorum.ts';
import { NodeProcess } from '../support/node-process.ts';
import type { Random } from '../support/random.ts';
import { describeFault, isStop, type Fault, type Stop } from './faults.ts';
import { pairOf, RIGHT_CLOCK_MS, whyImpossible, whyNot, type ClusterCondition } from './overlap.ts';
import type { LifePlan } from './plan.ts';
import { TorturedNode } from './tortured-node.ts';
import { Wires, type WiredNode } from './wires.ts';

/** Why there can be no such cluster here, or undefined where there can. */
export const whyNoTorture = process.platform === 'linux' ? undefined : 'only Linux has all of 127.0.0.0/8 on loopback';

const ownAddress = fileURLToPath(new URL('source-address.js', import.meta.url));
/** Segments that are full after a thousand writes, so that they are checkpointed and used again. */
const SMALL_LOG = ['--log-segment-bytes', '1MiB', '--memtable-bytes-max', '4MiB'];
const LOOK_MS = 200;

/** What a cluster is made of. */
export type ClusterPlan = Omit<LifePlan, 'episodes'> & {
  /** How far clocks may differ; with it no clock is ever set, and all are the machine's own. Default: the nodes' own bound. */
  readonly clockDriftMsMax?: number;
};

export class TorturedCluster {
  readonly directory: string;
  readonly nodes: readonly TorturedNode[];
  /** What was done when, for people. */
  readonly timeline: string[] = [];
  /** Faults that happened, by kind. */
  readonly happened = new Map<string, number>();
  skipped = 0;
  /** What went wrong with nodes, in words. */
  readonly problems: string[] = [];
  readonly #wires: Wires;
  readonly #random: Random;
  readonly #running = new Set<Promise<void>>();
  readonly #watching: Promise<void>[] = [];
  readonly #cuts = new Set<readonly [number, number]>();
  readonly #closing = new AbortController();
  #wereClocksWrong = false;
  #isBeyond = false;

  private constructor(directory: string, nodes: readonly TorturedNode[], wires: Wires, random: Random) {
    [this.directory, this.nodes, this.#wires, this.#random] = [directory, nodes, wires, random];
    // Each fault that lasts listens.
    setMaxListeners(0, this.#closing.signal);
  }

  /** A cluster whose nodes are not started yet. */
  static async prepare(plan: ClusterPlan, random: Random): Promise<TorturedCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'kvorum-torture-'));
    const count = plan.nodes;
    const hasClocks = plan.clockDriftMsMax === undefined && whyNoFaketime === undefined;
    const ports = await freePorts(count * (1 + plan.workers));
    const own = (index: number): number[] => ports.slice(index * (1 + plan.workers), (index + 1) * (1 + plan.workers));
    const wired: WiredNode[] = Array.from({ length: count }, (_, index) => {
      return { address: `127.0.0.${11 + index}`, front: `127.0.0.${31 + index}`, ports: own(index) };
    });
    const urls = wired.map(({ front, ports: [port] }) => `http://${front}:${port}`);
    const nodes = wired.map(({ address, ports: [port = 0, replicaPort = 0] }, index) => {
      const path = join(directory, `n${index}`);
      const clock = hasClocks ? fakeClockAt(`${path}-clock`, 0) : undefined;
      const flags = [...flagsOf(plan), '--replica-port', String(replicaPort)];
      const environment = { TORTURE_ADDRESS: address, NODE_OPTIONS: `--import ${ownAddress}`, ...clock?.environment };
      const self = urls[index] as string;
      const node = new NodeProcess({
        port,
        host: address,
        self,
        cluster: urls,
        dataDirectory: path,
        flags,
        environment,
      });
      return new TorturedNode(`n${index}`, node, self, clock);
    });
    return new TorturedCluster(directory, nodes, await Wires.open(wired), random);
  }

  get condition(): ClusterCondition {
    return { nodes: this.nodes, cuts: [...this.#cuts], wereClocksWrong: this.#wereClocksWrong };
  }

  /** What nodes ended although nobody ended them. */
  get endedByThemselves(): string[] {
    return this.nodes.flatMap(({ endedByItself }) => endedByItself);
  }

  note(what: string): void {
    this.timeline.push(`${(performance.now() / 1000).toFixed(2)} s: ${what}`);
  }

  /** From now on anything may happen, whatever it costs. */
  goBeyond(): void {
    this.#isBeyond = true;
  }

  /** Why a fault must not happen now; undefined where it may. */
  whyNot(fault: Fault): string | undefined {
    return (this.#isBeyond ? whyImpossible : whyNot)(fault, this.condition) ?? this.#whyNoClock(fault);
  }

  /** Begins a fault, unless it must not happen now; it ends by itself, and resolves then. */
  begin(fault: Fault): Promise<void> | undefined {
    if (this.whyNot(fault) !== undefined) {
      this.skipped++;
      return undefined;
    }
    this.note(describeFault(fault));
    const running = this.#happen(fault)
      .catch((error: unknown) => void this.problems.push(`${describeFault(fault)} cannot be done: ${String(error)}`))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when all faults that have begun have ended, and clocks are right. */
  async heal(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (const node of this.nodes) if (node.aheadMs !== 0) node.setClock(0);
    this.note('healed');
  }

  /** Starts all nodes. */
  startAll(): void {
    for (const node of this.nodes) node.begin();
  }

  /** Resolves when every node is ready, votes and has all others up: whether they are within `patience`. */
  async whole(patience: number): Promise<boolean> {
    const until = performance.now() + patience;
    for (;;) {
      const states = await Promise.all(this.nodes.map((node) => node.isWhole()));
      if (states.every(Boolean)) break;
      if (performance.now() > until || this.endedByThemselves.length > 0) return false;
      await setTimeout(LOOK_MS);
    }
    this.note('whole');
    this.#wereClocksWrong = false;
    for (const node of this.nodes) this.#takeWhole(node);
    return true;
  }

  /** The nodes that do not vote, or do not even answer, count as they are from their next start on, which follows. */
  async acceptLoss(): Promise<void> {
    for (const node of this.nodes) {
      if (await node.isWhole()) continue;
      await node.stop('SIGTERM');
      const { code, stderr } = await kvorum(['recover', '--accept-loss', '--data', node.process.dataDirectory]);
      this.note(`${node.name} accepts its loss: ${code} ${stderr}`);
      node.begin();
    }
  }

  /** Every key was read from all its replicas, so what was damaged has been repaired. */
  readThrough(): void {
    for (const node of this.nodes) node.isDamaged = false;
  }

  /** Ends all processes; `keep`: what is left for people to look at, else the directory is removed. */
  async close(keep?: Readonly<Record<string, string>>): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#running, ...this.#watching]);
    await Promise.all(this.nodes.map((node) => node.end()));
    await this.#wires.close();
    if (keep === undefined) return rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
    for (const { name, process: one } of this.nodes) writeFileSync(join(this.directory, `${name}.log`), one.stderr);
    for (const [name, text] of Object.entries(keep)) writeFileSync(join(this.directory, name), text);
    return undefined;
  }

  #whyNoClock({ kind }: Fault): string | undefined {
    return kind === 'clock' ? whyNoFaketime : undefined;
  }

  async #happen(fault: Fault): Promise<void> {
    if (fault.kind === 'cut') return this.#cut(fault);
    const node = this.nodes[fault.node] as TorturedNode;
    if (isStop(fault)) return this.#stop(fault, node);
    this.#count(fault.kind);
    if (fault.kind === 'clock') {
      if (Math.abs(fault.aheadMs) > RIGHT_CLOCK_MS) this.#wereClocksWrong = true;
      node.setClock(fault.aheadMs);
      await this.#last(fault.downMs);
      return node.setClock(0);
    }
    node.isDown = true;
    node.process.signal('SIGSTOP');
    await this.#last(fault.downMs);
    node.process.signal('SIGCONT');
    node.isDown = false;
    return undefined;
  }

  async #stop(fault: Extract<Fault, { kind: Stop }>, node: TorturedNode): Promise<void> {
    const { kind, downMs } = fault;
    node.announce(fault);
    await node.stop(this.#random.below(4) === 0 ? 'SIGTERM' : 'SIGKILL');
    const isDone = node.spoil(kind, this.#random);
    this.#count(isDone ? kind : 'kill');
    await this.#last(downMs);
    if (this.#closing.signal.aborted) return;
    node.begin();
    this.note(`${node.name} starts`);
    if (node.hasLost || node.copy === 'new') this.#watching.push(this.#watch(node));
  }

  /** Takes note when the node has what it lost again: then another store may be lost. */
  async #watch(node: TorturedNode): Promise<void> {
    const { start } = node;
    while (node.hasLost && node.start === start && !this.#closing.signal.aborted) {
      if (!node.isDown && (await node.isWhole()) && node.start === start && !node.isDown) this.#takeWhole(node);
      else await this.#last(LOOK_MS);
    }
  }

  #takeWhole(node: TorturedNode): void {
    if (node.hasLost) this.note(`${node.name} has what it lost`);
    const problem = node.whole();
    if (problem !== undefined && !this.#isBeyond) this.problems.push(problem);
  }

  async #cut(fault: Extract<Fault, { kind: 'cut' }>): Promise<void> {
    this.#count(`cut ${fault.how}`);
    const pair = pairOf(fault);
    this.#cuts.add(pair);
    const end = this.#wires.cut(fault);
    await this.#last(fault.downMs);
    end();
    this.#cuts.delete(pair);
  }

  async #last(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  #count(kind: string): void {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
  }
}

function flagsOf({ mode, durability, workers, timeoutMs, purgeIntervalMs, clockDriftMsMax }: ClusterPlan): string[] {
  const bound = clockDriftMsMax === undefined ? {} : { clockDriftMsMax };
  const own = { mode, durability, workers, timeoutMs, purgeIntervalMs, ...bound };
  const flags = Object.entries(own).flatMap(([name, value]) => [`--${kebab(name)}`, String(value)]);
  // Tombstones go when nodes have compared what they hold.
  const comparing = ['--repair-interval-ms', String(Math.max(1000, purgeIntervalMs))];
  return [...flags, ...comparing, '--replication-factor', '3', '--drain-delay-ms', '0', ...SMALL_LOG];
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
