/**
 * Rounds of deletions with an outage around each, on a cluster of real nodes that removes tombstones all the time: nothing that
 * was deleted or has expired may come back, no acknowledged write may be lost, and in the end all replicas are identical and no
 * tombstone is left.
 *
 * The operations on a key come one after another, so each read is held against the last one (key-states.ts), and the whole
 * history against the checker of the simulation. Every few rounds all is put right, the keys of these rounds are read at a quorum
 * and at all replicas, and a range of the cluster shows all others.
 */
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '../../profiling/load/random.ts';
import { orderViolation } from '../histories/checks.ts';
import { ask } from '../support/client.ts';
import { eventually, patienceMs } from '../support/eventually.ts';
import type { Random } from '../support/random.ts';
import { TorturingClients } from './client.ts';
import type { Fault } from './faults.ts';
import { isGoneAt, isKept, neverWritten, stateAfter, wrongWith, type KeyState, type Seen } from './key-states.ts';
import { historiesOf, writeNamed, type ClientOperation } from './operations.ts';
import { outageRound, outagesClusterPlan, type Lane, type OutageRound, type Step } from './outages-plan.ts';
import { recordsOf } from './records.ts';
import { contentsOf, sameContents } from './sameness.ts';
import { describeViolation, storyOf } from './story.ts';
import { TorturedCluster } from './tortured-cluster.ts';

export interface OutagesOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly downMsMax?: number;
  /** Operations ask for one replica only, of which nothing is promised: something must be found then. */
  readonly isControl?: boolean;
  /** What happens, for people. */
  readonly say?: (what: string) => void;
}

export interface OutagesResult {
  readonly rounds: number;
  /** Outages by kind. */
  readonly outages: ReadonlyMap<string, number>;
  readonly acknowledged: number;
  readonly deleted: number;
  readonly expiring: number;
  readonly reads: number;
  /** How often all replicas were found identical. */
  readonly comparisons: number;
  /** The most tombstones and expired values that a node held at a check. */
  readonly tombstonesMax: number;
  readonly violations: readonly string[];
  /** Where logs, histories and directories are kept if something is wrong. */
  readonly kept: string | undefined;
}

const ROUNDS_PER_CHECK = 10;
const ROUNDS_PER_COMPARISON = 50;
const OLD_KEYS_PER_CHECK = 40;
const READS_AT_ONCE = 6;
/** Far above what a loaded machine takes. */
const LAST_MS_MAX = 2 * patienceMs;
/** Clients give up before nodes do, so that a node that stands still costs a round no more than that. */
const GIVE_UP_MS = 1000;
/** After an operation that came to nothing. */
const AGAIN_MS = 50;
const LOOK_MS = 100;
/** One of so many operations goes through the node that is away. */
const THROUGH_VICTIM = 8;

/** Plays the rounds of a seed on a cluster of its own; resolves when all its processes have ended. */
export async function playOutages(options: OutagesOptions): Promise<OutagesResult> {
  const next = seededRandom(options.seed);
  const random = { below: (end: number) => Math.floor(next() * end) };
  const plan = outagesClusterPlan(random);
  const { workers, mode, durability } = plan;
  options.say?.(`${workers} workers, mode ${mode}, durability ${durability}`);
  const cluster = await TorturedCluster.prepare(plan, random);
  return new Outages(options, cluster, random).play();
}

class Outages {
  readonly #options: OutagesOptions;
  readonly #cluster: TorturedCluster;
  readonly #random: Random;
  readonly #clients: TorturingClients;
  readonly #states = new Map<string, KeyState>();
  /** Keys that rounds since the last check have touched. */
  readonly #touched = new Set<string>();
  readonly #violations: string[] = [];
  readonly #origin = performance.now();
  #rounds = 0;
  #comparisons = 0;
  #tombstonesMax = 0;
  /** The node that is away. */
  #victim: number | undefined;

  constructor(options: OutagesOptions, cluster: TorturedCluster, random: Random) {
    [this.#options, this.#cluster, this.#random] = [options, cluster, random];
    const urls = cluster.nodes.map(({ url }) => url);
    this.#clients = new TorturingClients(urls, GIVE_UP_MS);
  }

  async play(): Promise<OutagesResult> {
    const cluster = this.#cluster;
    try {
      cluster.startAll();
      if (await cluster.whole(LAST_MS_MAX)) await this.#playRounds();
      else this.#violations.push('the cluster does not form');
    } finally {
      this.#violations.push(...cluster.problems.splice(0), ...cluster.endedByThemselves);
      this.#clients.close();
      await cluster.close(this.#violations.length === 0 ? undefined : this.#story());
    }
    const { operations } = this.#clients;
    const acknowledged = operations.filter(({ outcome }) => outcome.kind === 'acknowledged');
    return {
      rounds: this.#rounds,
      outages: cluster.happened,
      acknowledged: acknowledged.length,
      deleted: acknowledged.filter(({ kind }) => kind === 'delete').length,
      expiring: acknowledged.filter(({ ttlMs }) => ttlMs !== undefined).length,
      reads: operations.filter(({ outcome }) => outcome.kind === 'saw' || outcome.kind === 'missing').length,
      comparisons: this.#comparisons,
      tombstonesMax: this.#tombstonesMax,
      violations: this.#violations,
      kept: this.#violations.length === 0 ? undefined : cluster.directory,
    };
  }

  get #told(): { readonly operations: readonly ClientOperation[]; readonly origin: number } {
    return { operations: this.#clients.operations, origin: this.#origin };
  }

  #story(): Record<string, string> {
    return storyOf({ ...this.#told, timeline: this.#cluster.timeline, violations: this.#violations });
  }

  get #isRight(): boolean {
    const { problems, endedByThemselves } = this.#cluster;
    return this.#violations.length === 0 && problems.length === 0 && endedByThemselves.length === 0;
  }

  async #playRounds(): Promise<void> {
    const { rounds, say, downMsMax = Infinity } = this.#options;
    const { nodes } = this.#cluster;
    while (this.#rounds < rounds && this.#isRight) {
      await this.#playRound(outageRound(this.#random, ++this.#rounds, { nodes: nodes.length, downMsMax }));
      if (this.#rounds % ROUNDS_PER_CHECK !== 0 || !this.#isRight) continue;
      await this.#check();
      if (this.#rounds % ROUNDS_PER_COMPARISON !== 0 || !this.#isRight) continue;
      await this.#compare();
      say?.(`${this.#rounds} rounds, ${this.#clients.operations.length} operations so far`);
    }
    if (this.#isRight) await this.#check();
    if (this.#isRight) await this.#compare();
    if (this.#isRight) await this.#awaitRemoval();
  }

  async #playRound(round: OutageRound): Promise<void> {
    await this.#send(round.before);
    if (!round.isHasty) await this.#untilWhole();
    const fault = this.#possible(round.fault);
    await this.#until(() => this.#cluster.whyNot(fault) === undefined, `"${fault.kind}" may not begin`);
    this.#victim = fault.kind === 'cut' ? undefined : fault.node;
    const outage = this.#cluster.begin(fault);
    await setTimeout(round.afterMs);
    const old = this.#draw(round.oldDeletions, isKept);
    const deletions = old.map((key): Lane => [{ kind: 'delete', key, valueBytes: 0 }]);
    const gone = this.#draw(round.oldDeletions, (state) => isGoneAt(state, performance.now()));
    await this.#send([...round.during, ...deletions, ...gone.map((key): Lane => [readOf(key)])]);
    await outage;
    this.#victim = undefined;
    await this.#send(round.during.map(([step]) => [readOf(step?.key ?? '')]));
  }

  /** An older copy has to be there, and all peers have to know a later start, before it can be put back. */
  #possible(fault: Fault): Fault {
    if (fault.kind !== 'restore') return fault;
    const copy = this.#cluster.nodes[fault.node]?.copy;
    return copy === 'known' ? fault : { ...fault, kind: copy === 'none' ? 'copy' : 'kill' };
  }

  /** Keys at random whose states fit, at most so many. */
  #draw(count: number, fits: (state: KeyState) => boolean): string[] {
    const fitting = [...this.#states].flatMap(([key, state]) => (fits(state) && !this.#touched.has(key) ? [key] : []));
    const drawn = new Set<string>();
    for (let left = fitting.length === 0 ? 0 : count; left > 0; left--) {
      drawn.add(fitting[this.#random.below(fitting.length)] as string);
    }
    return [...drawn];
  }

  async #send(lanes: readonly Lane[]): Promise<void> {
    await Promise.all(lanes.map((lane) => this.#sendLane(lane)));
  }

  async #sendLane(lane: Lane): Promise<void> {
    for (const step of lane) {
      if (step.kind === 'read') await this.#read(step.key, this.#node());
      else await this.#write(step);
    }
  }

  /** Again until it is acknowledged; what got no answer leaves the key uncertain. */
  async #write(step: Step): Promise<void> {
    this.#touched.add(step.key);
    const acknowledge = async (): Promise<void> => {
      const operation = await this.#clients.send({ ...step, node: this.#node(), ack: this.#ack, isStrict: false });
      this.#states.set(step.key, stateAfter(this.#states.get(step.key) ?? neverWritten, operation));
      const { outcome } = operation;
      if (outcome.kind === 'acknowledged') return;
      await setTimeout(AGAIN_MS);
      throw new Error('why' in outcome ? outcome.why : outcome.kind);
    };
    await this.#guard(step.key, `a ${step.kind} is not acknowledged`, () => eventually(acknowledge));
  }

  /** One read; whether it was answered. */
  async #read(key: string, node: number, ack = this.#ack): Promise<boolean> {
    const operation = await this.#clients.send({ kind: 'read', key, node, ack, isStrict: false, valueBytes: 0 });
    const { outcome } = operation;
    if (outcome.kind === 'wrong') this.#violate(key, `wrong bytes: ${outcome.what}`);
    if (outcome.kind !== 'saw' && outcome.kind !== 'missing') return false;
    this.#judge(key, { ...operation, saw: outcome.kind === 'saw' ? outcome.write : 'missing' }, `a read at ${ack}/3`);
    return true;
  }

  #judge(key: string, seen: Seen, by: string): void {
    const wrong = wrongWith(this.#states.get(key) ?? neverWritten, seen);
    if (wrong !== undefined) this.#violate(key, `by ${by} ${wrong}`);
  }

  get #ack(): number {
    return this.#options.isControl === true ? 1 : 2;
  }

  /** Through which node an operation goes. */
  #node(): number {
    const node = this.#random.below(this.#cluster.nodes.length);
    return node !== this.#victim || this.#random.below(THROUGH_VICTIM) === 0 ? node : this.#node();
  }

  async #untilWhole(): Promise<void> {
    const isWhole = async (): Promise<boolean> => {
      const states = await Promise.all(this.#cluster.nodes.map((node) => node.isWhole()));
      return states.every(Boolean);
    };
    await this.#until(isWhole, 'the cluster does not come back after an outage');
  }

  async #until(is: () => boolean | Promise<boolean>, problem: string): Promise<void> {
    const until = performance.now() + LAST_MS_MAX;
    while (!(await is())) {
      if (!this.#isRight) return;
      if (performance.now() > until) {
        this.#violations.push(problem);
        return;
      }
      await setTimeout(LOOK_MS);
    }
  }

  /** Puts everything right, and reads: each key of these rounds at a quorum and at all replicas, and all in a range of the cluster. */
  async #check(): Promise<void> {
    await this.#cluster.heal();
    if (!(await this.#cluster.whole(LAST_MS_MAX))) {
      if (this.#isRight) this.#violations.push('the cluster did not come back after everything was put right');
      return;
    }
    const keys = [...this.#touched, ...this.#draw(OLD_KEYS_PER_CHECK, () => true)];
    const all = this.#options.isControl === true ? 1 : 3;
    const readAll = async (): Promise<void> => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
        for (const ack of [this.#ack, all]) await this.#readAnswered(key, ack);
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, readAll));
    const node = this.#random.below(this.#cluster.nodes.length);
    const living = await this.#judgeRange(node, '?cluster=1');
    const { records } = await eventually(() => contentsOf(this.#cluster.nodes[node]?.url ?? ''));
    this.#tombstonesMax = Math.max(this.#tombstonesMax, records - living);
    for (const [key, history] of historiesOf(this.#clients.operations)) {
      const violation = this.#touched.has(key) ? orderViolation(history) : undefined;
      if (violation !== undefined) this.#violate(key, violation);
    }
    this.#touched.clear();
  }

  async #readAnswered(key: string, ack: number): Promise<void> {
    const read = async (): Promise<void> => {
      const node = this.#random.below(this.#cluster.nodes.length);
      if (!(await this.#read(key, node, ack))) throw new Error('no answer');
    };
    await this.#guard(key, `a healed cluster does not answer a read at ${ack}/3`, () => this.#patiently(read));
  }

  /** Holds all that a range shows against all that is known; returns how many keys it shows. */
  async #judgeRange(node: number, query = ''): Promise<number> {
    const begin = performance.now();
    const shown = await eventually(() => rangeOf(this.#cluster.nodes[node]?.url ?? '', query));
    const end = performance.now();
    for (const key of this.#states.keys()) {
      this.#judge(key, { begin, end, saw: shown.get(key) ?? 'missing' }, `a range of ${query || 'a node'}`);
    }
    for (const [key, write] of shown) {
      if (write === undefined) this.#violate(key, 'a range shows bytes that nobody wrote');
    }
    return shown.size;
  }

  /** Resolves when all replicas hold the same, and each node by itself is right then. */
  async #compare(): Promise<void> {
    await this.#guard('all keys', 'replicas do not become identical', () =>
      this.#patiently(async () => {
        await sameContents(this.#cluster.nodes);
        for (const node of this.#cluster.nodes.keys()) await this.#judgeRange(node);
      }),
    );
    this.#comparisons++;
  }

  /** Resolves when no node holds anything that it does not show. */
  async #awaitRemoval(): Promise<void> {
    const look = async (): Promise<void> => {
      for (const [node, { records }] of (await sameContents(this.#cluster.nodes)).entries()) {
        const hidden = records - (await this.#judgeRange(node));
        if (hidden > 0) throw new Error(`node ${node} still has ${hidden} tombstones or expired values`);
      }
    };
    await this.#guard('all keys', 'tombstones stay', () => this.#patiently(look));
  }

  /** Looks again and again, with a pause that leaves the nodes to their work. Rejects with what they say of repair. */
  async #patiently(look: () => Promise<void>): Promise<void> {
    const lookOnce = async (): Promise<void> => {
      try {
        await look();
      } catch (error) {
        await setTimeout(LOOK_MS);
        throw error;
      }
    };
    try {
      await eventually(lookOnce, LAST_MS_MAX);
    } catch (error) {
      const told = await Promise.all(this.#cluster.nodes.map(({ url }) => repairOf(url)));
      throw new Error(`${String(error)}\n      ${told.join('\n      ')}`, { cause: error });
    }
  }

  async #guard(key: string, problem: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#violate(key, `${problem}: ${String(error)}`);
    }
  }

  #violate(key: string, what: string): void {
    this.#violations.push(describeViolation(key, what, this.#told));
  }
}

/** What a node says of its repair. */
async function repairOf(url: string): Promise<string> {
  try {
    const { body } = await ask(url, '/v0/status', { signal: AbortSignal.timeout(10_000) });
    return JSON.stringify((JSON.parse(body.toString()) as { readonly repair: unknown }).repair);
  } catch (error) {
    return `${url} does not say: ${String(error)}`;
  }
}

function readOf(key: string): Step {
  return { kind: 'read', key, valueBytes: 0 };
}

/** The keys that a range shows, and which write each value names; undefined where it names none. */
async function rangeOf(url: string, query: string): Promise<Map<string, number | undefined>> {
  return new Map(Array.from(await recordsOf(url, query), ([key, value]) => [key, writeNamed(key, value)]));
}
