/**
 * Inspections on their way to the worker that owns the key and back. They are for people who look after a cluster: a few at a
 * time, beside the admission of clients' operations.
 */
import type { Inspection } from '../domain/inspection.ts';
import { ownerOf } from '../domain/owners.ts';
import { hashKey } from '../domain/rendezvous.ts';
import type { InspectCommand, InspectedMessage } from '../protocol/workers.ts';

export interface InspectionsOptions {
  readonly pool: { tell(worker: number, command: InspectCommand): void };
  /** Each owns the keys of its share of the hash space (owners.ts). */
  readonly workers: number;
  /** How long a replica may take for each step. */
  readonly timeoutMs: number;
}

/** At a time. Each reads as many replicas, and the whole of the record in each. */
const INSPECTIONS_MAX = 8;
/** An inspection asks replicas so often one after another at most, and may take a deadline for each. */
const STEPS_MAX = 6;

export class Inspections {
  readonly #options: InspectionsOptions;
  readonly #waiting = new Map<number, (inspection: Inspection | undefined) => void>();
  #begun = 0;

  constructor(options: InspectionsOptions) {
    this.#options = options;
  }

  /**
   * What each replica holds; `overloaded` where too many ask, undefined where the worker does not say it in time, as one that
   * has ended.
   */
  inspect(asked: Omit<InspectCommand, 'kind' | 'id'>): Promise<Inspection | undefined> | 'overloaded' {
    if (this.#waiting.size >= INSPECTIONS_MAX) return 'overloaded';
    const { pool, workers, timeoutMs } = this.#options;
    const id = ++this.#begun;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(id, undefined), STEPS_MAX * timeoutMs);
      this.#waiting.set(id, (inspection) => {
        clearTimeout(timer);
        resolve(inspection);
      });
      pool.tell(ownerOf(hashKey(asked.key, 0, asked.key.length), workers), { kind: 'inspect', id, ...asked });
    });
  }

  /** Takes what a worker says. */
  onMessage({ id, inspection }: InspectedMessage): void {
    this.#end(id, inspection);
  }

  #end(id: number, inspection: Inspection | undefined): void {
    const give = this.#waiting.get(id);
    this.#waiting.delete(id);
    give?.(inspection);
  }
}
