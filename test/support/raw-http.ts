/**
 * HTTP over a plain socket, for what no client library sends: malformed requests, bodies that never come, pipelining.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { within } from './eventually.ts';

export interface RawAnswer {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export class RawConnection {
  readonly #socket: Socket;
  /** What came and was not taken: bytes from `#start` up to `#end`. What stands before was given away and is not used again. */
  #memory = Buffer.alloc(4096);
  #start = 0;
  #end = 0;
  #read = 0;
  #pauseAt = Infinity;
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#append(chunk);
      this.#read += chunk.length;
      if (this.#read >= this.#pauseAt) socket.pause();
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('error', end);
    socket.on('end', end);
    socket.on('close', end);
  }

  /** Connects to a node's client port; the socket is closed after the test. */
  static async open(t: TestContext, url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Talks over a socket that is connected already, and closed after the test. */
  static over(t: TestContext, socket: Socket): RawConnection {
    t.after(() => socket.destroy());
    return new RawConnection(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Reads about so many bytes in all and then no more, so that what the peer sends waits. */
  readOnlyUntil(bytes: number): void {
    this.#pauseAt = bytes;
    if (this.#read >= bytes) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Closes our side only. */
  end(): void {
    this.#socket.end();
  }

  /** The next answer; `hasBody` false for the answer to HEAD and for interim answers. */
  async answer(hasBody = true): Promise<RawAnswer> {
    const head = await this.#until(() => this.#received.indexOf('\r\n\r\n'), 'the head of an answer');
    const text = this.#received.subarray(0, head).toString('latin1');
    this.#start += head + 4;
    const [statusLine = '', ...lines] = text.split('\r\n');
    const headers = new Map(lines.map((line) => headerOf(line)));
    const length = hasBody ? Number(headers.get('content-length') ?? 0) : 0;
    await this.#until(() => (this.#received.length >= length ? 0 : -1), 'the body of an answer');
    const body = this.#received.subarray(0, length);
    this.#start += length;
    return { status: Number(statusLine.slice(9, 12)), reason: statusLine.slice(13), headers, body };
  }

  /** The next bytes, as they are. */
  async take(length: number): Promise<Buffer> {
    await this.#until(() => (this.#received.length >= length ? 0 : -1), `${length} bytes`);
    const bytes = this.#received.subarray(0, length);
    this.#start += length;
    return bytes;
  }

  /** Resolves when the peer has closed its side. */
  async closed(): Promise<void> {
    await within(
      (async () => {
        while (!this.#ended) await this.#next();
      })(),
      'the end of the connection',
    );
  }

  close(): void {
    this.#socket.destroy();
  }

  get #received(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** Into memory that doubles when it is full, so that a long answer is not copied once a chunk. */
  #append(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#memory.length) {
      const kept = this.#received;
      this.#memory = Buffer.alloc(2 * (kept.length + chunk.length));
      this.#memory.set(kept);
      [this.#start, this.#end] = [0, kept.length];
    }
    this.#memory.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Waits until `position` is not negative. */
  async #until(position: () => number, what: string): Promise<number> {
    const wait = async (): Promise<number> => {
      for (;;) {
        const found = position();
        if (found >= 0) return found;
        if (this.#ended)
          throw new Error(`the connection ended before ${what}; had: ${this.#received.toString('latin1')}`);
        await this.#next();
      }
    };
    return within(wait(), what);
  }

  #next(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
