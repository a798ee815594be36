/**
 * The records of a restore on their way to their replicas: a few at a time, and none while clients' operations leave no place,
 * so that a restore gives way to them. A request is answered when all of its records have their outcome.
 */
import { Buffer } from 'node:buffer';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Outcome } from '../domain/outcome.ts';
import { majority } from '../domain/quorum.ts';
import type { BackupEntry } from '../formats/backup.ts';
import type { NodeUrls } from './faults.ts';
import { outcomeResponse, retryAfter, type EntityExchange } from './outcome.ts';
import { problemResponse } from './problem.ts';
import type { Response } from './reply.ts';
import type { Request } from './request.ts';

export interface RestoresOptions {
  readonly dispatcher: Pick<Dispatcher<EntityExchange>, 'refusal' | 'takesWrites' | 'restore'>;
  readonly nodes: NodeUrls;
  /** Replicas of each record. */
  readonly replicationFactor: number;
  /** How long a request may wait for places. */
  readonly timeoutMs: number;
}

/** Requests at a time; each holds a body. */
const RESTORES_MAX = 2;
/** Records of a request under way. */
const WINDOW = 64;
/** How long it waits where there is no place, milliseconds. */
const PAUSE_MS = 20;
const noPlace = problemResponse('overloaded', 'Operations of clients leave no place; go on later', retryAfter);

export class Restores {
  readonly #options: RestoresOptions;
  #running = 0;

  constructor(options: RestoresOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#running < RESTORES_MAX;
  }

  /** Takes a place; returns what gives it back. */
  begin(): () => void {
    this.#running++;
    return () => void this.#running--;
  }

  /** Has replicas take the entries, answers the request, and calls `onEnd`. */
  restore({ reply }: Request, entries: readonly BackupEntry[], onEnd: () => void): void {
    const { dispatcher, nodes, timeoutMs } = this.#options;
    const quorum = this.#quorum();
    let [next, underWay, placedAt] = [0, 0, performance.now()];
    let failure: Response | undefined;
    const exchange: EntityExchange = {
      method: 'PUT',
      reply,
      arrivedAt: 0,
      startedAt: placedAt,
      bodyBytes: 0,
      acksRequired: quorum.acksRequired,
      preconditions: undefined,
      onOutcome: (outcome) => {
        underWay--;
        if (outcome.kind !== 'written') failure ??= this.#failureOf(exchange, outcome, nodes);
        goOn();
      },
    };
    const goOn = (): void => {
      const now = performance.now();
      while (failure === undefined && !reply.isGone && next < entries.length && underWay < WINDOW) {
        if (!dispatcher.takesWrites || dispatcher.refusal('write', now) !== undefined) break;
        const { key, record } = entries[next++] as BackupEntry;
        underWay++;
        placedAt = now;
        dispatcher.restore(key, record, { quorum, context: exchange, now });
      }
      if (underWay > 0) return;
      const isOver = failure !== undefined || reply.isGone || next === entries.length;
      if (!isOver && now - placedAt < timeoutMs) return void setTimeout(goOn, PAUSE_MS);
      reply.send(failure ?? (isOver ? restored(entries.length) : noPlace));
      onEnd();
    };
    goOn();
  }

  #quorum() {
    const replicaCount = Math.min(this.#options.replicationFactor, this.#options.nodes.length);
    return { acksRequired: majority(replicaCount), replicaCount };
  }

  #failureOf(exchange: EntityExchange, outcome: Outcome, nodes: NodeUrls): Response {
    return outcome.kind === 'overloaded' ? noPlace : outcomeResponse(exchange, outcome, nodes);
  }
}

function restored(records: number): Response {
  const body = Buffer.from(`${JSON.stringify({ records })}\n`);
  return { status: 200, fields: 'content-type: application/json\r\n', body };
}
