/**
 * Brings one node what this worker keeps for it, while it is up: one batch at a time, so that what is under way is bounded, and
 * below client traffic: between two batches it pauses where clients have come meanwhile. A hint is let go when the target has
 * made it durable, or holds something newer.
 */
import type { ReplyCode } from '../../src/formats/codes.ts';
import { batchHints, judgeDelivery, type HintDrop } from '../../src/domain/hints.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Replica } from '../replica/owned-replica.ts';
import { codesOf, makeBatch, type HintBatch } from './hint-batch.ts';
import type { HintQueue } from './hint-queue.ts';
import type { KeptHint } from './hint-segment.ts';

export interface HintDeliveryOptions {
  readonly queue: Pick<HintQueue, 'count' | 'peek' | 'advance'>;
  readonly peer: Pick<PeerClient, 'status' | 'submit' | 'flush'>;
  /** Of all workers of this node. */
  readonly replica: Replica;
  /** A count that grows with the point operations of this thread. */
  readonly operationsSoFar: () => number;
  /** Whether the target keeps a hint's key no more. */
  readonly hasLeft: (hint: KeptHint) => boolean;
  readonly onDropped: (reason: HintDrop, count: number) => void;
}

/** Gives a batch to somebody who keeps it for the target; resolves to whether that worked. */
export type GiveAway = (batch: HintBatch) => Promise<boolean>;

/**
 * Between two batches while clients come, milliseconds: so many times as long as the batch took, which tells how busy both nodes are. At
 * once they would keep a node that has just started from all else.
 */
const GIVE_WAY_TIMES = 4;
const GIVE_WAY_MS_MIN = 5;
const GIVE_WAY_MS_MAX = 250;
/** After a batch that the target did not take, milliseconds. */
const AGAIN_MS = 200;

export class HintDelivery {
  delivered = 0;
  handedOver = 0;
  readonly #options: HintDeliveryOptions;
  /** Ends with the run that began last. */
  #run: Promise<void> | undefined;
  #isClosed = false;
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  constructor(options: HintDeliveryOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#options.peer.status.state === 'up';
  }

  /** There is something to deliver, or somebody to deliver it to; resolves when nothing more can be done about it now. */
  kick(): Promise<void> {
    if (this.#run === undefined && this.#canDeliver) {
      this.#run = this.#deliverAll().finally(() => {
        this.#run = undefined;
        // What came, or happened, after the last look.
        void this.kick();
      });
    }
    return this.#run ?? Promise.resolve();
  }

  /** Resolves when nothing is kept for the node any more, or nothing will be delivered. */
  async drained(): Promise<void> {
    void this.kick();
    if (this.#options.queue.count === 0 || this.#isClosed) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives everything to somebody who keeps it; stops at what is not taken. Only while nothing is delivered. */
  async handOver(give: GiveAway): Promise<void> {
    const { queue, replica, hasLeft } = this.#options;
    while (queue.count > 0 && !this.#isClosed && this.#run === undefined) {
      const batch = await makeBatch(queue.peek(batchHints(false)), replica, hasLeft);
      if (batch === undefined || (batch.count > 0 && !(await give(batch)))) return;
      this.handedOver += batch.count;
      this.#dropRest(batch);
      queue.advance(batch.hints);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#tellDrained();
  }

  get #canDeliver(): boolean {
    return !this.#isClosed && this.#options.queue.count > 0 && this.isUp;
  }

  async #deliverAll(): Promise<void> {
    const { operationsSoFar } = this.#options;
    for (let tries = 0; this.#canDeliver;) {
      const before = operationsSoFar();
      const started = performance.now();
      const after = await this.#deliverSome(tries);
      // Reading the batch's records was an operation, too.
      this.#isBusy = operationsSoFar() > before + 1;
      tries = after ?? 0;
      if (after === undefined) await pause(this.#isBusy ? giveWayMs(performance.now() - started) : 0);
      else await pause(AGAIN_MS);
    }
    if (this.#options.queue.count === 0) this.#tellDrained();
  }

  /** Delivers a batch; where it has to be sent again, resolves to how often it was tried. */
  async #deliverSome(tries: number): Promise<number | undefined> {
    const { queue, replica, hasLeft, onDropped } = this.#options;
    const batch = await makeBatch(queue.peek(batchHints(this.#isBusy)), replica, hasLeft);
    if (batch === undefined) return tries;
    const delivery = judgeDelivery(batch.count === 0 ? [] : await this.#send(batch), tries);
    if (delivery.do === 'again') return delivery.tries;
    this.delivered += delivery.delivered;
    onDropped('refused', delivery.refused);
    this.#dropRest(batch);
    queue.advance(batch.hints);
    return undefined;
  }

  #dropRest({ hints, count, left }: HintBatch): void {
    const { onDropped } = this.#options;
    onDropped('left', left);
    onDropped('gone', hints - count - left);
  }

  /** Resolves to what the target says; undefined where it could not be asked. */
  #send({ bytes, count, isLarge }: HintBatch): Promise<readonly ReplyCode[] | undefined> {
    const { peer } = this.#options;
    return new Promise((resolve) => {
      peer.submit({
        bytes,
        count,
        isLarge,
        onReplies: (replies, at) => resolve(codesOf(replies, at, count)),
        onFailed: () => resolve(undefined),
      });
      peer.flush();
    });
  }

  #tellDrained(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function giveWayMs(tookMs: number): number {
  return Math.min(GIVE_WAY_MS_MAX, Math.max(GIVE_WAY_MS_MIN, GIVE_WAY_TIMES * tookMs));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}
