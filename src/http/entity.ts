/**
 * `/v0/entity`: parse, validate, admit, dispatch. Admission is asked when the head has come, before the body is read and
 * the pool is touched: an overloaded node can then refuse at little cost.
 */
import { Buffer } from 'node:buffer';
import type { Lane, Refusal } from '../dispatch/admission.ts';
import { expiryBytesOf, type Dispatcher } from '../dispatch/dispatcher.ts';
import type { Outcome } from '../domain/outcome.ts';
import { tooManyAnswers, type AnswerBytes } from './answer-bytes.ts';
import { BodyBytes, ValueRoom } from './body-bytes.ts';
import type { NodeUrls } from './faults.ts';
import { isSafe, type Request } from './request.ts';
import {
  clockSkewed,
  needsValue,
  outcomeResponse,
  retryAfter,
  type EntityExchange,
  type EntityMethod,
} from './outcome.ts';
import { otherMethod } from './methods.ts';
import { problemResponse } from './problem.ts';
import { parseEntityQuery, type EntityQuery, type QueryLimits } from './query.ts';
import type { Reply, Response } from './reply.ts';

export interface EntityLimits extends QueryLimits {
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
}

/** Called for each request that is refused before it is dispatched. */
export type OnRefused = (method: string, status: number) => void;

export interface EntityHandlerOptions {
  readonly dispatcher: Dispatcher<EntityExchange>;
  readonly answers: AnswerBytes;
  readonly limits: EntityLimits;
  readonly onRefused: OnRefused;
  readonly nodes: NodeUrls;
}

export class EntityHandler {
  readonly #dispatcher: Dispatcher<EntityExchange>;
  readonly #limits: EntityLimits;
  readonly #onRefused: OnRefused;
  readonly #answers: AnswerBytes;
  readonly #bodies: BodyBytes;
  readonly #nodes: NodeUrls;
  #receiving = 0;

  constructor({ dispatcher, answers, limits, onRefused, nodes }: EntityHandlerOptions) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#onRefused = onRefused;
    this.#bodies = new BodyBytes(limits.bodyBytesInFlightMax);
    this.#answers = answers;
    this.#nodes = nodes;
  }

  /** Bytes of bodies being received or waiting for their outcome. */
  get bodyBytes(): number {
    return this.#bodies.inFlight;
  }

  /** Bodies that have not come whole. */
  get bodies(): number {
    return this.#receiving;
  }

  /** Bytes of answers that clients have not taken. */
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
    if (parsed.ttlMs !== undefined && method !== 'PUT') return this.#refuse(reply, onlyPutExpires);
    if (head.condition !== '' && !isSafe(method)) return this.#refuse(reply, conditionRefused(head.condition));
    const length = method === 'PUT' ? head.contentLength : 0;
    if (length !== undefined && length > this.#limits.valueBytesMax) return this.#refuse(reply, this.#tooLarge());
    const startedAt = performance.now();
    const refusal = this.#refusal(method, length, startedAt, request.heldSince);
    if (refusal !== undefined) return this.#refuse(reply, refusal);
    const exchange: EntityExchange = {
      method,
      reply,
      arrivedAt: request.arrivedAt,
      startedAt,
      bodyBytes: 0,
      acksRequired: parsed.quorum.acksRequired,
      preconditions: head.preconditions,
    };
    if (method === 'PUT') return this.#receive(request, parsed, exchange);
    const { quorum, isStrict } = parsed;
    const asked = { quorum, isStrict, context: exchange, now: startedAt };
    if (method === 'DELETE') return this.#dispatcher.write(parsed.key, undefined, asked);
    if (method === 'HEAD') return this.#dispatcher.read(parsed.key, { ...asked, isHeadOnly: true });
    if (head.preconditions !== undefined) return this.#readOnCondition(parsed, exchange);
    return this.#dispatcher.read(parsed.key, asked);
  }

  /**
   * Answers a request with its outcome; what the request held is free. Returns what was answered; undefined where the value
   * is read first.
   */
  answer(exchange: EntityExchange, outcome: Outcome): Response | undefined {
    if (exchange.readValue !== undefined && needsValue(exchange, outcome)) {
      exchange.readValue();
      return undefined;
    }
    this.#bodies.release(exchange);
    const response = this.#answers.fit(outcomeResponse(exchange, outcome, this.#nodes));
    exchange.reply.send(response);
    return response;
  }

  /** A large value is not read before it is known that the condition lets it be sent. */
  #readOnCondition({ key, quorum, isStrict }: EntityQuery, exchange: EntityExchange): void {
    const ownKey = Buffer.from(key);
    const readValue = (): void => {
      const now = performance.now();
      const refusal = this.#answers.isFull ? tooManyAnswers : this.#refusalNow('read', now);
      if (refusal !== undefined) return this.#refuse(exchange.reply, refusal);
      return this.#dispatcher.read(ownKey, { quorum, isStrict, context: exchange, now });
    };
    const { startedAt: now } = exchange;
    const context = { ...exchange, readValue };
    return this.#dispatcher.read(key, { quorum, isStrict, isHeadOnly: true, context, now });
  }

  #refuse(reply: Reply, response: Response): void {
    this.#onRefused(reply.method, response.status);
    if (response !== refusals.paused) return reply.send(response);
    return void setTimeout(() => reply.send(response), REST_MS * (0.5 + Math.random())).unref();
  }

  /** `length` of the body, undefined if it is not known. */
  #refusal(method: EntityMethod, length: number | undefined, now: number, heldSince: number): Response | undefined {
    const isRead = isSafe(method);
    if (isRead && this.#answers.isFull) return tooManyAnswers;
    if (!isRead && this.#dispatcher.clockSkew !== undefined) return clockSkewed(this.#dispatcher.clockSkew);
    if (!isRead && !this.#dispatcher.takesWrites) return tooManyWrites;
    if (length !== 0 && this.#bodies.isFull) return tooManyBodies;
    return this.#refusalNow(isRead ? 'read' : 'write', now, heldSince);
  }

  #refusalNow(lane: Lane, now: number, heldSince = 0): Response | undefined {
    const refusal = this.#dispatcher.refusal(lane, now, heldSince);
    return refusal === undefined ? undefined : refusals[refusal];
  }

  /**
   * Takes the body; a large one comes straight into the frame that carries it on. The operation begins, and is refused if
   * there is no place for it, when the body has come: a slow one takes no place before.
   */
  #receive(request: Request, query: EntityQuery, exchange: EntityExchange): void {
    const { quorum, isStrict, ttlMs, key } = query;
    const room = new ValueRoom(this.#bodies, exchange, { keyBytes: key.length, expiryBytes: expiryBytesOf(ttlMs) });
    let hasWaited = false;
    this.#receiving++;
    const onBody = (body: Buffer | 'too-large' | 'no-room' | 'gone'): void => {
      this.#receiving--;
      if (body === 'gone') return this.#bodies.release(exchange);
      if (body === 'too-large') return this.#giveUp(this.#tooLarge(), exchange);
      if (body === 'no-room' || !this.#bodies.hold(exchange, body.length)) return this.#giveUp(tooManyBodies, exchange);
      const now = hasWaited ? performance.now() : exchange.startedAt;
      const refusal = hasWaited ? this.#refusalNow('write', now) : undefined;
      if (refusal !== undefined) return this.#giveUp(refusal, exchange);
      const asked = { quorum, isStrict, ttlMs, context: exchange, now };
      if (room.frame === undefined) return this.#dispatcher.write(key, body, asked);
      return this.#dispatcher.writeLarge(room.frame, key, body.length, asked);
    };
    request.takeBody(this.#limits.valueBytesMax, onBody, room);
    hasWaited = true;
  }

  #giveUp(response: Response, exchange: EntityExchange): void {
    this.#bodies.release(exchange);
    this.#refuse(exchange.reply, response);
  }

  #tooLarge(): Response {
    return problemResponse('value-too-large', `A value has at most ${this.#limits.valueBytesMax} bytes`);
  }
}

const entityMethods = ['GET', 'HEAD', 'PUT', 'DELETE'] as const;

export const onlyPutExpires = problemResponse('bad-ttl', 'Only a PUT can have a ttl');
const tooManyWrites = overloaded('The store cannot keep up with the writes; nothing was done');
const tooManyBodies = overloaded('Too many body bytes are in flight; nothing was done');
/**
 * For so long a connection rests whose request was refused under load, milliseconds: whoever asks again at once, and not in
 * the second that `Retry-After` asks for, would have the node spend on refusals what others need.
 */
const REST_MS = 500;
/*
 * After a pause the answer itself waits for about as long: the connection is read on meanwhile, since what waits there may be as
 * old, but whoever waits for the answer asks nothing more. Answered at once, 1,500 busy clients kept a node of a tenth of a core
 * in turns of a second of refusals each, and each such turn counts as another pause: it served nobody for as long as they asked.
 */
const refusals: Readonly<Record<Refusal, Response>> = {
  'too-many': { ...overloaded('Too many operations are in flight; nothing was done'), restMs: REST_MS },
  'too-late': { ...overloaded('This would wait longer than its deadline; nothing was done'), restMs: REST_MS },
  paused: overloaded('The node stood still and cannot tell how old this is; nothing was done'),
};

function overloaded(detail: string): Response {
  return problemResponse('overloaded', detail, retryAfter);
}

function entityMethod(method: string): EntityMethod | undefined {
  return method === 'GET' || method === 'PUT' || method === 'HEAD' || method === 'DELETE' ? method : undefined;
}

/** A write that is to happen on a condition, or to a part of a value, is refused: done without it, it would do harm. */
function conditionRefused(field: string): Response {
  // RFC 9110 section 14.5.
  if (field === 'content-range')
    return problemResponse('bad-request', 'A value is written as a whole; nothing was done');
  return problemResponse('condition-unknown', `Field "${field}" is not known here; nothing was done`);
}
