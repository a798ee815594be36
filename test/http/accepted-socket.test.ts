/** Connections that share one read buffer: nothing of one is seen by another, nothing is lost, and the server counts them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ReadBuffer } from '../../src/http/accepted-socket.ts';
import { TurnShare } from '../../src/domain/turn-share.ts';
import { Connection } from '../../src/http/connection.ts';
import type { Request } from '../../src/http/request.ts';
import { eventually, within } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

/** Gives back each body under its target. */
function echo({ head, reply, takeBody }: Request): void {
  takeBody(1024 * 1024, (body) => {
    const text = typeof body === 'string' ? body : body.toString('latin1');
    reply.send({ status: 200, fields: '', body: Buffer.from(`${head.target} ${text}`, 'latin1') });
  });
}

/** A server of echoing connections, which counts the bytes that they have taken; `prepare` sees each socket before. */
async function serve(t: TestContext, prepare?: (accepted: Socket) => void): Promise<EchoServer> {
  const readBuffer = new ReadBuffer();
  let taken = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (accepted) => {
    prepare?.(accepted);
    const socket = readBuffer.read(accepted, (bytes) => {
      connection.take(bytes);
      taken += bytes.length;
    });
    const connection = new Connection(socket, {
      onRequest: echo,
      now: () => 1,
      onTlsHello: () => {},
      arrivals: { areNoted: false },
      keepAliveMs: 1000,
      bodyBytesPerSecondMin: 1000,
      readerGraceMs: () => 30_000,
      pipelined: new TurnShare(1000, setImmediate),
      answerBytes: { change: () => {} },
    });
  });
  return { server, url: await listen(t, server), taken: () => taken };
}

interface EchoServer {
  readonly server: Server;
  readonly url: string;
  readonly taken: () => number;
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const request = (name: string, body: string): string =>
  `PUT /${name} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const names = ['aaaa', 'bbbb', 'cccc'];
const bodyOf = (name: string): string => name.repeat(40);
/** Less than a head, so that heads are cut as well as bodies. */
const PIECE_BYTES = 37;

/** Sends two requests on each of several connections, piece by piece in turns; returns the answers' bodies. */
async function interleave(t: TestContext, { url, taken }: EchoServer): Promise<string[]> {
  const connections = await Promise.all(names.map(() => RawConnection.open(t, url)));
  const texts = names.map((name) => request(name, bodyOf(name)).repeat(2));
  let sent = 0;
  for (let start = 0; texts.some((text) => start < text.length); start += PIECE_BYTES) {
    for (const [index, connection] of connections.entries()) {
      const piece = (texts[index] as string).slice(start, start + PIECE_BYTES);
      connection.send(piece);
      sent += piece.length;
      await eventually(() => assert.equal(taken(), sent));
    }
  }
  const answers: string[] = [];
  for (const connection of connections) {
    for (let count = 0; count < 2; count++) answers.push((await connection.answer()).body.toString('latin1'));
  }
  return answers;
}

const withoutBuffer = (accepted: Socket): void => {
  Object.assign((accepted as unknown as { _handle: object })._handle, { useUserBuffer: undefined });
};

for (const [what, prepare] of [
  ['into one buffer', undefined],
  ['as streams, where Node has no such buffer', withoutBuffer],
] as const) {
  test(`requests that come in pieces on several connections stay apart, read ${what}`, async (t) => {
    const answers = await interleave(t, await serve(t, prepare));
    assert.deepEqual(
      answers,
      names.flatMap((name) => [`/${name} ${bodyOf(name)}`, `/${name} ${bodyOf(name)}`]),
    );
  });
}

test('a socket whose Node lets it is read into the shared buffer, not as a stream', async (t) => {
  const readBuffer = new ReadBuffer();
  const memory = new Set<ArrayBufferLike>();
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const socket = readBuffer.read(accepted, (bytes) => {
      memory.add(bytes.buffer);
      socket.write(bytes);
    });
    assert.notEqual(socket, accepted);
  });
  const url = await listen(t, server);
  for (const name of ['first', 'other']) {
    const connection = await RawConnection.open(t, url);
    connection.send(name);
    assert.equal((await connection.take(5)).toString(), name);
    connection.close();
  }
  assert.equal(memory.size, 1);
});

/** Many times what is read in a turn. */
const backlogBytes = 8 * 1024 * 1024;
const readBytes = 64 * 1024;

/** Sockets that a server has accepted and not read, each with a backlog that its client has sent. */
async function backlogs(t: TestContext, count: number): Promise<Socket[]> {
  const accepted: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => accepted.push(socket));
  const url = await listen(t, server);
  for (let index = 0; index < count; index++) {
    (await RawConnection.open(t, url)).send(Buffer.alloc(backlogBytes));
  }
  await eventually(() => assert.equal(accepted.length, count));
  return accepted;
}

test('however much many have sent, little of it is read in one turn of the event loop', async (t) => {
  const count = 8;
  const accepted = await backlogs(t, count);
  const readBuffer = new ReadBuffer();
  const turns: number[] = [0];
  let total = 0;
  for (const socket of accepted) {
    readBuffer.read(socket, ({ length }) => {
      if (turns.at(-1) === 0) setImmediate(() => turns.push(0));
      (turns[turns.length - 1] as number) += length;
      total += length;
    });
  }
  await eventually(() => assert.equal(total, count * backlogBytes));
  // The share of a turn, and for each of the others the read that finds it used up.
  const most = (16 + count) * readBytes;
  assert.ok(Math.max(...turns) <= most, `${Math.max(...turns)} bytes in a turn, ${most} at most`);
});

test('a socket that its owner has paused stays paused, though it waits for its next turn', async (t) => {
  const accepted = await backlogs(t, 1);
  let [total, fullReads, pausedAt] = [0, 0, 0];
  const socket = new ReadBuffer().read(accepted[0] as Socket, ({ length }) => {
    total += length;
    if (length === readBytes) fullReads++;
    if (fullReads < 16 || pausedAt > 0) return;
    pausedAt = total;
    socket.pause();
  });
  await eventually(() => assert.notEqual(pausedAt, 0));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(total, pausedAt);
  socket.resume();
  await eventually(() => assert.equal(total, backlogBytes));
});

test('of records of TLS as little is read in a turn, and who is paused for it reads on and hears of the end', async (t) => {
  const count = 8;
  const accepted = await backlogs(t, count);
  const readBuffer = new ReadBuffer();
  const turns: number[] = [0];
  let [total, ended] = [0, 0];
  for (const socket of accepted) {
    // Whoever is paused by the turn's share is resumed by whoever owns the socket.
    const resume = (): void => void socket.resume();
    const onBytes = ({ length }: Buffer): void => {
      if (turns.at(-1) === 0) setImmediate(() => turns.push(0));
      (turns[turns.length - 1] as number) += length;
      total += length;
      if (total === count * backlogBytes) ended++;
    };
    readBuffer.readRecords(socket, onBytes, resume);
    socket.resume();
  }
  await eventually(() => assert.equal(total, count * backlogBytes));
  assert.equal(ended, 1);
  const most = (64 + count) * readBytes;
  assert.ok(Math.max(...turns) <= most, `${Math.max(...turns)} bytes in a turn, ${most} at most`);
});

test('readRecords() leaves a socket alone that its owner has paused', async (t) => {
  const [socket] = await backlogs(t, 1);
  let [total, resumed] = [0, 0];
  const onBytes = ({ length }: Buffer): void => {
    total += length;
    socket?.pause();
  };
  new ReadBuffer().readRecords(socket as Socket, onBytes, () => resumed++);
  socket?.resume();
  await eventually(() => assert.notEqual(total, 0));
  const pausedAt = total;
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.deepEqual([total, resumed], [pausedAt, 0]);
});

test('the server forgets a connection that is gone, and closes', async (t) => {
  const { server, url } = await serve(t);
  const count = promisify(server.getConnections.bind(server));
  const whole = await RawConnection.open(t, url);
  whole.send(request('whole', 'x'));
  assert.equal((await whole.answer()).status, 200);
  const cut = await RawConnection.open(t, url);
  cut.send('PUT /cut HTTP/1.1\r\n');
  await eventually(async () => assert.equal(await count(), 2));
  cut.close();
  await eventually(async () => assert.equal(await count(), 1));
  whole.end();
  await whole.closed();
  await eventually(async () => assert.equal(await count(), 0));
  await within(promisify(server.close.bind(server))(), 'the end of the server');
});
