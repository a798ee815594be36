/**
 * One end of a link: a connection between two workers on which questions and answers travel in any order.
 *
 * A message leaves at once, before whatever this thread does next: the peer works while this thread is in its own
 * transaction. One longer than a piece waits its turn behind what the socket has taken, a piece at a time and fairly with
 * others of its kind; shorter ones overtake it, so that a large answer does not hold up small ones. HTTP/1.1 could do
 * neither: one exchange at a time a connection, and a connection of undici's is taken into use again only a turn after its
 * last answer.
 */
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { LinkReader, OutgoingMessage, type LinkMessage } from '../../src/formats/link-message.ts';
import { linkReads } from '../ground/pace.ts';

export interface LinkOptions {
  /** Bound of a message that comes, bytes. */
  readonly bytesMax: number;
  /** Nothing more is read while more bytes than this wait to be sent. Only for the end that answers: both would stall. */
  readonly sendingBytesMax: number;
  readonly onMessage: (message: LinkMessage) => void;
  /** What came cannot be taken; the link then ends. */
  readonly onRefused?: (reason: string) => void;
  /** Called once. */
  readonly onClosed: (error: Error) => void;
}

/** Messages that may have come in part: as many as a peer can ask at once (`peerConnectionsMax`). */
const OPEN_MAX = 4096;
/**
 * Bytes of those together: some of the longest, or as many answers as 64 batches under way can have, each of 1 MiB and what
 * it announces.
 */
const openBytesMax = (bytesMax: number): number => Math.max(4 * bytesMax, 256 * 1024 * 1024);
/** Bytes of a message that leave at once; also what a socket may hold before the next piece is given to it. */
const PIECE_BYTES = 64 * 1024;
/** What a socket brings at most in one read; of TLS it is a record. */
const READ_BYTES = 64 * 1024;
const RECORD_BYTES = 16 * 1024;

export class Link {
  readonly #socket: Duplex;
  readonly #options: LinkOptions;
  readonly #reader: LinkReader;
  /** Longer messages that are not wholly sent, the next one first. */
  readonly #long: OutgoingMessage[] = [];
  #error = new Error('the link was closed');
  /** More waits to be sent than may, so that nothing is read. */
  #isHeldBack = false;
  /** It has read its part of the turn. */
  #isPacing = false;

  constructor(socket: Duplex, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    const { bytesMax } = options;
    this.#reader = new LinkReader({ bytesMax, openMax: OPEN_MAX, openBytesMax: openBytesMax(bytesMax) });
    const readBytes = socket instanceof TLSSocket ? RECORD_BYTES : READ_BYTES;
    socket.on('data', (chunk: Buffer) => {
      this.take(chunk);
      if (chunk.length >= readBytes && !linkReads.use()) this.#readLater();
    });
    socket.on('drain', () => this.#pump());
    socket.on('error', (error) => (this.#error = error));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => options.onClosed(this.#error));
  }

  /** Takes bytes that have come. Whatever they lead to ends this link, and never the thread. */
  take(chunk: Buffer): void {
    try {
      this.#reader.take(chunk, this.#options.onMessage);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(messageOf(error));
      this.#options.onRefused?.(reason.message);
      this.destroy(reason);
    }
  }

  send(message: LinkMessage): void {
    if (this.#socket.destroyed) return;
    const outgoing = new OutgoingMessage(message);
    if (outgoing.left > PIECE_BYTES) {
      this.#long.push(outgoing);
      this.#pump();
    } else {
      this.#socket.write(outgoing.next(PIECE_BYTES));
      this.#holdBack();
    }
  }

  destroy(error: Error): void {
    this.#error = error;
    this.#socket.destroy();
  }

  /** Gives the socket as much of the long messages as it may hold, a piece of each in turn. */
  #pump(): void {
    while (this.#socket.writableLength < PIECE_BYTES) {
      const message = this.#long.shift();
      if (message === undefined) break;
      this.#socket.write(message.next(PIECE_BYTES));
      if (message.left > 0) this.#long.push(message);
    }
    this.#holdBack();
  }

  #holdBack(): void {
    const { sendingBytesMax } = this.#options;
    const waiting = this.#long.reduce((sum, { left }) => sum + left, this.#socket.writableLength);
    this.#isHeldBack = waiting > sendingBytesMax;
    this.#pauseOrResume();
  }

  #readLater(): void {
    this.#isPacing = true;
    this.#pauseOrResume();
    linkReads.later(() => {
      this.#isPacing = false;
      this.#pauseOrResume();
    });
  }

  #pauseOrResume(): void {
    if (this.#isHeldBack || this.#isPacing) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }
}
