/**
 * One client connection: requests in, answers out in the order of the requests (RFC 9112 section 9.3), with every buffer
 * bounded.
 *
 * A connection reads heads and bodies one after another and hands each request over as soon as its head is there; the
 * handler takes the body or leaves it. Answers may come in any order and leave in the right one. A client that pipelines
 * more than `PIPELINE_MAX` requests, or does not read its answers, is not read from until it has.
 *
 * There is no timer per request: the server's sweep looks at each connection's `waitingSince` once a second.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { ChunkedBody, headEnd, SizedBody, type BodyReader, type LargeRoom } from './body.ts';
import { parseHead, type RequestHead } from './head.ts';
import { problemResponse, type ProblemCode } from './problem.ts';
import { copiedBodyBytesMax, encodeHead, Reply, type BodySink, type Response } from './reply.ts';

/**
 * Called once with the body, or with `too-large`, or with `gone` where it will not come. A body that was not collected
 * into memory of the taker's is valid until this returns.
 */
export type OnBody = (body: Buffer | 'too-large' | 'gone') => void;

/** A request whose head has come. */
export interface Request {
  readonly head: RequestHead;
  readonly reply: Reply;
  /** `performance.now()` when its first bytes came; says nothing unless `Arrivals` are noted. */
  readonly arrivedAt: number;
  /**
   * Collects the body, up to `bytesMax`, a large one into `room` where that is given. To be called while the request is
   * handed over, or not at all: then the body is read over.
   */
  readonly takeBody: (bytesMax: number, onBody: OnBody, room?: LargeRoom) => void;
}

/** Whether connections note when bytes come: only while somebody records waits, since it costs a clock reading. */
export interface Arrivals {
  areNoted: boolean;
}

export type OnRequest = (request: Request) => void;

/** Requests of one connection that wait for their answers. */
const PIPELINE_MAX = 64;
export const HEAD_BYTES_MAX = 16 * 1024;
/** A body that nobody wants is read over up to this size, so that the connection stays usable; else it ends. */
const DISCARD_BYTES_MAX = 256 * 1024;

export class Connection {
  /** The sweep's time at which the connection began to wait: for the rest of a request, or for the next one. */
  waitingSince: number;
  readonly #socket: Socket;
  readonly #onRequest: OnRequest;
  readonly #now: () => number;
  readonly #arrivals: Arrivals;
  readonly #replies: Reply[] = [];
  /** One of each for all requests: a function made anew for each would be the dearest part of reading it. */
  readonly #onReplySent = (): void => this.#onReply();
  readonly #takeBody: Request['takeBody'] = (bytesMax, onBody, room) => this.#startBody(bytesMax, onBody, room);
  /** The head of the request that is being handed over; undefined once its body is taken. */
  #untaken: RequestHead | undefined;
  #input: Buffer | undefined;
  #scanned = 0;
  #arrivedAt = 0;
  #body: { readonly reader: BodyReader; readonly onBody: OnBody } | undefined;
  #discard = 0;
  /** The client has closed its side. */
  #ended = false;
  /** No further request is begun; what has begun is finished. */
  #draining = false;
  /** Nothing more is read. */
  #closing = false;
  /** The first answer's body is under way. */
  #isStreaming = false;

  constructor(socket: Socket, onRequest: OnRequest, now: () => number, arrivals: Arrivals) {
    this.#socket = socket;
    this.#onRequest = onRequest;
    this.#now = now;
    this.#arrivals = arrivals;
    this.waitingSince = now();
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => {
      if (this.waitingSince !== 0) this.waitingSince = this.#now();
      this.#resume();
    });
    socket.on('finish', () => (this.waitingSince = this.#now()));
    // What a broken socket means is decided at 'close', which follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Whether nothing is under way: no request, no answer. */
  get idle(): boolean {
    return this.#replies.length === 0 && this.#input === undefined && this.#body === undefined;
  }

  /** Whether a request has begun to come in and is not complete. */
  get receiving(): boolean {
    return this.#body !== undefined || this.#input !== undefined;
  }

  /** Whether the client has not taken all of its answers yet. */
  get sending(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** Whether our side is closed and only the client's is waited for. */
  get lingering(): boolean {
    return this.#closing && this.#replies.length === 0;
  }

  /** Ends the connection after the answers that are under way; at once where there are none. */
  closeWhenIdle(): void {
    this.#draining = true;
    if (this.#replies.length === 0) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The rest of a request did not come in time. */
  timeOut(): void {
    const detail = 'The request was not finished in time';
    const reply = this.#body === undefined ? undefined : this.#replies.at(-1);
    if (reply === undefined) return this.#refuse('request-timeout', detail);
    this.#abandonBody();
    this.#endAfter(reply);
    return reply.send(problemResponse('request-timeout', detail));
  }

  /** Takes what came; `chunk` is the caller's again when this returns. */
  take(chunk: Buffer): void {
    if (this.#arrivals.areNoted && this.#input === undefined) this.#arrivedAt = performance.now();
    const bytes = this.#input === undefined ? chunk : Buffer.concat([this.#input, chunk]);
    this.#input = undefined;
    this.#read(bytes);
    if (bytes === chunk && this.#input !== undefined) this.#input = Buffer.from(this.#input);
  }

  /** Reads requests until the input is used up or the pipeline is full; what is left waits. */
  #read(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length && this.#mayRead && !this.#full) {
      const next = this.#readStep(bytes, offset);
      if (next === undefined) break;
      offset = next;
    }
    if (!this.#mayRead || offset >= bytes.length) {
      if (this.#body === undefined) this.#scanned = 0;
    } else {
      this.#input = offset === 0 ? bytes : bytes.subarray(offset);
    }
    if (this.#full) this.#socket.pause();
    if (this.receiving && this.waitingSince === 0) this.waitingSince = this.#now();
  }

  /** Reads a body's bytes or a head; returns where the next thing starts, or undefined where more input is needed. */
  #readStep(bytes: Buffer, offset: number): number | undefined {
    if (this.#discard > 0) {
      const skipped = Math.min(this.#discard, bytes.length - offset);
      this.#discard -= skipped;
      return offset + skipped;
    }
    return this.#body === undefined ? this.#readHead(bytes, offset) : this.#readBody(bytes, offset);
  }

  #readHead(bytes: Buffer, start: number): number | undefined {
    const offset = skipEmptyLines(bytes, start);
    if (offset === bytes.length) return offset;
    const end = headEnd(bytes, Math.max(offset, start + this.#scanned - 3));
    const length = (end < 0 ? bytes.length : end) - offset;
    if (length > HEAD_BYTES_MAX) {
      this.#refuse('headers-too-large', `The head of a request has at most ${HEAD_BYTES_MAX} bytes`);
      return undefined;
    }
    if (end < 0) {
      this.#scanned = bytes.length - start;
      return undefined;
    }
    this.#scanned = 0;
    const head = parseHead(bytes.toString('latin1', offset, end));
    if ('malformed' in head) {
      this.#refuse('bad-request', head.malformed);
      return undefined;
    }
    this.#begin(head);
    return end + 4;
  }

  #begin(head: RequestHead): void {
    const reply = new Reply(head, this.#onReplySent);
    this.#replies.push(reply);
    this.waitingSince = 0;
    // What is pipelined behind "connection: close" must not be acted on (RFC 9112 section 9.6).
    if (!head.keepAlive) this.#draining = true;
    this.#untaken = head;
    this.#onRequest({ head, reply, takeBody: this.#takeBody, arrivedAt: this.#arrivedAt });
    if (this.#untaken === head) this.#skipBody(head, reply);
  }

  #startBody(bytesMax: number, onBody: OnBody, room: LargeRoom | undefined): void {
    const head = this.#untaken as RequestHead;
    this.#untaken = undefined;
    const { contentLength } = head;
    if (contentLength === 0) return onBody(Buffer.alloc(0));
    const reader = contentLength === undefined ? new ChunkedBody(bytesMax, room) : new SizedBody(contentLength, room);
    if (head.expectsContinue && this.#replies.length === 1) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    this.#body = { reader, onBody };
    return undefined;
  }

  /** Nobody takes the body: a short one is read over; after a long one, or one that may not come, the connection ends. */
  #skipBody(head: RequestHead, reply: Reply): void {
    const length = head.contentLength;
    if (length === 0) return;
    if (length !== undefined && length <= DISCARD_BYTES_MAX && !head.expectsContinue) this.#discard = length;
    else this.#endAfter(reply);
  }

  #readBody(bytes: Buffer, offset: number): number | undefined {
    const body = this.#body;
    const progress = body?.reader.read(bytes, offset);
    if (body === undefined || progress === undefined || progress.kind === 'more') return bytes.length;
    this.#body = undefined;
    if (progress.kind === 'done') {
      this.waitingSince = 0;
      body.onBody(progress.body);
      return progress.end;
    }
    const reply = this.#replies.at(-1);
    if (reply !== undefined) this.#endAfter(reply);
    body.onBody(progress.kind === 'too-large' ? 'too-large' : 'gone');
    if (progress.kind === 'malformed') reply?.send(problemResponse('bad-request', 'Malformed chunked body'));
    return bytes.length;
  }

  /** Answers what cannot be parsed, after the answers to what came before it, and ends the connection. */
  #refuse(code: ProblemCode, detail: string): void {
    const head = { keepAlive: false, isHttp10: false, method: 'GET' };
    const reply = new Reply(head, this.#onReplySent);
    this.#replies.push(reply);
    this.#input = undefined;
    this.#endAfter(reply);
    reply.send(problemResponse(code, detail));
  }

  /** Reads nothing more; the connection ends once `reply` has left. */
  #endAfter(reply: Reply): void {
    reply.keepAlive = false;
    this.#closing = true;
  }

  /** Sends all answers that are ready and whose predecessors have left. */
  #onReply(): void {
    if (this.#isStreaming) return undefined;
    for (let first = this.#replies[0]; first?.response !== undefined; first = this.#replies[0]) {
      if (first.response.open !== undefined) return this.#stream(first, first.response, first.response.open);
      this.#replies.shift();
      if ((this.#closing || this.#draining) && this.#replies.length === 0) first.keepAlive = false;
      this.#write(first, first.response);
      if (!first.keepAlive) return this.#end();
    }
    if (this.#replies.length === 0) {
      this.waitingSince = this.#now();
      if (this.#ended) return this.#end();
    }
    return this.#resume();
  }

  /** Sends an answer whose body comes bit by bit; those after it wait. */
  #stream(reply: Reply, response: Response, open: (sink: BodySink) => void): void {
    // Without chunks only the end of the connection can end the body.
    if (reply.isHttp10) reply.keepAlive = false;
    this.#isStreaming = true;
    this.#socket.write(encodeHead(response, reply), 'latin1');
    open({
      write: (bytes, onWritten) => this.#socket.write(bytes, onWritten),
      end: (trailers = '') => this.#endStream(reply, trailers),
      breakOff: () => this.#socket.resetAndDestroy(),
    });
  }

  #endStream(reply: Reply, trailers: string): void {
    if (this.#replies[0] !== reply) return undefined;
    if (!reply.isHttp10) this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    this.#isStreaming = false;
    this.#replies.shift();
    if (!reply.keepAlive || (this.#draining && this.#replies.length === 0)) return this.#end();
    return this.#onReply();
  }

  #write(reply: Reply, response: Response): void {
    const head = encodeHead(response, reply);
    const body = reply.method === 'HEAD' ? undefined : response.body;
    if (body === undefined || body.length === 0) {
      this.#socket.write(head, 'latin1');
    } else if (body.length <= copiedBodyBytesMax) {
      const whole = Buffer.allocUnsafe(head.length + body.length);
      whole.write(head, 'latin1');
      whole.set(body, head.length);
      this.#socket.write(whole);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body, response.onReleased);
      this.#socket.uncork();
    }
  }

  /** Closes our side; what the client still sends is read over until it closes its own, or the sweep ends the wait. */
  #end(): void {
    this.#closing = true;
    this.#dropReplies();
    this.waitingSince = this.#now();
    this.#socket.resume();
    if (this.#ended) this.#socket.destroySoon();
    else this.#socket.end();
  }

  get #mayRead(): boolean {
    if (this.#closing) return false;
    return !this.#draining || this.#body !== undefined || this.#discard > 0;
  }

  get #full(): boolean {
    return this.#replies.length >= PIPELINE_MAX || this.#socket.writableNeedDrain;
  }

  #resume(): void {
    if (this.#full || !this.#socket.isPaused()) return;
    this.#socket.resume();
    const input = this.#input;
    this.#input = undefined;
    if (input !== undefined) this.#read(input);
  }

  /** The client sends no more; it may still read its answers. */
  #onEnd(): void {
    this.#ended = true;
    // A request whose body will not come is not answered; those before it are.
    if (this.#body !== undefined) this.#replies.pop();
    this.#abandonBody();
    if (this.#replies.length === 0) this.#socket.destroySoon();
  }

  #onClose(): void {
    this.#closing = true;
    this.#abandonBody();
    this.#dropReplies();
  }

  #dropReplies(): void {
    for (const reply of this.#replies.splice(0)) reply.drop();
  }

  #abandonBody(): void {
    const body = this.#body;
    this.#body = undefined;
    body?.onBody('gone');
  }
}

/** Empty lines before a request are read over (RFC 9112 section 2.2). */
function skipEmptyLines(bytes: Buffer, start: number): number {
  let offset = start;
  while (bytes[offset] === 13 && bytes[offset + 1] === 10) offset += 2;
  return offset;
}
