/** Between a node's standing and its workers: who tells whom what. */
import type { WorkerPoolHandlers } from './dispatch/pool-handlers.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { messageOf } from './diagnostics/errors.ts';
import type { Claim } from './domain/node-claim.ts';
import type { NodeStanding } from './node-standing.ts';
import type { StandingMessage } from './protocol/workers.ts';

/** The worker that merges and tells the peers; any one would do. */
const SPEAKER = 0;

export class StandingLink {
  readonly #standing: NodeStanding;
  readonly #pool: Pick<WorkerPool, 'tell' | 'workers'>;
  #logDamage: string | undefined;
  #isBegun = false;

  constructor(standing: NodeStanding, pool: Pick<WorkerPool, 'tell' | 'workers'>) {
    this.#standing = standing;
    this.#pool = pool;
  }

  get handlers(): Pick<WorkerPoolHandlers, 'onStanding' | 'onWorkerReady'> {
    return {
      onStanding: (message, worker) => void this.#take(message, worker),
      onWorkerReady: (worker, logDamage) => this.#onReady(worker, logDamage),
    };
  }

  /** All workers listen: what was found is kept, and they are told what the store is worth. */
  async begin(): Promise<void> {
    this.#isBegun = true;
    await this.#standing.begin(this.#logDamage !== undefined, {
      onStanding: (standing, sources) => {
        for (const worker of this.#pool.workers) this.#pool.tell(worker, { kind: 'standing', standing, sources });
      },
      onNews: () => this.#pool.tell(SPEAKER, { kind: 'introduce' }),
    });
  }

  onWorkerGone(worker: number): void {
    this.#standing.leaveAll(worker);
  }

  #onReady(worker: number, logDamage: string | undefined): void {
    if (!this.#isBegun) {
      this.#logDamage ??= logDamage;
      return;
    }
    // One that takes a dead one's place; what it finds damaged it must not vote on before the others have heard of it.
    if (logDamage !== undefined) void this.#standing.lose();
    const { standing, sources } = this.#standing;
    this.#pool.tell(worker, { kind: 'standing', standing, sources });
  }

  async #take(message: StandingMessage, worker: number): Promise<void> {
    switch (message.kind) {
      case 'introduction':
        return this.#introduce(message, worker);
      case 'peer-left':
        return this.#standing.leave(message.url, worker);
      case 'node-refused':
        return this.#standing.refuse(message.reason);
      case 'merged':
        return this.#standing.merged(message.progress);
      case 'wrote':
        return this.#standing.wrote();
      default:
        return message satisfies never;
    }
  }

  async #introduce(
    { id, claim, isConnected }: Extract<StandingMessage, { kind: 'introduction' }>,
    worker: number,
  ): Promise<void> {
    const answer = (own: Claim | undefined, error: string | undefined): void =>
      this.#pool.tell(worker, { kind: 'own-claim', id, claim: own, error });
    try {
      if (claim !== undefined) await this.#standing.meet(claim, isConnected ? worker : undefined);
      answer(this.#standing.claim, undefined);
    } catch (error) {
      answer(undefined, messageOf(error));
    }
  }
}
