/**
 * The network between simulated nodes: frames and their answers take their time, overtake each other, and are lost where the
 * way is cut, in one direction or both. A process that dies takes its connections with it; frames that it has sent arrive
 * all the same.
 */
import { Buffer } from 'node:buffer';
import { nodesMax } from '../../src/domain/topology.ts';
import { failedReply, readReplies } from '../../src/formats/reply.ts';
import { readEntries } from '../../src/formats/frame.ts';
import type { Segment } from '../../workers/peers/segment-queue.ts';
import type { Random } from '../support/random.ts';
import type { LifeView, NetworkView } from './parts.ts';
import { between, chance, type SimLoop } from './loop.ts';

/** How a history's network behaves. */
export interface NetworkHabits {
  /** Of a thousand frames so many are late by up to `lateMsMax`. */
  readonly late: number;
  readonly lateMsMax: number;
}

export class SimNetwork implements NetworkView {
  readonly #loop: SimLoop;
  readonly #random: Random;
  readonly #habits: NetworkHabits;
  /** The ways that are cut. */
  readonly #cut = new Set<number>();
  #isCalm = false;
  readonly #delays = new Map<number, number>();

  constructor(loop: SimLoop, random: Random, habits: NetworkHabits) {
    this.#loop = loop;
    this.#random = random;
    this.#habits = habits;
  }

  /** The next operations on a way take so much longer. */
  delay(from: number, to: number, lateMs: number): void {
    this.#delays.set(wayOf(from, to), lateMs);
  }

  cut(from: number, to: number): void {
    this.#cut.add(wayOf(from, to));
  }

  /** Every way is open; `calm`: and no frame is late any more. */
  heal(calm: boolean): void {
    this.#cut.clear();
    this.#isCalm ||= calm;
  }

  isOpen(from: number, to: number): boolean {
    return !this.#cut.has(wayOf(from, to));
  }

  /** Calls `arrive` after the way from one node to another, if that is open then. */
  send(from: number, to: number, arrive: () => void): void {
    this.#loop.after(this.#delay(), () => {
      if (this.isOpen(from, to)) arrive();
    });
  }

  /** As `send`, for operations: those that are to be delayed are. */
  sendOperations(from: number, to: number, arrive: () => void): void {
    const way = wayOf(from, to);
    const lateMs = this.#delays.get(way) ?? 0;
    this.#delays.delete(way);
    this.#loop.after(lateMs, () => this.send(from, to, arrive));
  }

  #delay(): number {
    const { late, lateMsMax } = this.#habits;
    const isLate = !this.#isCalm && chance(this.#random, late);
    const micros = isLate ? between(this.#random, 0, lateMsMax * 1000) : between(this.#random, 50, 2000);
    return micros / 1000;
  }
}

function wayOf(from: number, to: number): number {
  return from * nodesMax + to;
}

/** A peer as the coordinator of one life of a process uses it. */
export class SimPeer {
  readonly #asker: LifeView;
  readonly #index: number;
  #waiting: Segment[] = [];
  /** What was sent and has no answer: how to fail it. */
  readonly #open = new Set<() => void>();
  /** The process that the connection leads to. */
  #other: LifeView | undefined;

  constructor(asker: LifeView, index: number) {
    this.#asker = asker;
    this.#index = index;
  }

  submit(segment: Segment): void {
    if (this.#asker.isConnected(this.#index)) this.#waiting.push(segment);
    else segment.onFailed();
  }

  flush(): void {
    for (const segment of this.#waiting.splice(0)) this.#send(segment);
  }

  expire(): void {}

  /** The connection is gone: what waits and what has no answer fails. */
  lose(): void {
    const waiting = this.#waiting.splice(0);
    this.#other = undefined;
    for (const { onFailed } of waiting) onFailed();
    for (const fail of this.#open) fail();
  }

  #send(segment: Segment): void {
    const asker = this.#asker;
    const target = asker.peerLife(this.#index);
    if (target === undefined) return segment.onFailed();
    this.#other = target;
    const bytes = Buffer.from(segment.bytes);
    const { newest } = asker.versions;
    let isOver = false;
    const end = (run: () => void): void => {
      if (isOver) return;
      isOver = true;
      this.#open.delete(fail);
      run();
    };
    const fail = (): void => end(segment.onFailed);
    this.#open.add(fail);
    asker.after(asker.timeoutMs, () => {
      if (isOver) return;
      // The node is given up as one that does not answer.
      asker.giveUp(this.#index);
    });
    const { network } = asker.world;
    network.sendOperations(asker.index, target.index, () => {
      target.run(() => {
        target.versions.see(newest);
        target.submit(readEntries(bytes), (answer) => {
          const seen = target.versions.newest;
          network.send(target.index, asker.index, () => {
            asker.run(() => {
              if (this.#other !== target) return;
              end(() => {
                asker.versions.see(seen);
                segment.onReplies(answer.length === 0 ? [failedReply] : readReplies(answer), 0, target.start);
              });
            });
          });
        });
      });
    });
    return undefined;
  }
}
