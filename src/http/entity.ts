/**
 * `/v0/entity`: parse, validate, admit, dispatch. Admission is decided at the headers, before a body is read and before
 * the pool is touched, so that refusing costs little when the node has more to do than it can.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Buffer } from 'node:buffer';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { collectBody, declaredLength } from './body.ts';
import { sendRefusal, type EntityExchange, type EntityMethod } from './outcome.ts';
import { sendProblem } from './problem.ts';
import { parseEntityQuery, type EntityQuery, type QueryLimits } from './query.ts';

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

  /** Handles a request whose path is `/v0/entity`; `expectsContinue` where the client waits before it sends its body. */
  handle(request: IncomingMessage, response: ServerResponse, query: string, expectsContinue: boolean): void {
    const method = request.method;
    if (method !== 'GET' && method !== 'PUT' && method !== 'DELETE') {
      const detail = `Method ${method} is not known here`;
      return sendProblem(response, 'method-not-allowed', detail, ['allow', 'GET, PUT, DELETE']);
    }
    const parsed = parseEntityQuery(query, this.#limits);
    if ('problem' in parsed) return sendProblem(response, parsed.problem, parsed.detail);
    const length = method === 'PUT' ? declaredLength(request) : 0;
    if (length !== undefined && length > this.#limits.valueBytesMax) return this.#refuseLarge(response);
    const bodyBytes = length ?? this.#limits.valueBytesMax;
    const refusal = this.#refusal(bodyBytes);
    if (refusal !== undefined) return sendRefusal(response, 'overloaded', refusal);
    this.#bodyBytes += bodyBytes;
    const exchange = exchangeFor(method, response, parsed, bodyBytes);
    if (method === 'PUT') return this.#receive(request, parsed, exchange, expectsContinue);
    return this.#dispatch(parsed, exchange, undefined);
  }

  /** The exchange is answered: what it held is free. */
  release(exchange: EntityExchange): void {
    this.#bodyBytes -= exchange.bodyBytes;
  }

  #refusal(bodyBytes: number): string | undefined {
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytesInFlightMax) {
      return 'Too many body bytes are in flight; nothing was done';
    }
    return this.#dispatcher.admit() ? undefined : 'Too many operations are in flight; nothing was done';
  }

  #receive(request: IncomingMessage, query: EntityQuery, exchange: EntityExchange, expectsContinue: boolean): void {
    if (expectsContinue) exchange.response.writeContinue();
    collectBody(request, this.#limits.valueBytesMax, (body) => {
      if (body === 'too-large' || body === 'gone') {
        this.#dispatcher.withdraw();
        this.release(exchange);
        if (body === 'too-large') this.#refuseLarge(exchange.response);
      } else {
        this.#dispatch(query, exchange, body);
      }
    });
  }

  #dispatch({ key, quorum }: EntityQuery, exchange: EntityExchange, value: Buffer | undefined): void {
    if (exchange.method === 'GET') this.#dispatcher.read(key, quorum, exchange);
    else this.#dispatcher.write(key, value, quorum, exchange);
  }

  #refuseLarge(response: ServerResponse): void {
    const detail = `A value has at most ${this.#limits.valueBytesMax} bytes`;
    sendProblem(response, 'value-too-large', detail, ['connection', 'close']);
  }
}

function exchangeFor(
  method: EntityMethod,
  response: ServerResponse,
  query: EntityQuery,
  bodyBytes: number,
): EntityExchange {
  return { method, response, startedAt: performance.now(), bodyBytes, acksRequired: query.quorum.acksRequired };
}
