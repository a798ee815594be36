/** Both ends of a link over real sockets: who gets which answer, in which order bytes leave, and how a link ends. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate as immediately } from 'node:timers';
import { setImmediate } from 'node:timers/promises';
import {
  messageKinds,
  OutgoingMessage,
  PIECE_HEADER_BYTES,
  type LinkMessage,
  type MessageKind,
} from '../../../src/formats/link-message.ts';
import type { BatchMarks } from '../../../src/waits/wait-marks.ts';
import { Link, type LinkOptions } from '../../../workers/peers/link.ts';
import { PeerLink } from '../../../workers/peers/peer-link.ts';
import { eventually, within } from '../../support/eventually.ts';
import { seededRandom } from '../../support/random.ts';

/** More than any system's socket buffers take. */
const sender = { newest: 5, start: 7 };
const veryLong = 64 * 1024 * 1024;
const { question, questionWithDurations, answer, refusal } = messageKinds;

/** Two sockets that are connected with each other; the far one is as a server of HTTP has it, half open for itself. */
async function socketPair(t: TestContext): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  const [[far]] = (await Promise.all([accepted, once(near, 'connect')])) as [[Socket], unknown];
  server.close();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  return { near, far };
}

class TestLink {
  readonly received: LinkMessage[] = [];
  readonly closings: Error[] = [];
  readonly link: Link;
  onMessage: (message: LinkMessage) => void = () => {};

  constructor(socket: Socket, bounds: Partial<LinkOptions> = {}) {
    this.link = new Link(socket, {
      bytesMax: 2 * veryLong,
      sendingBytesMax: Number.POSITIVE_INFINITY,
      onMessage: (message) => {
        this.received.push(message);
        this.onMessage(message);
      },
      onClosed: (error) => this.closings.push(error),
      ...bounds,
    });
  }

  get numbers(): number[] {
    return this.received.map(({ number }) => number);
  }

  send(number: number, bodyBytes: number, kind: MessageKind = answer): void {
    this.link.send({ number, kind, durations: '', body: Buffer.alloc(bodyBytes), ...sender });
  }
}

async function linkPair(t: TestContext, farBounds: Partial<LinkOptions> = {}) {
  const sockets = await socketPair(t);
  return { sockets, near: new TestLink(sockets.near), far: new TestLink(sockets.far, farBounds) };
}

/** The asking end of a link, what it was told of each question, and the end that answers it. */
async function askingPair(t: TestContext) {
  const sockets = await socketPair(t);
  const lost: Error[] = [];
  const seen: number[] = [];
  const told: (Buffer | Error)[][] = [];
  const asking = new PeerLink(sockets.near, {
    answerBytesMax: 2 * veryLong,
    sender: { newest: 3, start: 1, see: (version) => seen.push(version) },
    onLost: (error) => lost.push(error),
  });
  const far = new TestLink(sockets.far);
  const ask = (body: Buffer | string, marks?: BatchMarks): number => {
    const mine: (Buffer | Error)[] = [];
    const onEnd = (end: Buffer | Error): void => void mine.push(end);
    asking.ask({ body: Buffer.from(body), marks, onReply: onEnd, onError: onEnd });
    assert.deepEqual(mine, [], 'nobody is told at once');
    return told.push(mine) - 1;
  };
  return { sockets, asking, far, ask, told, lost, seen };
}

function writesOf(t: TestContext, socket: Socket): () => number {
  const one = t.mock.method(socket, '_write');
  const many = t.mock.method(socket, '_writev' as '_write');
  return () => one.mock.callCount() + many.mock.callCount();
}

test('every question gets its own answer, whatever the order, the sizes and the time of the answers', async (t) => {
  const random = seededRandom(t);
  const { far, ask, told } = await askingPair(t);
  const sizes = [0, 1, 100, 65_536, 65_537, 300_000, 1_000_000];
  const some = (): Buffer => Buffer.alloc(sizes[random.below(sizes.length)] as number, random.below(256));
  const asked = Array.from({ length: 80 }, (_, index) => Buffer.concat([Buffer.from([index]), some()]));
  const answers = new Map<number, Buffer>();
  const waiting: LinkMessage[] = [];
  const answerOne = (): void => {
    const [message] = waiting.splice(random.below(waiting.length), 1);
    if (message === undefined) return;
    const { number, body } = message;
    const index = body[0] as number;
    assert.ok(body.equals(asked[index] as Buffer));
    answers.set(index, some());
    far.link.send({ number, kind: answer, durations: '', body: answers.get(index) as Buffer, ...sender });
  };
  far.onMessage = (message) => {
    waiting.push(message);
    for (let count = random.below(3); count > 0; count--) answerOne();
  };
  for (const body of asked) {
    ask(body);
    if (random.below(4) === 0) await setImmediate();
  }
  await eventually(() => assert.equal(far.received.length, asked.length));
  while (waiting.length > 0) answerOne();
  await eventually(() => assert.ok(told.every(({ length }) => length === 1)));
  for (const [index, [reply]] of told.entries()) assert.ok((reply as Buffer).equals(answers.get(index) as Buffer));
});

test('however much comes on many links, little of it is read in one turn of the event loop', async (t) => {
  const pairs = await Promise.all(Array.from({ length: 8 }, () => linkPair(t)));
  const bytes = 4 * 1024 * 1024;
  const turns: number[] = [0];
  for (const { near, sockets } of pairs) {
    sockets.far.on('data', ({ length }: Buffer) => {
      if (turns.at(-1) === 0) immediately(() => turns.push(0));
      (turns[turns.length - 1] as number) += length;
    });
    near.send(1, bytes);
  }
  await eventually(() => assert.ok(pairs.every(({ far }) => far.received[0]?.body.length === bytes)));
  // The share of a turn, and for each link the read that finds it used up and the one that its stream holds already.
  const most = (16 + 2 * pairs.length) * 65_536;
  assert.ok(Math.max(...turns) <= most, `${Math.max(...turns)} bytes in a turn, ${most} at most`);
});

test('each end says the newest version that it has seen, and each sees what the other says', async (t) => {
  const { far, ask, told, seen } = await askingPair(t);
  ask('question');
  await eventually(() => assert.equal(far.received.length, 1));
  assert.deepEqual([far.received[0]?.newest, far.received[0]?.start], [3, 1]);
  far.send(1, 1);
  await eventually(() => assert.equal(told[0]?.length, 1));
  assert.deepEqual(seen, [sender.newest]);
});

test('durations come with the answer to a question that asked for them', async (t) => {
  const { far, ask, told } = await askingPair(t);
  far.onMessage = ({ number, kind }) => {
    const durations = kind === questionWithDurations ? '1,20,300' : '';
    far.link.send({ number, kind: answer, durations, body: Buffer.from('body'), ...sender });
  };
  const marks: BatchMarks = { sentAt: 0, headersAt: 0, repliedAt: 0, remote: undefined };
  ask('with', marks);
  ask('without');
  await eventually(() => assert.deepEqual(told, [[Buffer.from('body')], [Buffer.from('body')]]));
  assert.equal(marks.remote, '1,20,300');
  assert.ok(marks.headersAt > 0);
});

test('a message leaves at once, before whatever its sender does next: a short one whole, in one write', async (t) => {
  const { sockets, near, far } = await linkPair(t);
  const writes = writesOf(t, sockets.near);
  for (let number = 1; number <= 20; number++) {
    near.send(number, 1000);
    assert.equal(writes(), number);
  }
  await eventually(() => assert.equal(far.received.length, 20));
  assert.equal(writes(), 20);
});

test('a long message leaves at once as far as the system takes it, and the rest of it waits outside the socket', async (t) => {
  const { sockets, near } = await linkPair(t);
  const writes = writesOf(t, sockets.near);
  sockets.far.pause();
  near.send(1, veryLong);
  assert.ok(writes() > 0);
  assert.ok(sockets.near.writableLength > 0, 'the system did not take the last piece');
  assert.ok(sockets.near.writableLength <= 65_536 + PIECE_HEADER_BYTES, 'and was given no more after it');
});

test('a short message overtakes a long one that is under way', async (t) => {
  const { sockets, near, far } = await linkPair(t);
  sockets.far.pause();
  near.send(1, veryLong);
  await eventually(() => assert.ok(sockets.near.writableLength > 0));
  const before = sockets.near.writableLength;
  near.send(2, 1000);
  assert.equal(sockets.near.writableLength, before + PIECE_HEADER_BYTES + 1000, 'it waits for no piece of the other');
  sockets.far.resume();
  await eventually(() => assert.ok(far.received.length > 0));
  assert.equal(far.numbers[0], 2);
  await eventually(() => assert.deepEqual(far.numbers, [2, 1]));
});

test('long messages share the link, so that the shorter of them is not held up by the longer', async (t) => {
  const { near: socket, far } = await socketPair(t);
  const near = new TestLink(socket);
  const chunks: Buffer[] = [];
  far.on('data', (chunk: Buffer) => chunks.push(chunk));
  near.send(1, veryLong);
  near.send(2, 1_000_000);
  const pieces = Math.ceil(1_000_000 / 65_536);
  const numbers = await eventually(() => {
    const found = pieceNumbers(Buffer.concat(chunks));
    assert.equal(found.filter((number) => number === 2).length, pieces);
    return found;
  });
  const shared = numbers.slice(numbers.indexOf(2), numbers.lastIndexOf(2) + 1);
  const expected = Array.from({ length: 2 * pieces - 1 }, (_, index) => (index % 2 === 0 ? 2 : 1));
  assert.deepEqual(shared, expected);
});

/** Of which message each piece is. */
function pieceNumbers(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at + PIECE_HEADER_BYTES <= bytes.length; at += PIECE_HEADER_BYTES + bytes.readUInt32LE(at + 8)) {
    numbers.push(bytes.readUInt32LE(at));
  }
  return numbers;
}

/** An end that answers at length, and an asker that does not read yet. */
async function answeringAtLength(t: TestContext, sendingBytesMax: number) {
  const { near, far: socket } = await socketPair(t);
  const far = new TestLink(socket, { sendingBytesMax });
  far.onMessage = ({ number }) => far.send(number, veryLong);
  const ask = (number: number): void => {
    near.write(
      new OutgoingMessage({ number, kind: question, durations: '', body: Buffer.alloc(10), ...sender }).next(10),
    );
  };
  return { near, far, socket, ask };
}

test('an end that answers reads no more while too much waits to be sent, and goes on afterwards', async (t) => {
  const { near, far, socket, ask } = await answeringAtLength(t, 1_000_000);
  ask(1);
  await eventually(() => assert.ok(socket.isPaused()));
  ask(2);
  // A round trip on another connection, so that the second question had its chance.
  const other = await linkPair(t);
  other.far.onMessage = ({ number }) => other.far.send(number, 1);
  other.near.send(1, 1, question);
  await eventually(() => assert.equal(other.near.received.length, 1));
  assert.deepEqual(far.numbers, [1]);

  const { received } = new TestLink(near);
  await eventually(() => assert.equal(received.length, 2));
  assert.ok(received.every(({ number, body }, index) => number === index + 1 && body.length === veryLong));
  await eventually(() => assert.equal(socket.isPaused(), false));
});

test('an end that answers goes on reading while no more waits than may', async (t) => {
  const { far, ask } = await answeringAtLength(t, 2 * veryLong);
  ask(1);
  await eventually(() => assert.deepEqual(far.numbers, [1]));
  ask(2);
  await eventually(() => assert.deepEqual(far.numbers, [1, 2]));
});

test('bytes that came with the request for the link are read before those that come after it', async (t) => {
  const { near, far: socket } = await socketPair(t);
  const far = new TestLink(socket);
  const message = { number: 5, kind: question, durations: '', body: Buffer.from('in two parts'), ...sender };
  const bytes = new OutgoingMessage(message).next(100);
  far.link.take(bytes.subarray(0, 17));
  near.write(bytes.subarray(17));
  await eventually(() => assert.deepEqual(far.received, [message]));
});

test('garbage closes the link, and whoever has it is told once and why', async (t) => {
  const { near, far: socket } = await socketPair(t);
  const far = new TestLink(socket, { bytesMax: 1000 });
  const closed = once(near, 'close');
  near.resume().write(Buffer.alloc(100, 0xff));
  await within(closed, 'the end of the other side');
  assert.equal(far.closings.length, 1);
  assert.equal((far.closings[0] as { code?: unknown } | undefined)?.code, 'corrupt-frame');
  far.send(1, 10);
  far.send(2, veryLong);
  far.link.destroy(new Error('again'));
  await setImmediate();
  assert.equal(far.closings.length, 1);
  assert.deepEqual(far.received, []);
});

test('a link that the other side ends, or resets, is closed once', async (t) => {
  for (const end of ['end', 'resetAndDestroy', 'destroy'] as const) {
    const { near, far: socket } = await socketPair(t);
    const far = new TestLink(socket);
    near[end]();
    await eventually(() => assert.ok(socket.closed));
    assert.equal(far.closings.length, 1);
    const expected = end === 'resetAndDestroy' ? /ECONNRESET/ : /^the link was closed$/;
    assert.match(far.closings[0]?.message ?? '', expected);
  }
});

for (const [how, close] of [
  ['the other side closes the link', ({ far }) => far.link.destroy(new Error('theirs'))],
  ['this side closes the link', ({ asking }) => asking.destroy(new Error('ours'))],
] satisfies [string, (pair: Awaited<ReturnType<typeof askingPair>>) => void][]) {
  test(`when ${how}, every open question fails once, before the loss is told, and so do later ones`, async (t) => {
    const pair = await askingPair(t);
    const { far, ask, told, lost } = pair;
    ask('answered');
    await eventually(() => assert.equal(far.received.length, 1));
    far.send(1, 3);
    await eventually(() => assert.equal(told[0]?.length, 1));
    for (let count = 0; count < 5; count++) ask(Buffer.alloc(count * 50_000));
    close(pair);
    ask('into the closing link');
    await eventually(() => assert.equal(lost.length, 1));
    assert.deepEqual(
      told.map(([end, ...more]) => [end instanceof Error, more.length]),
      [[false, 0], ...Array.from({ length: 6 }, () => [true, 0])],
    );
    const late = ask('after the end');
    await eventually(() => assert.deepEqual(told[late], lost));
    assert.equal(lost.length, 1);
  });
}

test('an answer that nobody asked closes the link', async (t) => {
  const { far, ask, told, lost } = await askingPair(t);
  ask('a question');
  await eventually(() => assert.equal(far.received.length, 1));
  far.send(77, 1);
  await eventually(() => assert.equal(lost.length, 1));
  assert.match(String(lost[0]), /nobody asked/);
  assert.deepEqual(told, [lost]);
});

test('a second answer to a question closes the link', async (t) => {
  const { far, ask, told, lost } = await askingPair(t);
  ask('a question');
  await eventually(() => assert.equal(far.received.length, 1));
  far.send(1, 1);
  far.send(1, 1);
  await eventually(() => assert.match(String(lost[0]), /nobody asked/));
  assert.deepEqual(told, [[Buffer.alloc(1)]]);
});

test('a refusal fails its question with what the peer says, and no other', async (t) => {
  const { far, ask, told, lost } = await askingPair(t);
  ask('refused');
  ask('answered');
  await eventually(() => assert.equal(far.received.length, 2));
  far.link.send({ number: 1, kind: refusal, durations: '', body: Buffer.from('no frame of mine\n'), ...sender });
  far.send(2, 1);
  await eventually(() => assert.equal(told[1]?.length, 1));
  assert.deepEqual(told, [[new Error('replica port answers no frame of mine')], [Buffer.alloc(1)]]);
  assert.deepEqual(lost, []);
});
