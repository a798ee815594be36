/**
 * Mode `sync`: the replicas of a frame's operations are asked one after another. The state is which of them is asked now;
 * its reply (and the large value, where it is asked for that too) lets the next be asked, and the deadline ends it all.
 */
import type { PendingOperation } from './pending-operation.ts';

/** One replica to ask for one operation. */
export interface Question {
  readonly operation: PendingOperation;
  /** Index of the replica's node in the topology. */
  readonly node: number;
}

export class InTurn {
  /** Those that are not asked yet. */
  #questions: Question[];
  #state: 'ready' | 'asking' | 'over' = 'ready';

  /** `replicasOf`: an operation's replicas in the order in which they are asked. */
  constructor(operations: readonly PendingOperation[], replicasOf: (operation: PendingOperation) => readonly number[]) {
    this.#questions = operations.flatMap((operation) => replicasOf(operation).map((node) => ({ operation, node })));
  }

  /** Whether no replica is asked any more. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The replica that was asked last has replied. */
  replied(): void {
    if (this.#state === 'asking') this.#state = 'ready';
  }

  /** The operation's other replicas need not be asked what it has asked so far. */
  drop(operation: PendingOperation): void {
    this.#questions = this.#questions.filter((question) => question.operation !== operation);
  }

  /** The operation asks its replicas again. */
  again(operation: PendingOperation, nodes: readonly number[]): void {
    this.#questions.push(...nodes.map((node) => ({ operation, node })));
    if (this.#state === 'over') this.#state = 'ready';
  }

  /** Whom to ask now; undefined while a reply is waited for, and once all have replied or the deadline has passed. */
  next(): Question | undefined {
    if (this.#state !== 'ready') return undefined;
    const question = this.#questions.shift();
    this.#state = question === undefined ? 'over' : 'asking';
    return question;
  }

  /** The deadline has passed; returns who is not asked any more. */
  end(): readonly Question[] {
    this.#state = 'over';
    return this.#questions.splice(0);
  }
}
