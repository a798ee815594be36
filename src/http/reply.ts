/**
 * Answers: what a handler gives for a request, and the bytes of its head.
 */
import type { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** A body up to this is copied behind its head: both leave in one write, and the body's own memory is free. */
export const copiedBodyBytesMax = 16 * 1024;

/** A longer body is written in pieces of so many bytes, the next one when the socket has taken the last. */
export const pieceBytes = 256 * 1024;

/** An answer. Field names are lower case; `content-length` and `connection` are added when it is sent. */
export interface Response {
  readonly status: number;
  /** Header lines, each ended by CRLF; empty if there are none. */
  readonly fields: string;
  readonly body: Buffer | undefined;
  /** For `HEAD` without a body: how long that of `GET` is. */
  readonly bodyBytes?: number;
  /** How long the connection rests after this answer, milliseconds: its next request is not read before. */
  readonly restMs?: number;
  /** Instead of a body: called once the head has left, with the sink that takes the body; not for `HEAD`. */
  readonly open?: (sink: BodySink) => void;
}

/**
 * Takes the body of a streamed answer, piece by piece. In HTTP/1.1 the bytes must be framed as chunks already (RFC 9112
 * section 7.1), all but the last chunk; in HTTP/1.0 the end of the connection ends the body.
 */
export interface BodySink {
  /** `onWritten` is called when the client's socket has taken the bytes, which must not change before. */
  write(bytes: Buffer, onWritten: () => void): void;
  /** Ends the body; `trailers` are field lines, each ended by CRLF, left out for HTTP/1.0. */
  end(trailers?: string): void;
  /** The body cannot go on: ends it so that no client takes it for whole. */
  breakOff(): void;
}

/** The parts of a request that decide how its answer is sent. */
export interface ReplyContext {
  readonly method: string;
  readonly keepAlive: boolean;
  readonly isHttp10: boolean;
}

/** The place of one request's answer in its connection's order. */
export class Reply {
  keepAlive: boolean;
  readonly method: string;
  readonly isHttp10: boolean;
  response: Response | undefined;
  /** Called if the connection is gone before the answer has left. */
  onGone: (() => void) | undefined;
  readonly #onSend: (reply: Reply) => void;
  #isDropped = false;

  /** Whether the connection is gone: the answer will not leave. */
  get isGone(): boolean {
    return this.#isDropped;
  }

  constructor(context: ReplyContext, onSend: (reply: Reply) => void) {
    this.method = context.method;
    this.keepAlive = context.keepAlive;
    this.isHttp10 = context.isHttp10;
    this.#onSend = onSend;
  }

  /** Answers the request, once; later calls change nothing. */
  send(response: Response): void {
    if (this.response !== undefined || this.#isDropped) return;
    this.response = response;
    this.#onSend(this);
  }

  /** The connection is gone: no answer leaves any more. */
  drop(): void {
    this.#isDropped = true;
    this.onGone?.();
  }
}

/** 504 says which quorum it is about; all others have their standard phrase. */
const reasonPhrases: Readonly<Record<number, string>> = { 504: 'Not Enough Replicas' };

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${reasonPhrases[status] ?? STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

/** The head of an answer. */
export function encodeHead(response: Response, reply: Reply): string {
  const head = `${statusLine(response.status)}${response.fields}${framing(response, reply)}`;
  if (!reply.keepAlive) return `${head}connection: close\r\n\r\n`;
  return reply.isHttp10 ? `${head}connection: keep-alive\r\n\r\n` : `${head}\r\n`;
}

/** Whether the body of an answer is so long that it is written in pieces, by which its client's progress can be seen. */
export function isInPieces({ body }: Response, { method }: Reply): boolean {
  return body !== undefined && body.length > pieceBytes && method !== 'HEAD';
}

/** Whether the body of an answer comes bit by bit. */
export function isStreamed(
  response: Response,
  { method }: Reply,
): response is Response & Required<Pick<Response, 'open'>> {
  return response.open !== undefined && method !== 'HEAD';
}

/** Writes an answer whose body is there, and not too long. */
export function writeWhole(socket: Socket, response: Response, reply: Reply): void {
  const head = encodeHead(response, reply);
  const body = reply.method === 'HEAD' ? undefined : response.body;
  if (body === undefined || body.length === 0) {
    socket.write(head, 'latin1');
  } else if (body.length <= copiedBodyBytesMax) {
    // One character a byte: a socket takes a short text quicker than a buffer that both are put into before.
    socket.write(head + body.toString('latin1'), 'latin1');
  } else {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }
}

function framing({ status, body, bodyBytes, open }: Response, reply: Reply): string {
  // Without a body: a length would be forbidden in 204, and in 304 that of the 200 it stands for (RFC 9110 section 8.6).
  if (status === 204 || status === 304) return '';
  if (open === undefined) return `content-length: ${body?.length ?? bodyBytes ?? 0}\r\n`;
  return reply.isHttp10 ? '' : 'transfer-encoding: chunked\r\n';
}
