/** One request to a peer's replica port and its answer: of a frame, whose answer is taken whole, and of a range, whose comes bit by bit. */
import { Buffer } from 'node:buffer';
import type { Dispatcher } from 'undici';
import { allocateReply } from '../../src/formats/reply.ts';
import { parseSender } from '../../src/formats/sender.ts';
import { isVersion } from '../../src/formats/record.ts';
import { floorField, lossField, seenField } from '../../src/protocol/nodes.ts';
import { waitsField } from '../../src/waits/wait-marks.ts';
import type { FrameSender } from '../ground/frame-sender.ts';
import type { PeerStream, PeerStreamHandler, Question } from './question.ts';

/** Responses above this are received into their place at once; smaller ones mostly come in one chunk. */
const PLACED_BYTES_MIN = 64 * 1024;

/** Collects one response. */
export class FrameExchange implements Dispatcher.DispatchHandler {
  readonly #handler: Question;
  readonly #sender: FrameSender;
  /** The peer's start, where the answer tells it. */
  #start: number | undefined;
  /** An answer that is announced to be longer is not waited for; the pool ends one that becomes longer. */
  readonly #bytesMax: number;
  #status = 0;
  #chunks: Buffer[] = [];
  #placed: Buffer | undefined;
  #received = 0;

  constructor(handler: Question, sender: FrameSender, bytesMax: number) {
    this.#handler = handler;
    this.#sender = sender;
    this.#bytesMax = bytesMax;
  }

  // undici recognises a handler by this method.
  onRequestStart(): void {}

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = statusCode;
    const { marks } = this.#handler;
    if (marks !== undefined) marks.remote = String(headers[waitsField]);
    const sender = parseSender(String(headers[seenField]));
    if (sender !== undefined) this.#sender.see(sender.newest);
    this.#start = sender?.start;
    const length = Number(headers['content-length']);
    if (length > this.#bytesMax) controller.abort(new Error(`replica port answers ${length} bytes`));
    else if (length >= PLACED_BYTES_MIN) this.#placed = allocateReply(length);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#placed === undefined) this.#chunks.push(chunk);
    else this.#placed.set(chunk, this.#received);
    this.#received += chunk.length;
  }

  onResponseEnd(): void {
    const bytes = this.#placed ?? joined(this.#chunks);
    if (this.#status !== 200) {
      this.#handler.onError(new Error(`replica port answers ${this.#status}: ${bytes.toString('utf8').trim()}`));
    } else if (this.#start === undefined) {
      this.#handler.onError(new Error('replica port does not say who answers'));
    } else {
      this.#handler.onReply(bytes, this.#start);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onError(error);
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** Hands one response on as it comes in. */
export class StreamExchange implements Dispatcher.DispatchHandler, PeerStream {
  readonly #handler: PeerStreamHandler;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #isDestroyed = false;

  constructor(handler: PeerStreamHandler) {
    this.#handler = handler;
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#controller?.abort(new Error('the range is not wanted any more'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isDestroyed) this.destroy();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = statusCode;
    if (headers[lossField] !== undefined) this.#handler.onLoss?.();
    const floor = Number(headers[floorField]);
    if (isVersion(floor)) this.#handler.onFloor?.(floor);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#status === 200 && !this.#isDestroyed) this.#handler.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.#status === 200) this.#handler.onEnd();
    else this.#handler.onError(new Error(`replica port answers ${this.#status}`));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onError(error);
  }
}
