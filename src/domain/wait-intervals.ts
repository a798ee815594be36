/** Stretches of time, and how much of another stretch they cover. Bounded: the first ones stay. */

export class Intervals {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Adds a stretch that ends no earlier than those before it; with those that it touches it becomes one. */
  add(start: number, end: number): void {
    let from = start;
    while (from <= (this.#ends.at(-1) ?? -Infinity)) {
      from = Math.min(from, this.#starts.pop() as number);
      this.#ends.pop();
    }
    if (this.#starts.length >= this.#countMax) return;
    this.#starts.push(from);
    this.#ends.push(end);
  }

  /** How much of the time from `from` to `to` they cover. */
  overlap(from: number, to: number): number {
    let covered = 0;
    for (let index = this.#firstEndingAfter(from); index < this.#starts.length; index++) {
      const start = this.#starts[index] as number;
      if (start >= to) break;
      covered += Math.min(to, this.#ends[index] as number) - Math.max(from, start);
    }
    return covered;
  }

  #firstEndingAfter(time: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] as number) > time) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
