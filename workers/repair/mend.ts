/**
 * Mends damaged records of this node from the other replicas (src/domain/mending.ts), one after another, whoever came upon them: a
 * read, a range, or the look through the store. Each is asked for after its damage was known, so its votes are not older than
 * what was acknowledged before it.
 */
import { Buffer } from 'node:buffer';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { entryFlags, readEntries } from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import { holdsRecord } from '../../src/formats/reply.ts';
import { mendFrom } from '../../src/domain/mending.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { ReplicaReply } from '../../src/domain/resolution.ts';
import type { MendStatus } from '../../src/protocol/repair.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Replica } from '../replica/owned-replica.ts';
import { askPeer, readsOf, repairOf, submit } from './pull.ts';

export interface MendOptions {
  readonly placement: Placement;
  /** By index among the nodes; undefined at this one's own. */
  readonly peers: readonly (Pick<PeerClient, 'submit' | 'flush'> | undefined)[];
  /** All workers' together. */
  readonly replica: Replica;
  readonly timeoutMs: number;
  /** Resolves when the next one may begin. */
  readonly pause: () => Promise<void>;
  /** No acknowledged write can be under the key: what stands there is to go. */
  readonly drop: (key: Buffer) => Promise<void>;
  /** What was damaged is replaced, or was of no key: what it counted for in digests is not known. */
  readonly onMended: () => void;
}

/** What is found beyond it is found again, by the next look through the store. */
const WAITING_MAX = 10_000;
/** Until those are tried again of which too few replicas answered. */
const AGAIN_MS = 5000;

export class Mend {
  mended = 0;
  readonly #options: MendOptions;
  /** By key in latin1. */
  readonly #waiting = new Set<string>();
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MendOptions) {
    this.#options = options;
  }

  get status(): MendStatus {
    return { waiting: this.#waiting.size, mended: this.mended };
  }

  /** What stands under a key is damaged. */
  note(key: Buffer): void {
    if (this.#waiting.size < WAITING_MAX) this.#waiting.add(key.toString('latin1'));
    if (!this.#isRunning) void this.#run();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    clearTimeout(this.#timer);
    let hasEnded = false;
    // What comes meanwhile is met, too: a set shows what is added while one goes over it.
    for (const name of this.#waiting) {
      await this.#options.pause();
      const isDone = await this.#mend(Buffer.from(name, 'latin1')).catch(() => false);
      if (isDone) this.#waiting.delete(name);
      hasEnded ||= isDone;
    }
    this.#isRunning = false;
    if (hasEnded) this.#options.onMended();
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => void this.#run(), AGAIN_MS).unref();
  }

  /** Resolves to whether nothing is left to do for the key. */
  async #mend(key: Buffer): Promise<boolean> {
    const { placement, replica } = this.#options;
    const replicas = preferenceList(hashKey(key, 0, key.length), placement.nodeIds, placement.replicationFactor);
    if (!replicas.includes(placement.selfIndex)) return true;
    if (!(await this.#isDamaged(key))) return true;
    const others = replicas.filter((node) => node !== placement.selfIndex);
    const replies = await Promise.all(others.map((node) => this.#read(node, key, 0)));
    const mending = mendFrom(replies.flat(), replicas.length);
    if (mending.kind === 'wait') return replicas.length < 2;
    if (mending.kind === 'nothing') {
      await this.#options.drop(key);
      return true;
    }
    const [whole] = mending.kind === 'read' ? await this.#read(mending.node, key, entryFlags.largeRead) : [mending];
    if (whole === undefined || !holdsRecord(whole.reply.code)) return false;
    const [written] = await submit([repairOf(key, whole.reply, true)], replica);
    const isMended = written?.code === replyCodes.applied || written?.code === replyCodes.superseded;
    if (isMended) this.mended++;
    return isMended;
  }

  /** Whoever came upon it, somebody may have written the key since, or mended it. */
  async #isDamaged(key: Buffer): Promise<boolean> {
    const [own] = await submit(readEntries(readsOf([{ key }], entryFlags.largeRead)), this.#options.replica);
    return own?.code === replyCodes.damaged;
  }

  /** What a node says of the key; nothing where it does not answer in time. */
  async #read(node: number, key: Buffer, flags: number): Promise<ReplicaReply[]> {
    const { peers, timeoutMs } = this.#options;
    const peer = peers[node];
    if (peer === undefined) return [];
    const isLarge = flags === entryFlags.largeRead;
    const [reply] = (await askPeer(readsOf([{ key }], flags), { peer, timeoutMs, isLarge })) ?? [];
    return reply !== undefined && isReplyTo(operationKinds.read, reply) ? [{ node, reply }] : [];
  }
}
