/**
 * How much of one kind of work an event loop does in one of its turns. What is over waits for a later turn, in order, so
 * that many who each take a little do not hold up the loop together.
 */
const SHORT_PARTS = 8;

export class TurnShare {
  readonly #perTurn: number;
  readonly #defer: (run: () => void) => unknown;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #deferred = false;
  #isShort = false;

  /** `perTurn` units a turn; `defer` runs a function in the next turn, as `setImmediate` does. */
  constructor(perTurn: number, defer: (run: () => void) => unknown) {
    this.#perTurn = perTurn;
    this.#defer = defer;
    this.#left = perTurn;
  }

  /** Uses a unit of this turn's share; says whether there is more of it. */
  use(): boolean {
    this.#left--;
    this.#awaitTurn();
    return this.#left > 0;
  }

  /** Calls `run` in a later turn: as many a turn as the share has units. */
  later(run: () => void): void {
    this.#waiting.push(run);
    this.#awaitTurn();
  }

  /** Others wait for the turns themselves: the next one does an eighth of this. */
  shortenNext(): void {
    this.#isShort = true;
  }

  /** Resolves in a later turn, as `later` does. */
  readonly pause = (): Promise<void> => new Promise((resolve) => this.later(resolve));

  #awaitTurn(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#defer(() => this.#startTurn());
  }

  #startTurn(): void {
    this.#deferred = false;
    const share = this.#isShort ? Math.ceil(this.#perTurn / SHORT_PARTS) : this.#perTurn;
    this.#isShort = false;
    this.#left = share;
    for (const run of this.#waiting.splice(0, share)) run();
    if (this.#waiting.length > 0) this.#awaitTurn();
  }
}
