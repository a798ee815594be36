/**
 * One client connection: requests in, answers out in their order (RFC 9112 section 9.3), with every buffer bounded.
 *
 * A connection reads heads and bodies one after another and hands each request over as soon as its head is there and its
 * turn has come: pipelined safe requests run together, any other begins when those before it have been answered, and
 * those behind it wait for it (RFC 9112 section 9.3.2). The handler takes the body or leaves it. Answers may come in any
 * order and leave in the right one. A client that pipelines more than `PIPELINE_MAX` requests, does not read its answers or
 * was told to come back later is not read from for that long; and all that pipeline together begin a bounded number of
 * requests in a turn of the event loop.
 *
 * An answer says `connection: close` if the connection ends with it: so a request whose body could not be skipped is
 * answered with it, unless the handler takes the body.
 *
 * What it does follows from two states, `#phase` and `#input` (connection-states.ts), and so does whom it waits for
 * (`#awaited`); the server's sweep ends what has been awaited for too long (patience.ts).
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { AnswerQueue } from './answer-queue.ts';
import { ChunkedBody, headEnd, SizedBody, skipEmptyLines } from './body.ts';
import type { ConnectionOptions } from './connection-options.ts';
import {
  bodyFailure,
  isSkippable,
  nextHead,
  phases,
  type Awaited,
  type Input,
  type Phase,
} from './connection-states.ts';
import { beginningProblem, refusedMethod, tlsHello, tooLongProblem } from './head-beginning.ts';
import { parseHead, type MalformedHead, type RequestHead } from './head.ts';
import { Patience } from './patience.ts';
import { problemResponse } from './problem.ts';
import type { Reply } from './reply.ts';
import { isSafe, type Bearer, type BodyRoom, type OnBody, type Request } from './request.ts';

/** Requests of one connection that wait for their answers. */
const PIPELINE_MAX = 64;
export const HEAD_BYTES_MAX = 16 * 1024;
const nothing = Buffer.alloc(0);

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #answers: AnswerQueue;
  /** One function for all requests, as in `AnswerQueue`. */
  readonly #takeBody: Request['takeBody'] = (bytesMax, onBody, room) => this.#startBody(bytesMax, onBody, room);
  #phase: Phase = 'open';
  #input: Input = nextHead;
  /** Bytes that have come and wait: the beginning of a head, or whatever comes while the pipeline is full. */
  #held: Buffer | undefined;
  /** The turn's share of pipelined requests has been used up. */
  #isTurnOver = false;
  /** `performance.now()` since when something has waited for answers to leave; else 0. */
  #heldSince = 0;
  /** The client has closed its side behind what is held: a stream tells so even while it is paused. */
  #isEndHeld = false;
  readonly #patience: Patience;
  readonly #bearer: Bearer = { authorization: '', grants: undefined, grant: undefined };
  #arrivedAt = 0;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#patience = new Patience(options, options.now());
    this.#answers = new AnswerQueue(socket, {
      isClosing: () => this.#phase !== 'open',
      onSent: (isLast) => this.#onSent(isLast),
      onRested: () => this.resume(),
      bytes: options.answerBytes,
    });
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => {
      this.#patience.restart(this.#options.now());
      this.#answers.countWaiting();
      this.resume();
    });
    socket.on('finish', () => this.#patience.restart(this.#options.now()));
    // What a broken socket means is decided at 'close', which follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Ends the connection if it has waited too long, as of the server's clock. To be called from time to time. */
  sweep(): void {
    this.#answers.countWaiting();
    const now = this.#options.now();
    const { writableLength, bytesWritten } = this.#socket;
    const verdict =
      writableLength > 0
        ? this.#patience.judgeReader(now, bytesWritten - writableLength)
        : this.#patience.judge(now, this.#input.kind === 'body');
    if (verdict === 'end') this.#socket.destroy();
    else if (verdict === 'time-out') this.#timeOut();
  }

  /** From now on the connection ends with the first answer behind which none waits; idle, it waits for its last request. */
  leave(): void {
    this.#enter('leaving');
    this.#answers.endRest();
  }

  /** Whether a request has begun, or its body has not come whole. */
  get isBusy(): boolean {
    return this.#answers.length > 0 || this.#input.kind === 'body';
  }

  /** Begins no further request; ends the connection after the answers that are under way, at once if there are none. */
  closeWhenIdle(): void {
    this.#enter('draining');
    if (this.#answers.length === 0 && this.#phase === 'draining') this.#end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes what came; `chunk` is the caller's again when this returns. */
  take(chunk: Buffer): void {
    if (this.#options.arrivals.areNoted && this.#held === undefined) this.#arrivedAt = performance.now();
    const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    this.#read(bytes);
    if (bytes === chunk && this.#held !== undefined) this.#held = Buffer.from(this.#held);
  }

  // States.

  /** Goes on to a later phase; an earlier one changes nothing. */
  #enter(phase: Phase): void {
    if (phases.indexOf(phase) > phases.indexOf(this.#phase)) this.#phase = phase;
  }

  /** The client's side stays closed. */
  #expect(input: Input): void {
    if (this.#input.kind !== 'ended') this.#input = input;
  }

  #noteWait(): void {
    this.#patience.note(this.#awaited(), this.#options.now());
  }

  #awaited(): Awaited {
    const isLeft = this.#answers.length === 0;
    if (isLeft && !this.#isReading) return 'close';
    if (this.#isReceiving && !this.#isBlocked) return 'rest-of-request';
    return isLeft ? 'next-request' : 'answer';
  }

  /** Whether the next bytes are wanted: while draining only those of the request that has begun. */
  get #isReading(): boolean {
    if (this.#phase === 'open' || this.#phase === 'leaving') return true;
    return this.#phase === 'draining' && (this.#input.kind === 'body' || this.#input.kind === 'skipped');
  }

  /** Whether a request has begun to come in and is not complete. */
  get #isReceiving(): boolean {
    return this.#input.kind === 'body' || this.#held !== undefined;
  }

  /** Whether nothing is read before answers have left: there are too many, or the next request's turn has not come. */
  get #isBlocked(): boolean {
    const unanswered = this.#answers.length;
    if (unanswered >= PIPELINE_MAX || this.#isTurnOver || this.#socket.writableNeedDrain) return true;
    if (unanswered === 0) return false;
    const { kind } = this.#input;
    return kind === 'queued' || (kind === 'head' && !this.#areSafe);
  }

  /** Whether the requests that wait for their answers are safe; of others there is one at most. */
  get #areSafe(): boolean {
    const { newest } = this.#answers;
    return newest === undefined || isSafe(newest.method);
  }

  // Requests in.

  /** Reads requests until the input is used up or must wait for answers; what is left is held. */
  #read(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length && this.#isReading && !this.#isBlocked) {
      // Not for the first one: whoever does not pipeline sends one at a time.
      if (offset > 0 && this.#input.kind === 'head') this.#useTurn();
      const next = this.#readStep(bytes, offset);
      if (next === undefined) break;
      offset = next;
    }
    if (this.#isReading && offset < bytes.length) this.#held = offset === 0 ? bytes : bytes.subarray(offset);
    // Others are never paused, which would cost a call for each request.
    const isWaiting = this.#isBlocked && (this.#held !== undefined || this.#input.kind === 'queued');
    if (isWaiting || this.#answers.isResting) this.#pause();
    else this.#heldSince = 0;
    this.#noteWait();
  }

  /** Begins one more pipelined request in this turn; those behind it wait for a later one if its share is used up. */
  #useTurn(): void {
    const { pipelined } = this.#options;
    if (pipelined.use()) return;
    this.#isTurnOver = true;
    pipelined.later(() => {
      this.#isTurnOver = false;
      this.resume();
    });
  }

  #pause(): void {
    if (this.#heldSince === 0) this.#heldSince = performance.now();
    this.#socket.pause();
  }

  /** Reads a body's bytes or a head; returns where the next thing starts, or undefined if it needs more input. */
  #readStep(bytes: Buffer, offset: number): number | undefined {
    const input = this.#input;
    switch (input.kind) {
      case 'head':
        return this.#readHead(bytes, offset, input.scanned);
      case 'body':
        return this.#readBody(bytes, offset, input);
      case 'skipped':
        return this.#skip(bytes.length - offset, input) + offset;
      case 'queued':
      case 'offered':
      case 'ended':
        return undefined;
      default:
        return input satisfies never;
    }
  }

  #skip(length: number, input: { left: number }): number {
    const skipped = Math.min(input.left, length);
    input.left -= skipped;
    if (input.left === 0) this.#expect(nextHead);
    return skipped;
  }

  #readHead(bytes: Buffer, start: number, scanned: number): number | undefined {
    const offset = skipEmptyLines(bytes, start);
    if (offset === bytes.length) return offset;
    const end = headEnd(bytes, Math.max(offset, start + scanned - 3));
    const isTooLong = (end < 0 ? bytes.length : end) - offset > HEAD_BYTES_MAX;
    const tooLong = isTooLong ? tooLongProblem(bytes, offset, HEAD_BYTES_MAX) : undefined;
    if (end < 0) {
      const problem = beginningProblem(bytes, offset, Math.max(offset, start + scanned)) ?? tooLong;
      if (problem === tlsHello) this.#options.onTlsHello();
      if (problem !== undefined) this.#refuse(problem, refusedMethod(bytes, offset));
      else this.#expect({ kind: 'head', scanned: bytes.length - start });
      return undefined;
    }
    const head = tooLong ?? parseHead(bytes.toString('latin1', offset, end));
    if ('malformed' in head) {
      this.#refuse(head, refusedMethod(bytes, offset));
      return undefined;
    }
    if (this.#answers.length === 0 || isSafe(head.method)) this.#begin(head);
    else this.#expect({ kind: 'queued', head });
    return end + 4;
  }

  #begin(head: RequestHead): void {
    const reply = this.#answers.add(head);
    this.#patience.noteWork();
    // What is pipelined behind "connection: close" must not be acted on (RFC 9112 section 9.6).
    if (!head.keepAlive) this.#enter('draining');
    // Until the handler takes the body, the answer says how the connection goes on without it.
    if (!isSkippable(head)) reply.keepAlive = false;
    this.#expect({ kind: 'offered', head });
    const arrivedAt = this.#arrivedAt;
    const heldSince = this.#heldSince;
    const bearer = this.#bearer;
    this.#options.onRequest({ head, reply, bearer, takeBody: this.#takeBody, arrivedAt, heldSince });
    if (this.#input.kind === 'offered') this.#skipBody(head, reply);
  }

  #startBody(bytesMax: number, onBody: OnBody, room: BodyRoom | undefined): void {
    if (this.#input.kind !== 'offered') throw new Error('the body of this request is not on offer');
    const { contentLength, expectsContinue, keepAlive } = this.#input.head;
    if (contentLength === 0) {
      this.#expect(nextHead);
      return onBody(Buffer.alloc(0));
    }
    // It stays on offer, and goes the way of one that nobody takes.
    if (contentLength !== undefined && contentLength > bytesMax) return onBody('too-large');
    const { newest } = this.#answers;
    if (newest !== undefined) newest.keepAlive = keepAlive;
    this.#patience.startBody();
    const reader = contentLength === undefined ? new ChunkedBody(bytesMax, room) : new SizedBody(contentLength, room);
    if (expectsContinue && this.#answers.length === 1) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    return this.#expect({ kind: 'body', reader, onBody, room });
  }

  /** Nobody takes the body. */
  #skipBody(head: RequestHead, reply: Reply): void {
    if (!isSkippable(head)) return this.#endAfter(reply);
    const left = head.contentLength ?? 0;
    return this.#expect(left === 0 ? nextHead : { kind: 'skipped', left });
  }

  #readBody(bytes: Buffer, offset: number, { reader, onBody, room }: Extract<Input, { kind: 'body' }>): number {
    const progress = reader.read(bytes, offset);
    const came = bytes.length - offset;
    const isFull = progress.kind === 'more' && room?.hold(came) === false;
    if (progress.kind === 'more' && !isFull) {
      this.#patience.addBody(came);
      return bytes.length;
    }
    this.#expect(nextHead);
    if (progress.kind === 'done') {
      this.#patience.noteWork();
      onBody(progress.body);
      return progress.end;
    }
    const reply = this.#answers.newest;
    if (reply !== undefined) this.#endAfter(reply);
    onBody(bodyFailure(progress.kind));
    if (progress.kind === 'malformed') reply?.send(problemResponse('bad-request', 'Malformed chunked body'));
    return bytes.length;
  }

  /** Goes on with what was held back, if its turn has come; to be called by whoever has paused the socket. */
  resume(): void {
    if (!this.#socket.isPaused() || this.#isBlocked || this.#answers.isResting) return;
    this.#socket.resume();
    const held = this.#held;
    this.#held = undefined;
    if (this.#input.kind === 'queued' && this.#isReading) this.#begin(this.#input.head);
    this.#read(held ?? nothing);
    if (this.#isEndHeld) this.#onEnd();
  }

  // Answers out.

  /** Answers what cannot be parsed, after the answers to what came before it, and ends the connection. */
  #refuse({ problem, malformed }: MalformedHead, method: 'GET' | 'HEAD'): void {
    const reply = this.#answers.add({ keepAlive: false, isHttp10: false, method });
    this.#held = undefined;
    this.#endAfter(reply);
    reply.send(problemResponse(problem, malformed));
  }

  /** The rest of a request did not come in time. */
  #timeOut(): void {
    const late: MalformedHead = { malformed: 'The request was not finished in time', problem: 'request-timeout' };
    const reply = this.#input.kind === 'body' ? this.#answers.newest : undefined;
    if (reply === undefined) return this.#refuse(late, refusedMethod(this.#held ?? nothing, 0));
    this.#abandonBody(nextHead);
    this.#endAfter(reply);
    return reply.send(problemResponse(late.problem, late.malformed));
  }

  /** Reads nothing more; the connection ends once `reply` has left. */
  #endAfter(reply: Reply): void {
    reply.keepAlive = false;
    this.#enter('closing');
  }

  /** Answers have left; the connection ends with them, or goes on. */
  #onSent(isLast: boolean): void {
    if (isLast || (this.#answers.length === 0 && this.#input.kind === 'ended')) return this.#end();
    this.#noteWait();
    return this.resume();
  }

  /** Closes our side; what the client still sends is skipped until it closes its own, or the sweep ends the wait. */
  #end(): void {
    this.#enter('lingering');
    this.#answers.drop();
    this.#noteWait();
    this.#socket.resume();
    if (this.#input.kind === 'ended') this.#socket.destroySoon();
    else this.#socket.end();
  }

  // The end.

  /** The client sends no more; it may still read its answers. */
  #onEnd(): void {
    this.#isEndHeld = this.#socket.isPaused();
    if (this.#isEndHeld) return;
    // A request whose body will not come is not answered; those before it are.
    if (this.#input.kind === 'body') this.#answers.withdrawNewest();
    this.#abandonBody({ kind: 'ended' });
    if (this.#answers.length === 0) this.#socket.destroySoon();
  }

  #onClose(): void {
    this.#enter('closed');
    this.#abandonBody({ kind: 'ended' });
    this.#answers.drop();
  }

  #abandonBody(next: Input): void {
    const input = this.#input;
    this.#expect(next);
    if (input.kind === 'body') input.onBody('gone');
  }
}
