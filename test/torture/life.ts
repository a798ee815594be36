/**
 * The life of one tortured cluster, as a seed says: episodes of faults under load. After each of them everything is put
 * right, the cluster must come back, every key is read, and the histories of all keys are checked. The last episode goes
 * beyond what promises hold for: there values must still be such that were written, no node may end by itself, and the
 * cluster must come back.
 */
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '../../profiling/load/random.ts';
import { orderViolation, type HistoryOperation, type HistoryWrite } from '../histories/checks.ts';
import { isLinearizable, operationsMax } from '../histories/linearizability.ts';
import { eventually, patienceMs } from '../support/eventually.ts';
import type { Random } from '../support/random.ts';
import { TorturingClients } from './client.ts';
import { isStrict, Load } from './load.ts';
import { describeOperation, historiesOf } from './operations.ts';
import { lifePlan, type Episode, type PlanSize } from './plan.ts';
import { describeViolation, storyOf } from './story.ts';
import { TorturedCluster } from './tortured-cluster.ts';

export interface LifeResult {
  readonly nodes: number;
  readonly mode: string;
  readonly durability: string;
  readonly operations: number;
  readonly acknowledged: number;
  readonly answeredReads: number;
  readonly linearizable: number;
  /** Faults that happened, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  readonly skipped: number;
  readonly violations: readonly string[];
  /** Where logs, histories and directories are kept if something is wrong. */
  readonly kept: string | undefined;
}

export interface LifeOptions {
  readonly seed: number;
  readonly size: PlanSize;
  /** Operations ask for one replica only, of which nothing is promised: something must be found then. */
  readonly isControl?: boolean;
  /** What happens, for people. */
  readonly say?: (what: string) => void;
}

/** Far above what a loaded machine takes; what does not come back in this time does not come back. */
const WHOLE_MS_MAX = 2 * patienceMs;
/** Beyond the promises stores may wait for each other for ever, until somebody accepts what is lost. */
const STUCK_MS = 15_000;
/** Clients give up after so many of the cluster's timeouts. */
const GIVE_UP_TIMEOUTS = 2;
const LAST_READS = 12;
const ACKS = [2, 2, 2, 2, 2, 2, 2, 2, 2, 3];

/** Plays the life of a seed; resolves when all its processes have ended. */
export async function playLife(options: LifeOptions): Promise<LifeResult> {
  const life = await Life.prepare(options);
  return life.play();
}

class Life {
  readonly #options: LifeOptions;
  readonly #plan: ReturnType<typeof lifePlan>;
  readonly #cluster: TorturedCluster;
  readonly #clients: TorturingClients;
  readonly #random: Random;
  readonly #violations: string[] = [];
  readonly #promised = new Set<string>();
  readonly #origin = performance.now();
  #linearizable = 0;

  private constructor(
    options: LifeOptions,
    parts: { plan: ReturnType<typeof lifePlan>; cluster: TorturedCluster; random: Random },
  ) {
    this.#options = options;
    [this.#plan, this.#cluster, this.#random] = [parts.plan, parts.cluster, parts.random];
    const urls = parts.cluster.nodes.map(({ url }) => url);
    this.#clients = new TorturingClients(urls, GIVE_UP_TIMEOUTS * parts.plan.timeoutMs);
  }

  static async prepare(options: LifeOptions): Promise<Life> {
    const next = seededRandom(options.seed);
    const random = { below: (end: number) => Math.floor(next() * end) };
    const plan = lifePlan(random, options.size);
    return new Life(options, { plan, random, cluster: await TorturedCluster.prepare(plan, random) });
  }

  async play(): Promise<LifeResult> {
    const { nodes, mode, durability, workers, episodes } = this.#plan;
    this.#options.say?.(`${nodes} nodes of ${workers} workers, mode ${mode}, durability ${durability}`);
    try {
      this.#cluster.startAll();
      if (await this.#cluster.whole(WHOLE_MS_MAX)) {
        for (const [index, episode] of episodes.entries()) {
          await this.#playEpisode(episode, index);
          this.#options.say?.(`episode ${index + 1}: ${this.#clients.operations.length} operations so far`);
          if (this.#violations.length > 0) break;
        }
      } else {
        this.#violations.push('the cluster does not form');
      }
    } finally {
      this.#violations.push(...this.#cluster.problems.splice(0), ...this.#cluster.endedByThemselves);
      this.#clients.close();
      const { operations } = this.#clients;
      const told = { operations, origin: this.#origin, timeline: this.#cluster.timeline, violations: this.#violations };
      await this.#cluster.close(this.#violations.length === 0 ? undefined : storyOf(told));
    }
    const { operations } = this.#clients;
    return {
      nodes,
      mode,
      durability,
      operations: operations.length,
      acknowledged: operations.filter(({ outcome }) => outcome.kind === 'acknowledged').length,
      answeredReads: operations.filter(({ outcome }) => outcome.kind === 'saw' || outcome.kind === 'missing').length,
      linearizable: this.#linearizable,
      faults: this.#cluster.happened,
      skipped: this.#cluster.skipped,
      violations: this.#violations,
      kept: this.#violations.length === 0 ? undefined : this.#cluster.directory,
    };
  }

  async #playEpisode(episode: Episode, index: number): Promise<void> {
    const { isBeyond } = episode;
    this.#cluster.note(`episode ${index + 1}${isBeyond ? ', beyond the promises' : ''}`);
    if (isBeyond) this.#cluster.goBeyond();
    const load = new Load({
      clients: this.#clients,
      nodes: this.#plan.nodes,
      name: `e${index + 1}`,
      random: this.#random,
      acks: this.#options.isControl === true ? [1] : ACKS,
    });
    await this.#doFaults(episode);
    await this.#cluster.heal();
    const isBack = await this.#comeBack(isBeyond);
    await load.end();
    if (!isBack) {
      const late = 'the cluster did not come back after everything was put right';
      if (this.#cluster.endedByThemselves.length === 0) this.#violations.push(late);
      return;
    }
    if (isBeyond) return this.#checkBytes();
    for (const key of load.keys) this.#promised.add(key);
    await this.#readThrough();
    this.#cluster.readThrough();
    this.#check(load.keys);
  }

  async #doFaults({ faults, lengthMs }: Episode): Promise<void> {
    const beginning = performance.now();
    const until = async (ms: number): Promise<void> => {
      await setTimeout(Math.max(0, beginning + ms - performance.now()));
    };
    for (const { atMs, fault } of faults) {
      await until(atMs);
      if (this.#cluster.endedByThemselves.length > 0) return;
      void this.#cluster.begin(fault);
    }
    await until(lengthMs);
  }

  async #comeBack(isBeyond: boolean): Promise<boolean> {
    if (!isBeyond) return this.#cluster.whole(WHOLE_MS_MAX);
    if (await this.#cluster.whole(STUCK_MS)) return true;
    if (this.#cluster.endedByThemselves.length > 0) return false;
    await this.#cluster.acceptLoss();
    return this.#cluster.whole(WHOLE_MS_MAX);
  }

  /** Reads each key through every node, and once from all its replicas: what is damaged there is repaired then. */
  async #readThrough(): Promise<void> {
    const keys = [...this.#promised];
    const readAll = async (): Promise<void> => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
        for (let node = 0; node < this.#plan.nodes; node++) await this.#read(key, node, 2);
        await this.#read(key, this.#random.below(this.#plan.nodes), 3);
      }
    };
    await Promise.all(Array.from({ length: LAST_READS }, readAll));
  }

  async #read(key: string, node: number, ack: number): Promise<void> {
    try {
      await eventually(async () => {
        const { outcome } = await this.#clients.send({
          kind: 'read',
          key,
          node,
          ack,
          isStrict: isStrict(key),
          valueBytes: 0,
        });
        if (outcome.kind === 'open' || outcome.kind === 'refused') throw new Error(outcome.why);
      });
    } catch (error) {
      this.#violations.push(`a healed cluster does not answer a read of "${key}" at ${ack}/3: ${String(error)}`);
    }
  }

  #checkBytes(): void {
    for (const operation of this.#clients.operations) {
      if (operation.outcome.kind === 'wrong') this.#violations.push(describeOperation(operation, this.#origin));
    }
  }

  /** Histories of all keys; those of strict operations only once, when they are complete. */
  #check(strictKeys: ReadonlySet<string>): void {
    this.#checkBytes();
    for (const [key, history] of historiesOf(this.#clients.operations)) {
      if (!this.#promised.has(key)) continue;
      const violation = orderViolation(history);
      if (violation !== undefined) this.#violate(key, violation);
      if (!isStrict(key) || !strictKeys.has(key)) continue;
      this.#linearizable++;
      if (!isLinearizable(searchable(history))) this.#violate(key, 'its history is not linearizable');
    }
  }

  /** Notes what is wrong with a key, and the end of its history. */
  #violate(key: string, what: string): void {
    this.#violations.push(describeViolation(key, what, { operations: this.#clients.operations, origin: this.#origin }));
  }
}

/**
 * The history without what makes no difference: writes without an answer that no read saw need not have taken place, and
 * without some of its reads an order is no harder to find.
 */
function searchable(history: readonly HistoryOperation[]): HistoryOperation[] {
  const seen = new Set(history.map((operation) => (operation.kind === 'read' ? operation.saw : undefined)));
  const writes = history.filter(({ kind }) => kind !== 'read') as HistoryWrite[];
  const counted = writes.filter(({ kind, id, isAcknowledged }) => isAcknowledged || kind === 'delete' || seen.has(id));
  const reads = history.filter(({ kind }) => kind === 'read');
  return [...counted, ...reads.slice(0, operationsMax - counted.length)];
}
