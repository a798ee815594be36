/**
 * Bounds the large records that a coordinator reads at a time. An operation takes its turn with all of its replicas, since
 * what is read for it is held until they have answered; the others wait for theirs, or for their deadline.
 */

/** Records under way, bytes; each may come from every replica. One alone may have more. */
const BYTES_MAX = 32 * 1024 * 1024;

interface Turn {
  readonly bytes: number;
  readonly asks: (() => void)[];
}

export class LargeReads<Operation> {
  readonly #underWay = new Map<Operation, number>();
  readonly #waiting = new Map<Operation, Turn>();
  #bytes = 0;

  /** Calls `ask`, now or later, to read an operation's record of so many bytes; never where `endAll` comes before. */
  ask(operation: Operation, bytes: number, ask: () => void): void {
    if (this.#underWay.has(operation)) return ask();
    const turn = this.#waiting.get(operation);
    if (turn !== undefined) {
      turn.asks.push(ask);
      return undefined;
    }
    this.#waiting.set(operation, { bytes, asks: [ask] });
    return this.#admit();
  }

  /** The operation is complete; says whether anything was read for it, which must not be held after this. */
  end(operation: Operation): boolean {
    const wasRead = this.#leave(operation);
    if (wasRead) this.#admit();
    return wasRead;
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
    for (const [operation, { bytes, asks }] of this.#waiting) {
      if (this.#underWay.size > 0 && this.#bytes + bytes > BYTES_MAX) return;
      this.#waiting.delete(operation);
      this.#underWay.set(operation, bytes);
      this.#bytes += bytes;
      for (const ask of asks) ask();
    }
  }
}
