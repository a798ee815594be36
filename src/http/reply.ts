/**
 * Answers: what a handler gives for a request, and the bytes of its head.
 */
import type { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';

/** An answer. Field names are lower case; `content-length` and `connection` are added when it is sent. */
export interface Response {
  readonly status: number;
  /** Header lines, each ended by CRLF; empty where there are none. */
  readonly fields: string;
  readonly body: Buffer | undefined;
}

/** What of the request decides how an answer is sent. */
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
  readonly #onSend: (reply: Reply) => void;

  constructor(context: ReplyContext, onSend: (reply: Reply) => void) {
    this.method = context.method;
    this.keepAlive = context.keepAlive;
    this.isHttp10 = context.isHttp10;
    this.#onSend = onSend;
  }

  /** Answers the request, once; later calls change nothing. */
  send(response: Response): void {
    if (this.response !== undefined) return;
    this.response = response;
    this.#onSend(this);
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
  const length = response.body?.length ?? 0;
  const head = `${statusLine(response.status)}${response.fields}content-length: ${length}\r\n`;
  if (!reply.keepAlive) return `${head}connection: close\r\n\r\n`;
  return reply.isHttp10 ? `${head}connection: keep-alive\r\n\r\n` : `${head}\r\n`;
}
