/**
 * `/v0/entity`: parse, validate, admit, dispatch. The head decides on admission, before the body is read and before the
 * pool is touched: an overloaded node can then refuse at little cost.
 */
import type { Buffer } from 'node:buffer';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Outcome } from '../domain/outcome.ts';
import { AnswerBytes } from './answer-bytes.ts';
import { BodyBytes, ValueRoom } from './body-bytes.ts';
import { isSafe, type Request } from './request.ts';
import { outcomeResponse, retryAfter, type EntityExchange, type EntityMethod } from './outcome.ts';
import { otherMethod } from './methods.ts';
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
  readonly #bodies: BodyBytes;

  constructor(dispatcher: Dispatcher<EntityExchange>, limits: EntityLimits, onRefused: OnRefused) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#onRefused = onRefused;
    this.#bodies = new BodyBytes(limits.bodyBytesInFlightMax);
    this.#answers = new AnswerBytes(limits.answerBytesInFlightMax);
  }

  /** Bytes of bodies being received or waiting for their outcome. */
  get bodyBytes(): number {
    return this.#bodies.inFlight;
  }

  /** Bytes of large answers that clients have not taken. */
  get answerBytes(): number {
    return this.#answers.inFlight;
  }

  /** Handles a request whose path is `/v0/entity`. */
  handle(request: Request, query: string): void {
    const { head, reply } = request;
    const method = entityMethod(head.method);
    if (method === undefined) return this.#refuse(reply, otherMethod(entityMethods, head.method));
    const parsed = parseEntityQuery(query, this.#limits);
    if ('problem' in parsed) return this.#refuse(reply, problemResponse(parsed.problem, parsed.detail));
    if (head.condition !== '' && !isSafe(method)) return this.#refuse(reply, conditionRefused(head.condition));
    const length = method === 'PUT' ? head.contentLength : 0;
    if (length !== undefined && length > this.#limits.valueBytesMax) return this.#refuse(reply, this.#tooLarge());
    const refusal = this.#refusal(method, length);
    if (refusal !== undefined) return this.#refuse(reply, refusal);
    const exchange: EntityExchange = {
      method,
      reply,
      arrivedAt: request.arrivedAt,
      startedAt: performance.now(),
      bodyBytes: 0,
      acksRequired: parsed.quorum.acksRequired,
      preconditions: head.preconditions,
    };
    if (method === 'PUT') return this.#receive(request, parsed, exchange);
    return this.#dispatch(parsed, exchange, undefined);
  }

  /** Answers a request with its outcome; what the request held is free. Returns what was answered. */
  answer(exchange: EntityExchange, outcome: Outcome): Response {
    this.#bodies.release(exchange);
    const response = this.#answers.hold(outcomeResponse(exchange, outcome));
    exchange.reply.send(response);
    return response;
  }

  #refuse(reply: Reply, response: Response): void {
    this.#onRefused(reply.method, response.status);
    reply.send(response);
  }

  /** `length` of the body, undefined if it is not known. */
  #refusal(method: EntityMethod, length: number | undefined): Response | undefined {
    if (!isSafe(method) && !this.#dispatcher.takesWrites) return tooManyWrites;
    if (length !== 0 && this.#bodies.isFull) return tooManyBodies;
    return this.#dispatcher.admit() ? undefined : tooManyOperations;
  }

  /** Takes the body; a large one comes straight into the frame that carries it on. */
  #receive(request: Request, query: EntityQuery, exchange: EntityExchange): void {
    const room = new ValueRoom(this.#bodies, exchange, query.key.length);
    const onBody = (body: Buffer | 'too-large' | 'no-room' | 'gone'): void => {
      if (typeof body === 'string') this.#giveUp(body, exchange);
      else if (!this.#bodies.hold(exchange, body.length)) this.#giveUp('no-room', exchange);
      else if (room.frame === undefined) this.#dispatch(query, exchange, body);
      else this.#dispatcher.writeLarge(room.frame, query.key, body.length, query.quorum, exchange);
    };
    request.takeBody(this.#limits.valueBytesMax, onBody, room);
  }

  #giveUp(why: 'too-large' | 'no-room' | 'gone', exchange: EntityExchange): void {
    this.#dispatcher.withdraw();
    this.#bodies.release(exchange);
    if (why === 'too-large') this.#refuse(exchange.reply, this.#tooLarge());
    if (why === 'no-room') this.#refuse(exchange.reply, tooManyBodies);
  }

  #dispatch({ key, quorum }: EntityQuery, exchange: EntityExchange, value: Buffer | undefined): void {
    if (isSafe(exchange.method)) this.#dispatcher.read(key, quorum, exchange);
    else this.#dispatcher.write(key, value, quorum, exchange);
  }

  #tooLarge(): Response {
    return problemResponse('value-too-large', `A value has at most ${this.#limits.valueBytesMax} bytes`);
  }
}

const entityMethods = ['GET', 'HEAD', 'PUT', 'DELETE'] as const;

const tooManyWrites = overloaded('The store cannot keep up with the writes; nothing was done');
const tooManyBodies = overloaded('Too many body bytes are in flight; nothing was done');
const tooManyOperations = overloaded('Too many operations are in flight; nothing was done');

function overloaded(detail: string): Response {
  return problemResponse('overloaded', detail, retryAfter);
}

function entityMethod(method: string): EntityMethod | undefined {
  return entityMethods.find((known) => known === method);
}

/** A write that is to happen on a condition, or to a part of a value, is refused: done without it, it would do harm. */
function conditionRefused(field: string): Response {
  return problemResponse('condition-unknown', `Field "${field}" is not known here; nothing was done`);
}
