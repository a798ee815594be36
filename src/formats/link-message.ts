/**
 * Messages of a link: questions and answers of two workers on one connection, in any order and in pieces. Little-endian.
 *
 * A piece is a header and its part of a message:
 *
 *   offset  size  field
 *        0     4  number: chosen by who asks, repeated in the answer
 *        4     4  bytes of the whole message
 *        8     4  bytes of this piece
 *       12     1  kind: 0 question, 1 question that also asks for durations, 2 answer, 3 refusal (its body says why)
 *       13     1  bytes of the durations that stand before an answer's body (`wait-marks.ts`)
 *       14     8  the newest version that the sender has seen, a float64 that holds a safe integer
 *       22     4  the sender's start: a number that its process chose when it began
 *       26     .  the piece
 *
 * Pieces of one message come in order; pieces of others may stand between them, so that a large answer holds up nothing
 * small (HTTP/2 interleaves its streams for the same reason, RFC 9113 section 2).
 */
import { Buffer } from 'node:buffer';
import { KvorumError } from '../diagnostics/errors.ts';
import { isVersion } from './record.ts';
import { allocateReply } from './reply.ts';
import type { Sender } from './sender.ts';

export const PIECE_HEADER_BYTES = 26;

export const messageKinds = { question: 0, questionWithDurations: 1, answer: 2, refusal: 3 } as const;
export type MessageKind = (typeof messageKinds)[keyof typeof messageKinds];

export interface LinkMessage extends Sender {
  readonly number: number;
  readonly kind: MessageKind;
  /** What the answerer says of its part; empty where nobody asked. */
  readonly durations: string;
  readonly body: Buffer;
}

/** A message on its way out: its bytes after the header, and how much of them was sent. */
export class OutgoingMessage {
  readonly #message: LinkMessage;
  readonly #bytes: number;
  #sent = 0;

  constructor(message: LinkMessage) {
    this.#message = message;
    this.#bytes = message.durations.length + message.body.length;
  }

  /** Bytes that are not sent yet. */
  get left(): number {
    return this.#bytes - this.#sent;
  }

  /** The next piece, with its header, of at most `bytesMax` bytes of the message. */
  next(bytesMax: number): Buffer {
    const { number, kind, durations, body, newest, start: senderStart } = this.#message;
    const size = Math.min(this.left, bytesMax);
    const piece = Buffer.allocUnsafe(PIECE_HEADER_BYTES + size);
    piece.writeUInt32LE(number, 0);
    piece.writeUInt32LE(this.#bytes, 4);
    piece.writeUInt32LE(size, 8);
    piece[12] = kind;
    piece[13] = durations.length;
    piece.writeDoubleLE(newest, 14);
    piece.writeUInt32LE(senderStart, 22);
    const start = Math.max(0, this.#sent - durations.length);
    const lead = this.#sent === 0 ? piece.write(durations, PIECE_HEADER_BYTES, 'latin1') : 0;
    piece.set(body.subarray(start, start + size - lead), PIECE_HEADER_BYTES + lead);
    this.#sent += size;
    return piece;
  }
}

/** A message of which not all pieces have come. */
interface Assembly {
  readonly head: MessageHead;
  readonly bytes: Buffer;
  received: number;
}

interface MessageHead extends Sender {
  readonly number: number;
  readonly kind: MessageKind;
  readonly durationsBytes: number;
}

export interface LinkReaderBounds {
  /** Bytes of a message. */
  readonly bytesMax: number;
  /** Messages begun but not complete. */
  readonly openMax: number;
  /** Bytes of those together, of what is to come as well: room is taken for all of a message when it begins. */
  readonly openBytesMax: number;
}

export type OnMessage = (message: LinkMessage) => void;

/** Puts messages together out of the chunks that a socket brings; one that came whole in a chunk is not copied. */
export class LinkReader {
  readonly #bytesMax: number;
  readonly #openMax: number;
  readonly #openBytesMax: number;
  readonly #open = new Map<number, Assembly>();
  readonly #header = Buffer.alloc(PIECE_HEADER_BYTES);
  #headerBytes = 0;
  /** Memory of the messages that are open. */
  #openBytes = 0;
  /** The message that the piece under way is of, and how much of the piece is to come. */
  #current: Assembly | undefined;
  #left = 0;

  constructor({ bytesMax, openMax, openBytesMax }: LinkReaderBounds) {
    this.#bytesMax = bytesMax;
    this.#openMax = openMax;
    this.#openBytesMax = openBytesMax;
  }

  /**
   * Takes the next bytes and calls `onMessage` for each message that they complete. Throws `corrupt-frame`, after which
   * the link is of no use.
   */
  take(chunk: Buffer, onMessage: OnMessage): void {
    for (let at = 0; at < chunk.length;) {
      at = this.#current === undefined ? this.#takeHeader(chunk, at, onMessage) : this.#takePart(chunk, at, onMessage);
    }
  }

  /** Reads the header at `at`, and the piece where that is a whole message; returns how far it came. */
  #takeHeader(chunk: Buffer, at: number, onMessage: OnMessage): number {
    if (this.#headerBytes === 0 && chunk.length - at >= PIECE_HEADER_BYTES) {
      return this.#begin(chunk, at, chunk, at + PIECE_HEADER_BYTES, onMessage);
    }
    const copied = chunk.copy(this.#header, this.#headerBytes, at);
    this.#headerBytes += copied;
    if (this.#headerBytes < PIECE_HEADER_BYTES) return chunk.length;
    this.#headerBytes = 0;
    return this.#begin(this.#header, 0, chunk, at + copied, onMessage);
  }

  #begin(header: Buffer, offset: number, chunk: Buffer, start: number, onMessage: OnMessage): number {
    const [bytes, size] = [header.readUInt32LE(offset + 4), header.readUInt32LE(offset + 8)];
    const head = readHead(header, offset);
    if (bytes > this.#bytesMax || size > bytes || head.durationsBytes > bytes)
      throw corrupt(head, 'has a wrong length');
    if (size === bytes && chunk.length - start >= size && !this.#open.has(head.number)) {
      onMessage(asMessage(head, chunk.subarray(start, start + size)));
      return start + size;
    }
    const message = this.#open.get(head.number) ?? this.#openOne(head, bytes);
    const isSame = message.head.kind === head.kind && message.head.durationsBytes === head.durationsBytes;
    if (!isSame || message.bytes.length !== bytes || size > bytes - message.received || size === 0) {
      throw corrupt(head, 'does not continue the last piece');
    }
    this.#current = message;
    this.#left = size;
    return start;
  }

  #openOne(head: MessageHead, bytes: number): Assembly {
    if (this.#open.size >= this.#openMax || this.#openBytes + bytes > this.#openBytesMax) {
      throw corrupt(head, 'is one more than may be open');
    }
    this.#openBytes += bytes;
    const message = { head, bytes: allocateReply(bytes), received: 0 };
    this.#open.set(head.number, message);
    return message;
  }

  #takePart(chunk: Buffer, at: number, onMessage: OnMessage): number {
    const message = this.#current as Assembly;
    const end = Math.min(at + this.#left, chunk.length);
    message.bytes.set(chunk.subarray(at, end), message.received);
    message.received += end - at;
    this.#left -= end - at;
    if (this.#left === 0) this.#current = undefined;
    if (message.received === message.bytes.length) {
      this.#open.delete(message.head.number);
      this.#openBytes -= message.bytes.length;
      onMessage(asMessage(message.head, message.bytes));
    }
    return end;
  }
}

function readHead(header: Buffer, offset: number): MessageHead {
  const kind = header[offset + 12] as MessageKind;
  const head = {
    number: header.readUInt32LE(offset),
    kind,
    durationsBytes: header[offset + 13] as number,
    newest: header.readDoubleLE(offset + 14),
    start: header.readUInt32LE(offset + 22),
  };
  if (kind > messageKinds.refusal) throw corrupt(head, 'is of an unknown kind');
  if (!isVersion(head.newest)) throw corrupt(head, 'has seen what is no version');
  return head;
}

function asMessage({ number, kind, durationsBytes, newest, start }: MessageHead, bytes: Buffer): LinkMessage {
  if (durationsBytes === 0) return { number, kind, durations: '', body: bytes, newest, start };
  const durations = bytes.toString('latin1', 0, durationsBytes);
  return { number, kind, durations, body: bytes.subarray(durationsBytes), newest, start };
}

function corrupt({ number }: MessageHead, what: string): KvorumError {
  return new KvorumError('corrupt-frame', `Message ${number} of a link ${what}`);
}
