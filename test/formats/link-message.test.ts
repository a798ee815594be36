/** Messages of a link: whatever is sent in pieces comes out whole, and bytes that are no pieces are refused in time. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import {
  LinkReader,
  messageKinds,
  OutgoingMessage,
  PIECE_HEADER_BYTES,
  type LinkMessage,
  type MessageKind,
} from '../../src/formats/link-message.ts';
import { REPLY_ROOM_BYTES } from '../../src/formats/reply.ts';
import { anyUint32, anyValue, bytesOf, mangled, plain } from './arbitraries.ts';

const sender = { newest: 5, start: 7 };
const corruptFrame = { name: 'KvorumError', code: 'corrupt-frame' };

const anyMessage: fc.Arbitrary<LinkMessage> = fc.record(
  {
    number: anyUint32,
    kind: fc.constantFrom(...Object.values(messageKinds)),
    durations: fc.oneof(
      fc.constant(''),
      bytesOf(0, 255).map((bytes) => bytes.toString('latin1')),
    ),
    body: anyValue,
    newest: fc.maxSafeNat(),
    start: anyUint32,
  },
  plain,
);
/** Messages that may be under way together. */
const someMessages = fc.uniqueArray(anyMessage, { maxLength: 6, selector: ({ number }) => number });
const anyPieceBytes = fc.oneof(fc.integer({ min: 256, max: 300 }), fc.integer({ min: 256, max: 8192 }));
/** Which message the next piece is of, and where the stream is cut; repeated as long as there is something to choose. */
const anyChoices = fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 });

/** The pieces of messages, those of one in order, and the messages in the order of their ends. */
function interleave(
  messages: readonly LinkMessage[],
  pieceBytes: number,
  choices: readonly number[],
): { readonly pieces: Buffer[]; readonly ended: LinkMessage[] } {
  const pieces: Buffer[] = [];
  const ended: LinkMessage[] = [];
  const left = messages.map((message) => ({ message, outgoing: new OutgoingMessage(message) }));
  for (let step = 0; left.length > 0; step++) {
    const index = (choices[step % choices.length] as number) % left.length;
    const { message, outgoing } = left[index] as (typeof left)[number];
    pieces.push(outgoing.next(pieceBytes));
    if (outgoing.left > 0) continue;
    left.splice(index, 1);
    ended.push(message);
  }
  return { pieces, ended };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + (sizes[chunks.length % sizes.length] as number);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

const roomy = { bytesMax: 64 * 1024, openMax: 64, openBytesMax: 64 * 64 * 1024 };

function readAll(chunks: readonly Buffer[], bounds = roomy): LinkMessage[] {
  const reader = new LinkReader(bounds);
  const messages: LinkMessage[] = [];
  for (const chunk of chunks) reader.take(chunk, (message) => messages.push(message));
  return messages;
}

test('messages in pieces of any size, interleaved and cut into chunks anyhow, come out whole in the order of their ends', () => {
  fc.assert(
    fc.property(someMessages, anyPieceBytes, anyChoices, anyChoices, (messages, pieceBytes, turns, sizes) => {
      const { pieces, ended } = interleave(messages, pieceBytes, turns);
      assert.deepEqual(readAll(cut(Buffer.concat(pieces), sizes)), ended);
    }),
    { numRuns: 300 },
  );
});

test('a stream of one byte a chunk comes out whole too', () => {
  fc.assert(
    fc.property(someMessages, anyPieceBytes, anyChoices, (messages, pieceBytes, turns) => {
      const { pieces, ended } = interleave(messages, pieceBytes, turns);
      assert.deepEqual(readAll(cut(Buffer.concat(pieces), [0])), ended);
    }),
    { numRuns: 30 },
  );
});

test('no piece is longer than it may be, and a message has no more pieces than it needs', () => {
  fc.assert(
    fc.property(anyMessage, anyPieceBytes, (message, pieceBytes) => {
      const bytes = message.durations.length + message.body.length;
      const { pieces } = interleave([message], pieceBytes, [0]);
      assert.ok(pieces.every((piece) => piece.length <= PIECE_HEADER_BYTES + pieceBytes));
      assert.equal(pieces.length, Math.max(1, Math.ceil(bytes / pieceBytes)));
    }),
  );
});

test('a number is free again as soon as its message is whole', () => {
  const message = { number: 7, kind: messageKinds.answer, durations: '1,2', body: Buffer.alloc(700, 'x'), ...sender };
  const { pieces } = interleave([message], 256, [0]);
  assert.deepEqual(readAll([...pieces, ...pieces], { bytesMax: 703, openMax: 1, openBytesMax: 703 }), [
    message,
    message,
  ]);
});

test('a message that is whole in a chunk is a view of the chunk, whatever stands around it', () => {
  fc.assert(
    fc.property(anyMessage, someMessages, fc.nat(), (message, others, at) => {
      const around = others.filter(({ number }) => number !== message.number);
      const place = at % (around.length + 1);
      const all = [...around.slice(0, place), message, ...around.slice(place)];
      const chunk = Buffer.concat(all.map((one) => new OutgoingMessage(one).next(64 * 1024)));
      const { body } = readAll([chunk])[place] as LinkMessage;
      assert.equal(body.buffer, chunk.buffer);
      assert.deepEqual(body, message.body);
    }),
  );
});

test('a message that is not whole in a chunk owns its bytes', () => {
  const message = { number: 1, kind: messageKinds.question, durations: '', body: Buffer.alloc(600, 'x'), ...sender };
  const { pieces } = interleave([message], 256, [0]);
  const whole = new OutgoingMessage(message).next(600);
  for (const chunks of [pieces, [Buffer.concat(pieces)], cut(whole, [300]), cut(whole, [25, 1000])]) {
    const own = chunks.map((chunk) => Buffer.from(chunk));
    const [read] = readAll(own);
    for (const chunk of own) chunk.fill('y');
    assert.deepEqual(read, message);
  }
});

interface PieceFields {
  readonly number?: number;
  readonly bytes: number;
  readonly size: number;
  readonly kind?: number;
  readonly durationsBytes?: number;
  readonly newest?: number;
}

/** A piece whose header says what is given. */
function pieceOf({
  number = 1,
  bytes,
  size,
  kind = messageKinds.question,
  durationsBytes = 0,
  newest = 0,
}: PieceFields): Buffer {
  const header = Buffer.alloc(PIECE_HEADER_BYTES);
  header.writeUInt32LE(number, 0);
  header.writeUInt32LE(bytes, 4);
  header.writeUInt32LE(size, 8);
  header.set([kind, durationsBytes], 12);
  header.writeDoubleLE(newest, 14);
  return Buffer.concat([header, Buffer.alloc(Math.min(size, 1000))]);
}

const bounds = { bytesMax: 100, openMax: 2, openBytesMax: 200 };
const corruptions: readonly (readonly [what: string, ...pieces: PieceFields[]])[] = [
  ['an unknown kind', { bytes: 1, size: 1, kind: messageKinds.refusal + 1 }],
  ['half a version', { bytes: 1, size: 1, newest: 0.5 }],
  ['a version that is no number', { bytes: 1, size: 1, newest: Number.NaN }],
  ['a negative version', { bytes: 1, size: 1, newest: -1 }],
  ['the kind 255', { bytes: 1, size: 1, kind: 255 }],
  ['an unknown kind of a later piece', { bytes: 9, size: 4 }, { bytes: 9, size: 5, kind: 4 }],
  ['a later piece of another kind', { bytes: 9, size: 4 }, { bytes: 9, size: 5, kind: messageKinds.answer }],
  ['a later piece with other durations', { bytes: 9, size: 4 }, { bytes: 9, size: 5, durationsBytes: 1 }],
  ['a piece longer than its message', { bytes: 4, size: 5 }],
  ['a piece of an empty message that is not empty', { bytes: 0, size: 1 }],
  ['a message over the bound', { bytes: 101, size: 10 }],
  ['a message over the bound in one piece', { bytes: 101, size: 101 }],
  ['a message of 4 GiB', { bytes: 0xffffffff, size: 0xffffffff }],
  ['durations longer than their message', { bytes: 4, size: 4, durationsBytes: 5 }],
  ['a piece of no bytes that begins a longer message', { bytes: 4, size: 0 }],
  ['a piece of no bytes that continues one', { bytes: 4, size: 2 }, { bytes: 4, size: 0 }],
  ['a piece that goes past the end of its message', { bytes: 4, size: 2 }, { bytes: 4, size: 3 }],
  ['a whole message under the number of an open one', { bytes: 4, size: 2 }, { bytes: 4, size: 4 }],
  ['an empty message under the number of an open one', { bytes: 4, size: 2 }, { bytes: 0, size: 0 }],
  ['a piece that says another length than the first', { bytes: 4, size: 2 }, { bytes: 5, size: 2 }],
  [
    'one open message too many',
    { number: 1, bytes: 4, size: 2 },
    { number: 2, bytes: 4, size: 2 },
    { number: 3, bytes: 4, size: 2 },
  ],
];

for (const [what, ...pieces] of corruptions) {
  test(`${what} throws corrupt-frame, in one chunk or in many`, () => {
    const bytes = Buffer.concat(pieces.map(pieceOf));
    for (const sizes of [[bytes.length], [PIECE_HEADER_BYTES - 1], [0]]) {
      assert.throws(() => readAll(cut(bytes, sizes), bounds), corruptFrame);
    }
  });
}

test('a message is refused by its header, before any of its bytes came', () => {
  const headers = [pieceOf({ bytes: 101, size: 50 }), pieceOf({ bytes: 10, size: 10, kind: 9 })];
  for (const bytes of headers) {
    assert.deepEqual(readAll([bytes.subarray(0, PIECE_HEADER_BYTES - 1)], bounds), []);
    assert.throws(() => readAll([bytes.subarray(0, PIECE_HEADER_BYTES)], bounds), corruptFrame);
  }
});

test('open messages are bounded by their bytes together, and what is complete leaves room for others', () => {
  const small = { bytesMax: 100, openMax: 9, openBytesMax: 150 };
  const part = (number: number, bytes: number): Buffer => pieceOf({ number, bytes, size: bytes / 2 });
  assert.throws(() => readAll([part(1, 100), part(2, 60)], small), corruptFrame);
  const read = readAll([part(1, 100), part(2, 50), part(1, 100), part(3, 100), part(3, 100), part(2, 50)], small);
  assert.deepEqual(
    read.map(({ number }) => number),
    [1, 3, 2],
  );
});

test('messages at their bounds are read', () => {
  const full = pieceOf({ number: 1, bytes: 100, size: 100, durationsBytes: 100, kind: messageKinds.answer });
  const [only] = readAll([full], bounds);
  assert.deepEqual([only?.durations.length, only?.body.length], [100, 0]);
  const half = (number: number): Buffer => pieceOf({ number, bytes: 100, size: 50 });
  const read = readAll([half(1), half(2), full.fill(3, 0, 1), half(2), half(1)], bounds);
  assert.deepEqual(
    read.map(({ number }) => number),
    [3, 2, 1],
  );
});

/** What reading these chunks comes to: the messages, and whether the stream was refused after them. */
function outcome(chunks: readonly Buffer[], given: typeof roomy): { messages: LinkMessage[]; isRefused: boolean } {
  const reader = new LinkReader(given);
  const messages: LinkMessage[] = [];
  try {
    for (const chunk of chunks) reader.take(chunk, (message) => messages.push(message));
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'corrupt-frame');
    return { messages, isRefused: true };
  }
  return { messages, isRefused: false };
}

const anyStream = fc
  .tuple(someMessages, anyPieceBytes, anyChoices)
  .map(([messages, pieceBytes, turns]) => Buffer.concat(interleave(messages, pieceBytes, turns).pieces));
/** Pieces whose headers are nearly right, which noise hardly ever is. */
const anyNearPiece = fc
  .record({
    number: fc.nat(2),
    bytes: fc.nat(12),
    size: fc.nat(12),
    kind: fc.nat(4),
    durationsBytes: fc.oneof(fc.constant(0), fc.nat(12)),
  })
  .map(pieceOf);
const anyNearStream = fc.array(anyNearPiece, { maxLength: 8 }).map((pieces) => Buffer.concat(pieces));

test('mangled bytes throw corrupt-frame or read as messages, the same ones however they are cut', () => {
  fc.assert(
    fc.property(fc.oneof(mangled(anyStream), anyNearStream), anyChoices, (bytes, sizes) => {
      const whole = outcome([bytes], roomy);
      assert.deepEqual(outcome(cut(bytes, sizes), roomy), whole);
    }),
    { numRuns: 2000 },
  );
});

test('no bytes make a reader allocate more than a message may be, nor more of them than may be open', (t) => {
  const allocations = t.mock.method(Buffer, 'allocUnsafeSlow');
  const noise = fc.oneof(mangled(anyStream), anyNearStream, bytesOf(0, 400));
  const tight = { bytesMax: 2000, openMax: 2, openBytesMax: 4000 };
  fc.assert(
    fc.property(noise, anyChoices, (bytes, sizes) => {
      const chunks = cut(bytes, sizes);
      allocations.mock.resetCalls();
      const { messages } = outcome(chunks, tight);
      const calls = allocations.mock.calls.map((call) => call.arguments[0]);
      assert.ok(calls.every((size) => size <= tight.bytesMax + REPLY_ROOM_BYTES));
      assert.ok(calls.length <= messages.length + tight.openMax);
    }),
    { numRuns: 1000 },
  );
});

test('a refused stream leaves the messages before the fault delivered, and each only once', () => {
  const good: LinkMessage = {
    number: 1,
    kind: messageKinds.answer,
    durations: '',
    body: Buffer.from('good'),
    ...sender,
  };
  const kind: MessageKind = messageKinds.question;
  const also: LinkMessage = { ...good, number: 2, kind };
  const bytes = Buffer.concat([...interleave([good, also], 256, [0]).pieces, pieceOf({ bytes: 1, size: 2 })]);
  assert.deepEqual(outcome([bytes], roomy), { messages: [good, also], isRefused: true });
});
