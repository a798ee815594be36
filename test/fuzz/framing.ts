/**
 * How two servers take a stream of requests apart: our own front (`Connection`) and node:http, each behind a socket in
 * memory that delivers the same pieces. Both take every body and answer every request with 200.
 */
import { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TurnShare } from '../../src/domain/turn-share.ts';
import { AnswerBytes } from '../../src/http/answer-bytes.ts';
import { Connection, HEAD_BYTES_MAX } from '../../src/http/connection.ts';
import type { OnBody, Request } from '../../src/http/request.ts';
import type { Choices } from './requests.ts';

/** A request that came whole. */
export interface SeenRequest {
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  readonly body: string;
}

export interface Framing {
  readonly requests: readonly SeenRequest[];
  /** How many bytes had been delivered when each had come whole; of our front only. */
  readonly ends: readonly number[];
  /** Something was refused, and nothing behind it was read. */
  readonly isRefused: boolean;
  /** What was answered, as it was sent. */
  readonly answers: string;
  /** Bytes of answers that are still counted when the connection has ended. */
  readonly heldBytes: number;
}

/** A socket whose other end is a test. */
class MemorySocket extends Duplex {
  readonly written: Buffer[] = [];
  bytesWritten = 0;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    this.bytesWritten += chunk.length;
    done();
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  resetAndDestroy(): void {
    this.destroy();
  }
}

/** Turns in which what came is handled to its end, for both servers. */
const SETTLE_TURNS = 4;

async function settle(turns = SETTLE_TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
}

async function deliver(
  socket: MemorySocket,
  pieces: readonly Buffer[],
  afterEach: () => Promise<void>,
): Promise<string> {
  socket.on('error', () => {});
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.push(piece);
    await afterEach();
  }
  await settle();
  if (!socket.destroyed) socket.push(null);
  await settle();
  socket.destroy();
  return Buffer.concat(socket.written).toString('latin1');
}

/** What is longer is refused at its head; short ones that are refused would be skipped. */
export const BODY_BYTES_MAX = 256 * 1024;
const now = (): number => 0;

/** How our front reads the pieces. Without `choices` it is answered at once, otherwise later and in any order. */
export async function frontFraming(pieces: readonly Buffer[], choices?: Choices): Promise<Framing> {
  const requests: SeenRequest[] = [];
  const ends: number[] = [];
  let delivered = 0;
  const unanswered: Request[] = [];
  const answer = ({ head, reply }: Request): void =>
    reply.send({ status: 200, fields: '', body: head.method === 'HEAD' ? undefined : Buffer.from('ok') });
  const onRequest = (request: Request): void => {
    const { method, target } = request.head;
    const onBody: OnBody = (body) => {
      if (typeof body === 'string') {
        if (body !== 'gone') request.reply.send({ status: 413, fields: '', body: undefined });
        return;
      }
      requests.push({ method, target, body: body.toString('latin1') });
      ends.push(delivered);
      if (choices === undefined) answer(request);
      else unanswered.push(request);
    };
    request.takeBody(BODY_BYTES_MAX, onBody);
  };
  const socket = new MemorySocket();
  const answerBytes = new AnswerBytes(Infinity);
  const connection = new Connection(socket as unknown as Socket, {
    onRequest,
    now,
    onTlsHello: () => {},
    arrivals: { areNoted: false },
    keepAliveMs: 1000,
    bodyBytesPerSecondMin: 1,
    readerGraceMs: () => 1000,
    answerBytes,
    pipelined: new TurnShare(1000, setImmediate),
  });
  socket.on('data', (bytes: Buffer) => {
    delivered += bytes.length;
    connection.take(bytes);
  });
  const answers = await deliver(socket, pieces, async () => {
    await settle(choices === undefined ? 0 : 1);
    while (choices !== undefined && unanswered.length > 0) {
      answer(unanswered.splice(choices.below(unanswered.length), 1)[0] as Request);
      if (choices.once(3)) await nextTurn();
    }
  });
  return {
    requests,
    ends,
    isRefused: statusesOf(answers).some((status) => status >= 400),
    answers,
    heldBytes: answerBytes.inFlight,
  };
}

/** Statuses of the answers in what a server sent; bodies of the harness have no such text. */
export function statusesOf(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

interface OracleCase {
  readonly requests: SeenRequest[];
  isRefused: boolean;
}

/** node:http, told to be as strict as it can be. */
export class Oracle {
  readonly #cases = new WeakMap<object, OracleCase>();
  readonly #server = createServer({
    maxHeaderSize: HEAD_BYTES_MAX,
    insecureHTTPParser: false,
    requireHostHeader: true,
    keepAliveTimeout: 0,
  });

  constructor() {
    const take = (request: IncomingMessage, response: ServerResponse): void => this.#take(request, response);
    this.#server.on('request', take);
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // The socket is left alone, or requests before it that came whole would not be told. The end in the middle of a message refuses nothing.
      const seen = this.#cases.get(socket);
      if (seen !== undefined && error.code !== 'HPE_INVALID_EOF_STATE') seen.isRefused = true;
    });
  }

  async framing(pieces: readonly Buffer[]): Promise<Framing> {
    const socket = new MemorySocket();
    const seen: OracleCase = { requests: [], isRefused: false };
    this.#cases.set(socket, seen);
    this.#server.emit('connection', socket);
    const answers = await deliver(socket, pieces, () => settle(1));
    const isRefused = seen.isRefused || statusesOf(answers).some((status) => status >= 400);
    return { requests: seen.requests, ends: [], isRefused, answers, heldBytes: 0 };
  }

  close(): void {
    this.#server.close();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const { method = '', url = '' } = request;
      const body = Buffer.concat(chunks).toString('latin1');
      this.#cases.get(request.socket)?.requests.push({ method, target: inOriginForm(url), body });
      response.end(method === 'HEAD' ? undefined : 'ok');
    });
  }
}

/** node:http gives the absolute form as it came. */
function inOriginForm(url: string): string {
  const [, rest] = /^https?:\/\/[^/?]*(.*)$/i.exec(url) ?? [];
  if (rest === undefined) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
