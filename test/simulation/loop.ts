/**
 * Virtual time: events in the order of their times, and of the order in which they were asked for where those are equal.
 * Each runs in a callback of Node's, so that between two events every promise that can go on does, as it does in a node.
 */
import type { Random } from '../support/random.ts';

interface SimEvent {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Callbacks that are asked for at a time: what one of them asks for waits for another turn of Node's loop, some microseconds. */
const ROUND = 64;

export class SimLoop {
  /** Virtual milliseconds since the simulation began. */
  now = 0;
  #asked = 0;
  readonly #heap: SimEvent[] = [];

  /** Runs `run` at a virtual time, at once if that has passed; what it returns calls that off. */
  at(time: number, run: () => void): () => void {
    const event: SimEvent = { at: Math.max(time, this.now), order: this.#asked++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  after(ms: number, run: () => void): () => void {
    return this.at(this.now + ms, run);
  }

  /** Runs the events up to and at a virtual time. Rejects with what an event throws; the others do not run then. */
  runUntil(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let asked = 0;
      let isOver = false;
      const ask = (): void => {
        for (; asked < ROUND; asked++) setImmediate(step);
      };
      const step = (): void => {
        asked--;
        if (isOver) return;
        try {
          isOver = !this.#runNext(end);
        } catch (error) {
          isOver = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (isOver) resolve();
        else if (asked === 0) ask();
      };
      ask();
    });
  }

  /** Runs the next event; false where none is left up to that time. */
  #runNext(end: number): boolean {
    for (let event = this.#heap[0]; event !== undefined && event.at <= end; event = this.#heap[0]) {
      this.#pop();
      if (event.run === undefined) continue;
      this.now = event.at;
      event.run();
      return true;
    }
    this.now = end;
    return false;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as SimEvent)) break;
      heap[index] = heap[parent] as SimEvent;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as SimEvent;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child++;
      if (!isBefore(heap[child] as SimEvent, last)) break;
      heap[index] = heap[child] as SimEvent;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: SimEvent, right: SimEvent): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

/** A whole number in [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** Whether something of this chance, in thousandths, happens. */
export function chance(random: Random, thousandths: number): boolean {
  return random.below(1000) < thousandths;
}

export function oneOf<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
