/**
 * `/v0/entity`: parse, validate, admit, dispatch. The head decides on admission, before the body is read and before the
 * pool is touched: an overloaded node can then refuse at little cost.
 */
import type { Buffer } from 'node:buffer';
import { largeFrame, type Dispatcher } from '../dispatch/dispatcher.ts';
import type { Outcome } from '../domain/outcome.ts';
import { largeValueBytes } from '../formats/record.ts';
import { AnswerBytes } from './answer-bytes.ts';
import { isSafe, type Request } from './request.ts';
import { outcomeResponse, retryAfter, type EntityExchange, type EntityMethod } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { parseEntityQuery, type EntityQuery, type QueryLimits } from './query.ts';
import type { Reply, Response } from './reply.ts';

export interface EntityLimits extends QueryLimits {
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly answerBytesInFlightMax: number;
}

/** Called for each request that is refused before it is dispatched. */
export type OnRefused = (method: string, status: number) => void;

export class EntityHandler {
  readonly #dispatcher: Dispatcher<EntityExchange>;
  readonly #limits: EntityLimits;
  readonly #onRefused: OnRefused;
  readonly #answers: AnswerBytes;
  #bodyBytes = 0;

  constructor(dispatcher: Dispatcher<EntityExchange>, limits: EntityLimits, onRefused: OnRefused) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#onRefused = onRefused;
    this.#answers = new AnswerBytes(limits.answerBytesInFlightMax);
  }

  /** Bytes of bodies being received or waiting for their outcome. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Bytes of large answers that clients have not taken. */
  get answerBytes(): number {
    return this.#answers.inFlight;
  }

  /** Handles a request whose path is `/v0/entity`. */
  handle(request: Request, query: string): void {
    const { head, reply } = request;
    const method = entityMethod(head.method);
    if (method === undefined) {
      const detail = `Method ${head.method} is not known here`;
      return this.#refuse(reply, problemResponse('method-not-allowed', detail, 'allow: GET, HEAD, PUT, DELETE\r\n'));
    }
    const parsed = parseEntityQuery(query, this.#limits);
    if ('problem' in parsed) return this.#refuse(reply, problemResponse(parsed.problem, parsed.detail));
    if (head.condition !== '' && !isSafe(method)) return this.#refuse(reply, conditionRefused(head.condition));
    const length = method === 'PUT' ? head.contentLength : 0;
    if (length !== undefined && length > this.#limits.valueBytesMax) return this.#refuse(reply, this.#tooLarge());
    const bodyBytes = length ?? this.#limits.valueBytesMax;
    const refusal = this.#refusal(method, bodyBytes);
    if (refusal !== undefined) return this.#refuse(reply, refusal);
    this.#bodyBytes += bodyBytes;
    const acksRequired = parsed.quorum.acksRequired;
    const { arrivedAt } = request;
    const exchange = { method, reply, arrivedAt, startedAt: performance.now(), bodyBytes, acksRequired };
    if (method === 'PUT') return this.#receive(request, parsed, exchange);
    return this.#dispatch(parsed, exchange, undefined);
  }

  /** Answers a request with its outcome; what the request held is free. Returns what was answered. */
  answer(exchange: EntityExchange, outcome: Outcome): Response {
    this.#release(exchange);
    const response = this.#answers.hold(outcomeResponse(exchange, outcome));
    exchange.reply.send(response);
    return response;
  }

  #release(exchange: EntityExchange): void {
    this.#bodyBytes -= exchange.bodyBytes;
  }

  #refuse(reply: Reply, response: Response): void {
    this.#onRefused(reply.method, response.status);
    reply.send(response);
  }

  #refusal(method: EntityMethod, bodyBytes: number): Response | undefined {
    if (method !== 'GET' && !this.#dispatcher.takesWrites) {
      return problemResponse('overloaded', 'The store cannot keep up with the writes; nothing was done', retryAfter);
    }
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytesInFlightMax) {
      return problemResponse('overloaded', 'Too many body bytes are in flight; nothing was done', retryAfter);
    }
    if (this.#dispatcher.admit()) return undefined;
    return problemResponse('overloaded', 'Too many operations are in flight; nothing was done', retryAfter);
  }

  /** Takes the body; a large one comes straight into the frame that carries it on. */
  #receive(request: Request, query: EntityQuery, exchange: EntityExchange): void {
    let frame: Buffer | undefined;
    const allocate = (bytes: number): Buffer => {
      const large = largeFrame(query.key.length, bytes);
      frame = large.bytes;
      return large.value;
    };
    const onBody = (body: Buffer | 'too-large' | 'gone'): void => {
      if (body === 'too-large' || body === 'gone') this.#giveUp(body, exchange);
      else if (frame === undefined) this.#dispatch(query, exchange, body);
      else this.#dispatcher.writeLarge(frame, query.key, body.length, query.quorum, exchange);
    };
    request.takeBody(this.#limits.valueBytesMax, onBody, { above: largeValueBytes, allocate });
  }

  #giveUp(why: 'too-large' | 'gone', exchange: EntityExchange): void {
    this.#dispatcher.withdraw();
    this.#release(exchange);
    if (why === 'too-large') this.#refuse(exchange.reply, this.#tooLarge());
  }

  #dispatch({ key, quorum }: EntityQuery, exchange: EntityExchange, value: Buffer | undefined): void {
    if (isSafe(exchange.method)) this.#dispatcher.read(key, quorum, exchange);
    else this.#dispatcher.write(key, value, quorum, exchange);
  }

  #tooLarge(): Response {
    return problemResponse('value-too-large', `A value has at most ${this.#limits.valueBytesMax} bytes`);
  }
}

function entityMethod(method: string): EntityMethod | undefined {
  return method === 'GET' || method === 'PUT' || method === 'DELETE' || method === 'HEAD' ? method : undefined;
}

/** A write that is to happen on a condition, or to a part of a value, is refused: done without it, it would do harm. */
function conditionRefused(field: string): Response {
  return problemResponse('condition-unknown', `Field "${field}" is not known here; nothing was done`);
}
