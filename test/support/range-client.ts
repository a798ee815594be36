/** Ranges over a plain socket: every byte of the framing is looked at, and nothing is read before the test asks. */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { CutShort, readChunks } from './chunks.ts';
import { within } from './eventually.ts';

export interface RangeAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** The chunks as text. */
  readonly chunks: readonly string[];
  readonly trailers: ReadonlyMap<string, string>;
}

export interface RangeAsk {
  readonly accept?: string;
  readonly version?: '1.0' | '1.1';
  readonly connection?: 'close' | 'keep-alive';
}

/** The node reset the connection: what has come is not the whole. */
export class BrokenConnection extends Error {}

/** A request that was sent; its answer is read when `answer` is called. */
export class RangeRequest {
  readonly socket: Socket;
  #isBroken = false;

  constructor(t: TestContext, url: string, target: string, ask: RangeAsk = {}) {
    const { accept = '*/*', version = '1.1', connection = 'close' } = ask;
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    // It may break before anybody reads.
    this.socket.on('error', () => (this.#isBroken = true));
    t.after(() => this.socket.destroy());
    const fields = `host: localhost\r\nconnection: ${connection}\r\naccept: ${accept}\r\n`;
    this.socket.write(`GET ${target} HTTP/${version}\r\n${fields}\r\n`);
  }

  /** Reads to the end. Rejects if the connection breaks. */
  async answer(): Promise<RangeAnswer> {
    const pieces: Buffer[] = [];
    this.socket.on('data', (bytes: Buffer) => pieces.push(bytes));
    // Not `once`: it rejects with the error that a reset is.
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    if (!this.socket.closed) await within(closed, 'the end of the answer');
    if (this.#isBroken) throw new BrokenConnection();
    return parseAnswer(Buffer.concat(pieces));
  }
}

/**
 * The answer, or undefined if it broke off. On Linux a reader that comes after the reset gets what had arrived and then the
 * end: only the cut chunk tells.
 */
export async function answerIfWhole(request: RangeRequest): Promise<RangeAnswer | undefined> {
  try {
    return await request.answer();
  } catch (error) {
    if (error instanceof BrokenConnection || error instanceof CutShort) return undefined;
    throw error;
  }
}

/** Asks for a range and reads the whole answer. */
export function askRange(t: TestContext, url: string, target: string, options?: RangeAsk): Promise<RangeAnswer> {
  return new RangeRequest(t, url, target, options).answer();
}

function parseAnswer(bytes: Buffer): RangeAnswer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const body = bytes.subarray(headEnd + 4);
  const isChunked = headers.get('transfer-encoding') === 'chunked';
  const { chunks, trailers } = isChunked ? readChunks(body) : { chunks: [], trailers: new Map<string, string>() };
  return { status: Number(statusLine.slice(9, 12)), headers, body, chunks: chunks.map(String), trailers };
}
