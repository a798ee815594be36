/**
 * kill -9 under load: real nodes, of which one or all at once are killed at a random moment, again and again. Every write
 * asks for all three replicas, so after each round every node by itself must have what was acknowledged, or what was sent
 * after it and got no answer: its own records are read, and each key at a quorum. Segments of the log are so small that
 * kills also hit checkpoints, files that are used again, and files that are being made.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { seededRandom } from '../../profiling/load/random.ts';
import type { Durability } from '../../src/domain/modes.ts';
import { largeValueBytes } from '../../src/formats/record.ts';
import { startCluster, type Cluster, type ClusterOwner } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { Random } from '../support/random.ts';
import { recordsOf } from './records.ts';

export interface KillsOptions {
  readonly durability: Durability;
  readonly seed: number;
  readonly rounds: number;
  /** Called after each round. */
  readonly onRound?: (result: KillsResult) => void;
}

export interface KillsResult {
  readonly rounds: number;
  /** Writes that were acknowledged, and those of them that deleted. */
  readonly acknowledged: number;
  readonly deletions: number;
  /** Writes without an answer: what became of them is not known. */
  readonly unanswered: number;
  /** What a node or a quorum has that it must not have, in words. */
  readonly wrong: readonly string[];
}

const NODES = 3;
const WRITERS = 12;
const KEYS_OF_WRITER = 10;
/** Acknowledged writes of a round before it kills, and how long after them. */
const KILL_AFTER_MAX = 300;
const MORE_MS_MAX = 30;
const RETRY_MS = 20;
const SMALL_LOG = ['--log-segment-bytes', '1MiB', '--memtable-bytes-max', '3MiB'];
const everyReplica = { ack: NODES, from: NODES } as const;

/** One write of a key: its number, and the bytes of its value; -1 deletes. */
interface Sent {
  readonly number: number;
  readonly valueBytes: number;
}

interface KeyState {
  readonly key: string;
  acknowledged: Sent | undefined;
  /** Sent after it, and not answered. */
  unanswered: Sent[];
}

/** Kills nodes of a cluster of its own, which ends with `owner`. */
export async function testKills(owner: ClusterOwner, options: KillsOptions): Promise<KillsResult> {
  const cluster = await startCluster(owner, { nodes: NODES, durability: options.durability, flags: SMALL_LOG });
  return new Kills(cluster, options).run();
}

class Kills {
  readonly #cluster: Cluster;
  readonly #options: KillsOptions;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: WRITERS });
  readonly #states: readonly (readonly KeyState[])[] = Array.from({ length: WRITERS }, (_, writer) =>
    Array.from({ length: KEYS_OF_WRITER }, (__, number) => {
      return { key: `writer ${writer} key ${number}`, acknowledged: undefined, unanswered: [] };
    }),
  );
  readonly #wrong: string[] = [];
  #isLoading = false;
  #sent = 0;
  #rounds = 0;
  #acknowledged = 0;
  #deletions = 0;
  #unanswered = 0;

  constructor(cluster: Cluster, options: KillsOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const next = seededRandom(options.seed % 2 ** 32);
    this.#random = { below: (end) => Math.floor(next() * end) };
  }

  get #result(): KillsResult {
    return {
      rounds: this.#rounds,
      acknowledged: this.#acknowledged,
      deletions: this.#deletions,
      unanswered: this.#unanswered,
      wrong: this.#wrong,
    };
  }

  async run(): Promise<KillsResult> {
    while (this.#rounds < this.#options.rounds && this.#wrong.length === 0) {
      await this.#kill();
      await this.#check();
      this.#rounds++;
      this.#options.onRound?.(this.#result);
    }
    this.#agent.destroy();
    return this.#result;
  }

  /** One or all nodes, with the load on; they are started again. */
  async #kill(): Promise<void> {
    this.#isLoading = true;
    const writers = this.#states.map((states) => this.#write(states));
    const enough = this.#acknowledged + 1 + this.#random.below(KILL_AFTER_MAX);
    await eventually(() => assert.ok(this.#acknowledged >= enough, `${this.#acknowledged} writes acknowledged`));
    await setTimeout(this.#random.below(MORE_MS_MAX));
    const victims = this.#random.below(2) === 0 ? [0, 1, 2] : [this.#random.below(NODES)];
    await Promise.all(victims.map((victim) => this.#cluster.stop(victim, 'SIGKILL')));
    this.#isLoading = false;
    await Promise.all(writers);
    await Promise.all(victims.map((victim) => this.#cluster.start(victim)));
  }

  async #write(states: readonly KeyState[]): Promise<void> {
    while (this.#isLoading) {
      const state = states[this.#random.below(states.length)] as KeyState;
      const sent = { number: ++this.#sent, valueBytes: this.#valueBytes() };
      state.unanswered.push(sent);
      if (!(await this.#send(state.key, sent))) {
        this.#unanswered++;
        // Nodes that start again need the processor more.
        await setTimeout(RETRY_MS);
        continue;
      }
      this.#acknowledged++;
      if (sent.valueBytes < 0) this.#deletions++;
      // What was sent before it has an older version.
      state.acknowledged = sent;
      state.unanswered = [];
    }
  }

  #valueBytes(): number {
    const dice = this.#random.below(100);
    if (dice < 15) return -1;
    if (dice < 17) return largeValueBytes + 1 + this.#random.below(100_000);
    return dice < 70 ? this.#random.below(300) : this.#random.below(20_000);
  }

  /** Whether it was acknowledged. */
  async #send(key: string, sent: Sent): Promise<boolean> {
    const through = this.#random.below(NODES);
    const quorum = { ...everyReplica, agent: this.#agent };
    const value = valueOf(key, sent);
    try {
      const { status } =
        value === undefined
          ? await this.#cluster.del(through, key, quorum)
          : await this.#cluster.put(through, key, value, quorum);
      return status === (value === undefined ? 202 : 201);
    } catch {
      return false;
    }
  }

  async #check(): Promise<void> {
    const own = await Promise.all(this.#cluster.nodes.map(({ url }) => recordsOf(url, '?start=writer')));
    await Promise.all(
      this.#states.flat().map(async (state) => {
        for (const [node, records] of own.entries()) this.#judge(state, records.get(state.key), `node ${node}`);
        const { status, body } = await this.#cluster.get(this.#random.below(NODES), state.key, { agent: this.#agent });
        if (status === 200 || status === 404) this.#judge(state, status === 200 ? body : undefined, 'a quorum');
        else this.#wrong.push(`${state.key}: a read answers ${status}`);
      }),
    );
  }

  #judge({ key, acknowledged, unanswered }: KeyState, found: Buffer | undefined, where: string): void {
    const allowed = acknowledged === undefined ? unanswered : [acknowledged, ...unanswered];
    const isRight = allowed.some((sent) => {
      const value = valueOf(key, sent);
      return value === undefined || found === undefined ? value === found : value.equals(found);
    });
    if (isRight || (found === undefined && acknowledged === undefined)) return;
    const shown = found === undefined ? 'nothing' : `"${found.toString('latin1', 0, 40)}", ${found.length} bytes`;
    this.#wrong.push(
      `${where} has ${shown} under "${key}", where ${JSON.stringify(acknowledged)} was acknowledged and after it ` +
        `${JSON.stringify(unanswered)} was sent`,
    );
  }
}

/** The value tells its key and number all along, so that a torn or mixed one is seen. */
function valueOf(key: string, { number, valueBytes }: Sent): Buffer | undefined {
  return valueBytes < 0 ? undefined : Buffer.alloc(valueBytes, `${key}=${number};`);
}
