/**
 * The answers of one connection: given in any order, sent in the order of the requests.
 *
 * The one place that decides whether an answer says `connection: close`: the answer of a request that asked for it, and
 * the last one of a connection that takes no further requests.
 *
 * It also tells how many bytes of answers wait: those of bodies that are not written yet, and what the socket has not passed
 * on to the kernel. The kernel takes most answers at once, so that nothing is to be told.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { AnswerBytes } from './answer-bytes.ts';
import {
  encodeHead,
  isInPieces,
  isStreamed,
  pieceBytes,
  Reply,
  writeWhole,
  type BodySink,
  type ReplyContext,
  type Response,
} from './reply.ts';

export interface AnswerQueueOptions {
  /** Whether the connection takes no further requests. */
  readonly isClosing: () => boolean;
  /** What was ready has left; `isLast` if the connection ends with it. */
  readonly onSent: (isLast: boolean) => void;
  /** The connection has rested. */
  readonly onRested: () => void;
  /** Where the bytes that wait are counted. */
  readonly bytes: Pick<AnswerBytes, 'change'>;
}

export class AnswerQueue {
  readonly #socket: Socket;
  readonly #options: AnswerQueueOptions;
  /** Oldest first: requests whose answers have not left. */
  readonly #replies: Reply[] = [];
  /** One function for all requests: one made anew for each would be the most expensive part of reading it. */
  readonly #onReplySent = (reply: Reply): void => {
    this.#unwritten += bodyBytes(reply);
    this.#sendReady();
    this.countWaiting();
  };
  /** Bytes of bodies that have been given and not written. */
  #unwritten = 0;
  /** Bytes of answers that wait, as they are counted. */
  #waiting = 0;
  /** The answer whose body is under way; it is the first of `#replies`. */
  #streaming: Reply | undefined;
  /** Set while the connection rests. */
  #rest: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: AnswerQueueOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  get length(): number {
    return this.#replies.length;
  }

  /** Whether an answer has asked the client to come back later: until then its requests are left where they are. */
  get isResting(): boolean {
    return this.#rest !== undefined;
  }

  /** The place of the request that was begun last. */
  get newest(): Reply | undefined {
    return this.#replies.at(-1);
  }

  /** A place behind all others. */
  add(context: ReplyContext): Reply {
    const reply = new Reply(context, this.#onReplySent);
    this.#replies.push(reply);
    return reply;
  }

  /** The newest request will not be answered. */
  withdrawNewest(): void {
    this.#replies.pop();
  }

  /** Counts what waits now; to be called when the socket has passed something on, at least from time to time. */
  countWaiting(): void {
    const waiting = this.#socket.destroyed ? 0 : this.#unwritten + this.#socket.writableLength;
    if (waiting === this.#waiting) return;
    this.#options.bytes.change(waiting - this.#waiting);
    this.#waiting = waiting;
  }

  /** The connection goes on, if it rests. */
  endRest(): void {
    if (this.#rest === undefined) return;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#options.onRested();
  }

  /** No answer leaves any more; what has been written may still be on its way. */
  drop(): void {
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#streaming = undefined;
    this.#unwritten = 0;
    this.countWaiting();
    for (const reply of this.#replies.splice(0)) reply.drop();
  }

  #sendReady(): void {
    if (this.#streaming !== undefined) return undefined;
    for (let first = this.#replies[0]; first?.response !== undefined; first = this.#replies[0]) {
      if (isStreamed(first.response, first)) return this.#stream(first, first.response, first.response.open);
      if (isInPieces(first.response, first)) return this.#sendInPieces(first, first.response);
      this.#replies.shift();
      this.#unwritten -= bodyBytes(first);
      first.keepAlive = this.#keepsAlive(first);
      writeWhole(this.#socket, first.response, first);
      if (!first.keepAlive) return this.#options.onSent(true);
      if (first.response.restMs !== undefined) this.#startRest(first.response.restMs);
    }
    return this.#options.onSent(false);
  }

  /** Sends an answer whose body comes bit by bit; those after it wait. */
  #stream(reply: Reply, response: Response, open: (sink: BodySink) => void): void {
    // Without chunks only the end of the connection can end the body.
    if (reply.isHttp10) reply.keepAlive = false;
    this.#streaming = reply;
    this.#socket.write(encodeHead(response, reply), 'latin1');
    open({
      write: (bytes, onWritten) => {
        this.#socket.write(bytes, () => {
          this.countWaiting();
          onWritten();
        });
        this.countWaiting();
      },
      end: (trailers = '') => this.#endStream(reply, trailers),
      breakOff: () => this.#socket.resetAndDestroy(),
    });
  }

  /** Sends an answer whose body is long; those after it wait until its last piece is written. */
  #sendInPieces(reply: Reply, response: Response): void {
    const body = response.body as Buffer;
    if (this.#replies.length === 1 && this.#options.isClosing()) reply.keepAlive = false;
    this.#streaming = reply;
    this.#socket.write(encodeHead(response, reply), 'latin1');
    let at = 0;
    const next = (): void => {
      if (this.#streaming !== reply) return;
      const piece = body.subarray(at, at + pieceBytes);
      at += piece.length;
      this.#unwritten -= piece.length;
      const isLast = at === body.length;
      this.#socket.write(piece, () => {
        if (!isLast) next();
        this.countWaiting();
      });
      if (isLast) this.#leave(reply);
    };
    next();
  }

  #startRest(ms: number): void {
    if (this.#options.isClosing()) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.endRest(), ms).unref();
  }

  #endStream(reply: Reply, trailers: string): void {
    if (this.#streaming !== reply) return undefined;
    if (!reply.isHttp10) this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    return this.#leave(reply);
  }

  /** The answer that was under way has been written to its end. */
  #leave(reply: Reply): void {
    this.#streaming = undefined;
    this.#replies.shift();
    return this.#keepsAlive(reply) ? this.#sendReady() : this.#options.onSent(true);
  }

  /** Whether the connection goes on after an answer that has left its place. */
  #keepsAlive(reply: Reply): boolean {
    return reply.keepAlive && !(this.#replies.length === 0 && this.#options.isClosing());
  }
}

function bodyBytes({ response }: Reply): number {
  return response?.body?.length ?? 0;
}
