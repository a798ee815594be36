/**
 * `/v0/entity`: parse, validate, admit, dispatch. Admission is decided at the head, before a body is read and before the
 * pool is touched, so that refusing costs little when the node has more to do than it can.
 */
import type { Buffer } from 'node:buffer';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Request } from './connection.ts';
import { retryAfter, type EntityExchange, type EntityMethod } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { parseEntityQuery, type EntityQuery, type QueryLimits } from './query.ts';
import type { Response } from './reply.ts';

export interface EntityLimits extends QueryLimits {
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
}

export class EntityHandler {
  readonly #dispatcher: Dispatcher<EntityExchange>;
  readonly #limits: EntityLimits;
  #bodyBytes = 0;

  constructor(dispatcher: Dispatcher<EntityExchange>, limits: EntityLimits) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
  }

  /** Bytes of bodies being received or waiting for their outcome. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Handles a request whose path is `/v0/entity`. */
  handle(request: Request, query: string): void {
    const { head, reply } = request;
    const method = entityMethod(head.method);
    if (method === undefined) {
      const detail = `Method ${head.method} is not known here`;
      return reply.send(problemResponse('method-not-allowed', detail, 'allow: GET, PUT, DELETE\r\n'));
    }
    const parsed = parseEntityQuery(query, this.#limits);
    if ('problem' in parsed) return reply.send(problemResponse(parsed.problem, parsed.detail));
    const length = method === 'PUT' ? head.contentLength : 0;
    if (length !== undefined && length > this.#limits.valueBytesMax) return reply.send(this.#tooLarge());
    const bodyBytes = length ?? this.#limits.valueBytesMax;
    const refusal = this.#refusal(bodyBytes);
    if (refusal !== undefined) return reply.send(refusal);
    this.#bodyBytes += bodyBytes;
    const acksRequired = parsed.quorum.acksRequired;
    const exchange = { method, reply, startedAt: performance.now(), bodyBytes, acksRequired };
    if (method === 'PUT') return this.#receive(request, parsed, exchange);
    return this.#dispatch(parsed, exchange, undefined);
  }

  /** The exchange is answered: what it held is free. */
  release(exchange: EntityExchange): void {
    this.#bodyBytes -= exchange.bodyBytes;
  }

  #refusal(bodyBytes: number): Response | undefined {
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytesInFlightMax) {
      return problemResponse('overloaded', 'Too many body bytes are in flight; nothing was done', retryAfter);
    }
    if (this.#dispatcher.admit()) return undefined;
    return problemResponse('overloaded', 'Too many operations are in flight; nothing was done', retryAfter);
  }

  #receive(request: Request, query: EntityQuery, exchange: EntityExchange): void {
    request.takeBody(this.#limits.valueBytesMax, (body) => {
      if (body === 'too-large' || body === 'gone') {
        this.#dispatcher.withdraw();
        this.release(exchange);
        if (body === 'too-large') request.reply.send(this.#tooLarge());
      } else {
        this.#dispatch(query, exchange, body);
      }
    });
  }

  #dispatch({ key, quorum }: EntityQuery, exchange: EntityExchange, value: Buffer | undefined): void {
    if (exchange.method === 'GET') this.#dispatcher.read(key, quorum, exchange);
    else this.#dispatcher.write(key, value, quorum, exchange);
  }

  #tooLarge(): Response {
    return problemResponse('value-too-large', `A value has at most ${this.#limits.valueBytesMax} bytes`);
  }
}

function entityMethod(method: string): EntityMethod | undefined {
  return method === 'GET' || method === 'PUT' || method === 'DELETE' ? method : undefined;
}
