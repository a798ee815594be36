/**
 * Bounds the large records that a coordinator reads at a time. An operation keeps its turn until what was read for it is
 * let go, and while it asks another replica; the others wait for theirs, or for their deadline.
 */

/** Records under way, bytes. One alone may have more. */
const BYTES_MAX = 32 * 1024 * 1024;

interface Turn {
  readonly bytes: number;
  readonly ask: () => void;
}

export class LargeReads<Operation> {
  readonly #underWay = new Map<Operation, number>();
  readonly #waiting = new Map<Operation, Turn>();
  #bytes = 0;

  /** Calls `ask`, now or later, to read an operation's record of so many bytes; never where `endAll` comes before. */
  ask(operation: Operation, bytes: number, ask: () => void): void {
    if (this.#underWay.has(operation)) return ask();
    this.#waiting.set(operation, { bytes, ask });
    return this.#admit();
  }

  /** What was read for the operation is let go, and nothing is being read. */
  end(operation: Operation): void {
    if (this.#leave(operation)) this.#admit();
  }

  /** The operations' time is up: nothing more is read for any of them. */
  endAll(operations: readonly Operation[]): void {
    for (const operation of operations) this.#waiting.delete(operation);
    for (const operation of operations) this.#leave(operation);
    this.#admit();
  }

  #leave(operation: Operation): boolean {
    const bytes = this.#underWay.get(operation);
    if (bytes === undefined) return false;
    this.#underWay.delete(operation);
    this.#bytes -= bytes;
    return true;
  }

  #admit(): void {
    for (const [operation, { bytes, ask }] of this.#waiting) {
      if (this.#underWay.size > 0 && this.#bytes + bytes > BYTES_MAX) return;
      this.#waiting.delete(operation);
      this.#underWay.set(operation, bytes);
      this.#bytes += bytes;
      ask();
    }
  }
}
