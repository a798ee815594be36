/**
 * Lets go of what a worker owns for a former list's sake only (src/domain/surplus.ts). Whenever the nodes have confirmed something to
 * each other (purge-desk.ts) it looks through the store, asks the replicas of each such key what they hold of it, and has those
 * copies removed that all of them hold. In the background: some keys at a time, paced as repair is, and only while every
 * node is up. What is left is looked at again the next time; nothing is kept in memory between two times.
 */
import type { Buffer } from 'node:buffer';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import { maySurplusGo } from '../../src/domain/surplus.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { entryFlags } from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { readVersion, type Version } from '../../src/formats/record.ts';
import type { Reply } from '../../src/formats/reply.ts';
import type { SurplusStatus } from '../../src/protocol/repair.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Surplus } from '../store/surplus.ts';
import type { SurplusCopy } from '../store/writer-protocol.ts';
import { askPeer, readsOf } from './pull.ts';

export interface SurplusDeskOptions {
  readonly surplus: Pick<Surplus, 'isOver' | 'look' | 'remove' | 'removed'>;
  readonly placement: Placement;
  /** By index among the nodes; undefined at this one's own. */
  readonly peers: readonly (Pick<PeerClient, 'status' | 'submit' | 'flush'> | undefined)[];
  readonly timeoutMs: number;
  /** Resolves when so many bytes more may go to peers. */
  readonly pace: (bytes: number) => Promise<void>;
}

export class SurplusDesk {
  /** Copies that the last look found and that were not to go yet. */
  left = 0;
  readonly #options: SurplusDeskOptions;
  #isRunning = false;
  #isClosed = false;

  constructor(options: SurplusDeskOptions) {
    this.#options = options;
  }

  get status(): SurplusStatus {
    const { isOver, removed } = this.#options.surplus;
    const running = this.#isRunning ? 'removing' : 'waiting';
    return { state: isOver ? 'none' : running, left: this.left, removed };
  }

  /** All nodes vote and have confirmed what is older than `bound` to each other: goes over all copies, unless that is under way. */
  async run(bound: Version): Promise<void> {
    if (this.#isRunning || this.#options.surplus.isOver || !this.#areUp) return;
    this.#isRunning = true;
    try {
      this.left = await this.#goOver(bound);
    } finally {
      this.#isRunning = false;
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  get #areUp(): boolean {
    return this.#options.peers.every((peer) => peer === undefined || peer.status.state === 'up');
  }

  /** Resolves to how many copies it found and left; where it broke off, to at least one. */
  async #goOver(bound: Version): Promise<number> {
    const { surplus, pace } = this.#options;
    let left = 0;
    for (let from: Buffer | undefined; ;) {
      if (this.#isClosed) return Math.max(1, left);
      const { copies, next } = surplus.look(from);
      await pace(0);
      const going = copies.length === 0 ? [] : await this.#thatMayGo(copies, bound);
      if (going === undefined || this.#isClosed) return left + Math.max(1, copies.length);
      left += copies.length - going.length;
      const isAll = next === undefined && left === 0;
      if (!(await surplus.remove(going, bound, isAll))) return left + Math.max(1, going.length);
      if (next === undefined) return left;
      from = next;
    }
  }

  /** Of some copies those that may go; undefined where a replica cannot be asked. */
  async #thatMayGo(copies: readonly SurplusCopy[], bound: Version): Promise<readonly SurplusCopy[] | undefined> {
    const confirmed = copies.filter(({ header }) => readVersion(header, 0) < bound);
    const { nodeIds, replicationFactor } = this.#options.placement;
    const replicas = confirmed.map(({ key }) =>
      preferenceList(hashKey(key, 0, key.length), nodeIds, replicationFactor),
    );
    const replies: Reply[][] = confirmed.map(() => []);
    for (const node of new Set(replicas.flat())) {
      const asked = [...confirmed.keys()].filter((at) => replicas[at]?.includes(node));
      const told = await this.#ask(
        node,
        asked.map((at) => confirmed[at] as SurplusCopy),
      );
      if (told === undefined) return undefined;
      for (const [index, at] of asked.entries()) replies[at]?.push(told[index] as Reply);
    }
    return confirmed.filter(({ header }, at) => {
      return maySurplusGo({ bytes: header, offset: 0, length: header.length }, replies[at] as Reply[]);
    });
  }

  /** What a node says of some keys: which version it has, not the record. */
  async #ask(node: number, copies: readonly SurplusCopy[]): Promise<readonly Reply[] | undefined> {
    const { peers, timeoutMs, pace } = this.#options;
    const peer = peers[node];
    if (peer === undefined || !this.#areUp) return undefined;
    const frame = readsOf(copies, entryFlags.announceOnly);
    await pace(frame.length);
    const replies = await askPeer(frame, { peer, timeoutMs });
    return replies?.every((reply) => isReplyTo(operationKinds.read, reply)) === true ? replies : undefined;
  }
}
