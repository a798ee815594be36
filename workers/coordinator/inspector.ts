/**
 * Asks each replica of a key what it holds, for `/v0/inspect`: a read that has the whole record checked where it lies, and
 * announces it, so that a large value does not travel. A repair then sends the newest record to those that lack it, as a
 * read does that finds votes disagree (read-repair.ts), and looks again.
 *
 * It is for people, a few at a time, and stands beside the coordinator of clients' operations, which it does not touch.
 */
import type { Buffer } from 'node:buffer';
import { holdingOf, type Holding, type Inspection } from '../../src/domain/inspection.ts';
import { majority, replyWeights } from '../../src/domain/quorum.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { newerReply, staleReplicas, type ReplicaReply } from '../../src/domain/resolution.ts';
import type { Topology } from '../../src/domain/topology.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import {
  allocateFrame,
  ENTRY_HEADER_BYTES,
  entryBytes,
  entryFlags,
  readEntries,
  writeRead,
  writeRepair,
  type Quorum,
} from '../../src/formats/frame.ts';
import type { FaultKind } from '../../src/formats/faults.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { failedReply, holdsRecord, readReplies, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import type { Time } from '../ground/time.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { LocalReplica } from '../replica/local-replica.ts';

export interface InspectorOptions {
  readonly topology: Topology;
  readonly replica: Pick<LocalReplica, 'submit'>;
  /** By index in the topology; undefined at this node's own. */
  readonly peers: readonly (Pick<PeerClient, 'submit' | 'flush' | 'status'> | undefined)[];
  readonly time: Pick<Time, 'after'>;
  /** How long a replica may take for each step. */
  readonly timeoutMs: number;
}

/** What is asked of the inspector. */
export interface InspectionWish {
  readonly key: Buffer;
  readonly quorum: Quorum;
  readonly repair: boolean;
}

/** What a replica said to one entry, or which kind of silence it was. */
type Said = { readonly node: number; readonly reply: Reply; readonly silence: FaultKind };

export class Inspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** Resolves within a few times the deadline, whatever replicas do. */
  async inspect(wish: InspectionWish): Promise<Inspection> {
    const found = await this.#look(wish);
    const repaired = wish.repair ? await this.#repair(wish, found) : [];
    const after = repaired.length > 0 ? await this.#look(wish) : found;
    return { holdings: after.map((said) => this.#holdingOf(said)), repaired };
  }

  /** Asks every replica, in the order of its preference list. */
  #look({ key, quorum }: InspectionWish): Promise<Said[]> {
    const flags = entryFlags.largeRead | entryFlags.announceOnly;
    return Promise.all(this.#replicasOf(key, quorum).map((node) => this.#ask(node, readOf(key, quorum, flags))));
  }

  /** Sends those that lack the newest record that record; returns those that took it. */
  async #repair(wish: InspectionWish, found: readonly Said[]): Promise<number[]> {
    // Votes vouch for what replaces a damaged record only if they were cast after the damage was known.
    const isDamaged = found.some(({ reply }) => reply.code === replyCodes.damaged);
    const replies = repliesOf(isDamaged ? await this.#look(wish) : found);
    const newest = replies.map(({ reply }) => reply).reduce(newerReply, failedReply);
    const stale = staleReplicas(replies, newest);
    if (stale.length === 0) return [];
    const record = await this.#fetch(wish, replies, stale);
    if (record === undefined) return [];
    const { key, quorum } = wish;
    const votes = replies.filter(({ node, reply }) => replyWeights[reply.code] === 'ack' && !stale.includes(node));
    const isVouched = votes.length > quorum.replicaCount - majority(quorum.replicaCount);
    const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
    const body = record.bytes.subarray(record.offset, record.offset + record.length);
    writeRepair(bytes, { quorum, isVouched }, key, body);
    const taken = await Promise.all(stale.map((node) => this.#ask(node, bytes)));
    return taken.flatMap(({ node, reply: { code } }) =>
      code === replyCodes.applied || code === replyCodes.superseded ? [node] : [],
    );
  }

  /** The newest record itself, from one that holds it, this node's own replica before others. */
  async #fetch({ key, quorum }: InspectionWish, replies: readonly ReplicaReply[], stale: readonly number[]) {
    const { selfIndex } = this.#options.topology;
    const holders = replies.filter(({ node, reply }) => tellsRecord(reply) && !stale.includes(node));
    const nodes = holders.map(({ node }) => node).toSorted((left) => (left === selfIndex ? -1 : 0));
    for (const node of nodes) {
      const { reply } = await this.#ask(node, readOf(key, quorum, entryFlags.largeRead));
      if (holdsRecord(reply.code) && isReplyTo(operationKinds.read, reply)) return reply;
    }
    return undefined;
  }

  #replicasOf(key: Buffer, { replicaCount }: Quorum): readonly number[] {
    const ids = this.#options.topology.nodes.map(({ id }) => id);
    return preferenceList(hashKey(key, 0, key.length), ids, replicaCount);
  }

  #ask(node: number, bytes: Buffer): Promise<Said> {
    const { topology, replica, peers, time, timeoutMs } = this.#options;
    return new Promise((resolve) => {
      const say = (reply: Reply, silence: FaultKind): void => {
        cancel();
        resolve({ node, reply, silence });
      };
      const cancel = time.after(timeoutMs, () => resolve({ node, reply: failedReply, silence: 'silent' }));
      const onReply = (reply: Reply = failedReply): void => say(reply, 'refused');
      if (node === topology.selfIndex) {
        replica.submit(readEntries(bytes), (replies) => onReply(readReplies(replies)[0]));
        return;
      }
      const onFailed = (): void => say(failedReply, 'unreached');
      const onReplies = (replies: readonly Reply[], at: number): void => onReply(replies[at]);
      peers[node]?.submit({ bytes, count: 1, isLarge: true, onReplies, onFailed });
      peers[node]?.flush();
    });
  }

  #holdingOf({ node, reply, silence }: Said): Holding {
    const detail = this.#options.peers[node]?.status.error ?? '';
    const isAnswer = isReplyTo(operationKinds.read, reply);
    return holdingOf(node, isAnswer ? reply : failedReply, { kind: silence, detail });
  }
}

/** What was said to a read, without those that said nothing. */
function repliesOf(said: readonly Said[]): ReplicaReply[] {
  return said.filter(({ reply }) => reply.code !== replyCodes.failed && isReplyTo(operationKinds.read, reply));
}

function readOf(key: Buffer, quorum: Quorum, flags: number): Buffer {
  const bytes = allocateFrame(entryBytes(key.length, undefined));
  writeRead(bytes, 0, { tag: 0, kind: operationKinds.read, quorum, flags }, key);
  return bytes;
}
