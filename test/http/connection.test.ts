/** One connection over a real pair of sockets: what its handler sees, and what its client gets. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AnswerBytes } from '../../src/http/answer-bytes.ts';
import { Connection, HEAD_BYTES_MAX } from '../../src/http/connection.ts';
import { TurnShare } from '../../src/domain/turn-share.ts';
import type { OnBody, Request } from '../../src/http/request.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

const keepAliveMs = 60_000;
const readerGraceMs = 30_000;

interface Pair {
  readonly client: RawConnection;
  readonly connection: Connection;
  /** Requests that were handed over. */
  readonly requests: Request[];
  readonly clock: { now: number };
  readonly answerBytes: AnswerBytes;
  readonly socket: Socket;
  /** Resolves when the connection has taken so many bytes. */
  readonly received: (bytes: number) => Promise<void>;
}

/** A connection and its client; `handle` sees each request as it is handed over. */
async function connect(
  t: TestContext,
  handle: (request: Request) => void = () => {},
  pipelinedMax = 1000,
): Promise<Pair> {
  const requests: Request[] = [];
  const clock = { now: 1000 };
  const answerBytes = new AnswerBytes(Infinity);
  const accepted: { connection: Connection; socket: Socket }[] = [];
  let taken = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, {
      onRequest: (request) => {
        requests.push(request);
        handle(request);
      },
      now: () => clock.now,
      onTlsHello: () => {},
      arrivals: { areNoted: false },
      keepAliveMs,
      bodyBytesPerSecondMin: 1000,
      readerGraceMs: () => readerGraceMs,
      pipelined: new TurnShare(pipelinedMax, setImmediate),
      answerBytes,
    });
    socket.on('data', (bytes) => {
      connection.take(bytes);
      taken += bytes.length;
    });
    accepted.push({ connection, socket });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = await RawConnection.open(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  while (accepted.length === 0) await nextTurn();
  const { connection, socket } = accepted[0] as (typeof accepted)[0];
  t.after(() => connection.destroy());
  const received = async (bytes: number): Promise<void> => {
    while (taken < bytes) await nextTurn();
  };
  return { client, connection, requests, clock, socket, received, answerBytes };
}

const get = (target: string, fields = ''): string => `GET ${target} HTTP/1.1\r\nhost: a\r\n${fields}\r\n`;
const put = (target: string, body: string): string =>
  `PUT ${target} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const answerTo = ({ head, reply }: Request): void =>
  reply.send({ status: 200, fields: '', body: Buffer.from(head.target) });
const seen = (requests: readonly Request[], count: number): Promise<void> =>
  eventually(() => assert.equal(requests.length, count));

async function bodyOf(client: RawConnection): Promise<string> {
  return (await client.answer()).body.toString();
}

test('answers leave in the order of their requests, in whatever order they are given', async (t) => {
  const { client, requests } = await connect(t);
  client.send(get('/1') + get('/2') + get('/3'));
  await seen(requests, 3);
  for (const index of [2, 0, 1]) answerTo(requests[index] as Request);
  assert.deepEqual([await bodyOf(client), await bodyOf(client), await bodyOf(client)], ['/1', '/2', '/3']);
});

test('requests are the same wherever the bytes are cut', async (t) => {
  const text = put('/a', 'one') + get('/b') + `\r\n${put('/c', '')}`;
  for (let cut = 1; cut < text.length; cut++) {
    const taken: string[] = [];
    const { client, requests, received } = await connect(t, (request) => {
      request.takeBody(100, (body) => {
        taken.push(`${request.head.target} ${String(body)}`);
        answerTo(request);
      });
    });
    client.send(text.slice(0, cut));
    await received(cut);
    client.send(text.slice(cut));
    await received(text.length);
    assert.equal(requests.length, 3);
    assert.deepEqual(taken, ['/a one', '/b ', '/c '], `cut at ${cut}`);
    client.close();
  }
});

test('an answer to "connection: close" says so and is the last: what is pipelined behind it is not begun', async (t) => {
  const { client, requests } = await connect(t, answerTo);
  client.send(get('/1') + get('/2', 'connection: close\r\n') + get('/3'));
  assert.equal((await client.answer()).headers.get('connection'), undefined);
  const last = await client.answer();
  assert.equal(last.headers.get('connection'), 'close');
  assert.equal(last.body.toString(), '/2');
  await client.closed();
  assert.equal(requests.length, 2);
});

test('a connection that is to end when idle finishes what has begun, body included, and begins nothing more', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const { client, connection, requests } = await connect(t, (request) => {
    request.takeBody(100, (body) => bodies.push(body));
  });
  client.send(`${put('/1', 'value').slice(0, -2)}`);
  await seen(requests, 1);
  connection.closeWhenIdle();
  client.send(`ue${get('/2')}`);
  await eventually(() => assert.deepEqual(bodies.map(String), ['value']));
  answerTo(requests[0] as Request);
  assert.equal((await client.answer()).headers.get('connection'), 'close');
  await client.closed();
  assert.equal(requests.length, 1);
});

test('a connection that is to end when idle, and is, ends at once', async (t) => {
  const { client, connection } = await connect(t);
  connection.closeWhenIdle();
  await client.closed();
});

test('a short body that nobody takes is skipped', async (t) => {
  const { client } = await connect(t, answerTo);
  client.send(put('/1', 'GET /no HTTP/1.1\r\nhost: a\r\n\r\n') + get('/2'));
  assert.deepEqual([await bodyOf(client), await bodyOf(client)], ['/1', '/2']);
});

test('after a long body that nobody takes the connection ends with the answer', async (t) => {
  const { client, requests } = await connect(t);
  client.send(put('/1', 'x'.repeat(300_000)));
  await seen(requests, 1);
  answerTo(requests[0] as Request);
  assert.equal((await client.answer()).headers.get('connection'), 'close');
  await client.closed();
});

for (const [what, bytes, status] of [
  ['cannot be parsed', 'GET\r\n\r\n', 400],
  ['is too long', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(HEAD_BYTES_MAX)}`, 431],
  ['has a target without end', `GET /${'y'.repeat(HEAD_BYTES_MAX)}`, 414],
] as const) {
  test(`a head that ${what} is refused after the answers to what came before it, and nothing more is read`, async (t) => {
    const { client, requests } = await connect(t);
    client.send(get('/1') + bytes);
    await seen(requests, 1);
    client.send(get('/2'));
    answerTo(requests[0] as Request);
    assert.equal(await bodyOf(client), '/1');
    const refusal = await client.answer();
    assert.deepEqual([refusal.status, refusal.headers.get('connection')], [status, 'close']);
    await client.closed();
    assert.equal(requests.length, 1);
  });
}

test('a body over the bound is refused at its head, whatever length it announces, and no room is made for it', async (t) => {
  for (const [bytes, fate] of [
    ['101', undefined],
    ['300000', 'close'],
    ['999999999999999', 'close'],
  ] as const) {
    const { client } = await connect(t, (request) => {
      const onBody: OnBody = (body) => request.reply.send({ status: 413, fields: '', body: Buffer.from(body) });
      request.takeBody(100, onBody);
    });
    client.send(`PUT /1 HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\nx`);
    const refusal = await client.answer();
    assert.equal(refusal.body.toString(), 'too-large', bytes);
    assert.equal(refusal.headers.get('connection'), fate, bytes);
  }
});

test('a body that is malformed gets 400, and its taker hears that it will not come', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const { client } = await connect(t, (request) => request.takeBody(100, (body) => bodies.push(body)));
  client.send('PUT /1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n');
  const refusal = await client.answer();
  assert.deepEqual([refusal.status, refusal.headers.get('connection')], [400, 'close']);
  assert.deepEqual(bodies, ['gone']);
});

test('a client that closes its side still gets its answers', async (t) => {
  const { client, requests } = await connect(t);
  client.send(get('/1') + get('/2'));
  client.end();
  await seen(requests, 2);
  for (const request of requests) answerTo(request);
  assert.deepEqual([await bodyOf(client), await bodyOf(client)], ['/1', '/2']);
  await client.closed();
});

test('a request whose client closes its side within the body is not answered; those before it are', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const { client, requests } = await connect(t, (request) => request.takeBody(100, (body) => bodies.push(body)));
  client.send(get('/1') + put('/2', 'value').slice(0, -1));
  client.end();
  await seen(requests, 1);
  answerTo(requests[0] as Request);
  await eventually(() => assert.deepEqual(bodies.map(String), ['', 'gone']));
  answerTo(requests[1] as Request);
  assert.equal(await bodyOf(client), '/1');
  await client.closed();
  await assert.rejects(client.answer(), /ended before the head/);
});

test('whoever is about to answer hears that the client is gone', async (t) => {
  const gone: string[] = [];
  const { requests, socket, client } = await connect(
    t,
    ({ head, reply }) => (reply.onGone = () => gone.push(head.target)),
  );
  client.send(get('/1') + get('/2'));
  await seen(requests, 2);
  socket.destroy();
  await eventually(() => assert.deepEqual(gone, ['/1', '/2']));
});

test('a client that pipelines more than 64 requests is read on as answers leave', async (t) => {
  const { client, requests } = await connect(t);
  const targets = Array.from({ length: 100 }, (_, index) => `/${index}`);
  client.send(targets.map((target) => get(target)).join(''));
  await seen(requests, 64);
  answerTo(requests[0] as Request);
  await seen(requests, 65);
  for (let index = 1; index < 100; index++) {
    await eventually(() => assert.ok(requests.length > index));
    answerTo(requests[index] as Request);
  }
  for (const target of targets) assert.equal(await bodyOf(client), target);
});

test('a turn begins no more pipelined requests than its share, and the next ones go on', async (t) => {
  const turns: number[] = [];
  let turn = 0;
  const { client, requests, socket } = await connect(t, () => turns.push(turn), 10);
  const count = (): void => {
    turn++;
    if (requests.length < 50) setImmediate(count);
  };
  setImmediate(count);
  client.send(Array.from({ length: 50 }, (_, index) => get(`/${index}`)).join(''));
  await seen(requests, 50);
  const most = Math.max(...turns.map((one) => turns.filter((other) => other === one).length));
  assert.ok(most <= 11, `${most} in one turn`);
  for (const request of requests) answerTo(request);
  for (let index = 0; index < 50; index++) assert.equal(await bodyOf(client), `/${index}`);
  assert.equal(socket.isPaused(), false);
});

test('requests behind an unsafe one are not begun before it is answered, nor it before those in front of it', async (t) => {
  const { client, requests, socket } = await connect(t);
  client.send(get('/1') + get('/2') + put('/3', 'x') + get('/4') + get('/5'));
  await seen(requests, 2);
  assert.equal(socket.isPaused(), true);
  answerTo(requests[1] as Request);
  assert.equal(requests.length, 2);
  answerTo(requests[0] as Request);
  assert.equal(requests.length, 3);
  answerTo(requests[2] as Request);
  assert.equal(requests.length, 5);
  for (const request of requests.slice(3)) answerTo(request);
  for (const target of ['/1', '/2', '/3', '/4', '/5']) assert.equal(await bodyOf(client), target);
  assert.equal(socket.isPaused(), false);
});

test('a client that does not pipeline is never paused', async (t) => {
  const { client, requests, socket } = await connect(t);
  for (const [index, bytes] of [put('/1', 'x'), get('/2'), put('/3', '')].entries()) {
    client.send(bytes);
    await seen(requests, index + 1);
    assert.equal(socket.isPaused(), false);
    answerTo(requests[index] as Request);
    await client.answer();
  }
});

test('a streamed answer holds up those behind it, and its client may be told why it ends', async (t) => {
  const { client, requests } = await connect(t);
  client.send(get('/1') + get('/2'));
  await seen(requests, 2);
  answerTo(requests[1] as Request);
  requests[0]?.reply.send({
    status: 200,
    fields: '',
    body: undefined,
    open: (sink) => sink.write(Buffer.from('1\r\nx\r\n'), () => sink.end('kvorum-error: none\r\n')),
  });
  assert.equal((await client.answer()).headers.get('transfer-encoding'), 'chunked');
  const body = '1\r\nx\r\n0\r\nkvorum-error: none\r\n\r\n';
  assert.equal((await client.take(body.length)).toString(), body);
  assert.equal(await bodyOf(client), '/2');
});

test('a connection may idle for as long as it is kept alive, and no longer', async (t) => {
  const { client, connection, clock } = await connect(t, answerTo);
  client.send(get('/1'));
  await client.answer();
  clock.now += keepAliveMs;
  connection.sweep();
  client.send(get('/2'));
  await client.answer();
  clock.now += keepAliveMs + 1;
  connection.sweep();
  await client.closed();
});

test('a request gets 408 if its rest does not come in 30 s, counted from its first byte, not from the idling before', async (t) => {
  const { client, connection, clock, received } = await connect(t, answerTo);
  clock.now += 35_000;
  const [first, rest] = [get('/1').slice(0, 10), get('/1').slice(10)];
  client.send(first);
  await received(first.length);
  clock.now += 30_000;
  connection.sweep();
  client.send(rest);
  assert.equal(await bodyOf(client), '/1');
  client.send(first);
  await received(2 * first.length + rest.length);
  clock.now += 30_001;
  connection.sweep();
  const refusal = await client.answer();
  assert.deepEqual([refusal.status, refusal.headers.get('connection')], [408, 'close']);
  await client.closed();
});

test('HEAD whose rest does not come gets 408 without a body', async (t) => {
  const { client, connection, clock, received } = await connect(t);
  client.send('\r\nHEAD /');
  await received(8);
  clock.now += 30_001;
  connection.sweep();
  const refusal = await client.answer(false);
  assert.deepEqual([refusal.status, Number(refusal.headers.get('content-length')) > 0], [408, true]);
  await client.closed();
  await assert.rejects(client.answer(), /had: $/);
});

test('a body that does not come in 30 s gets 408, and its taker hears that it will not come', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const { client, connection, clock, requests } = await connect(t, (request) => {
    request.takeBody(100, (body) => bodies.push(body));
  });
  client.send(put('/1', 'value').slice(0, -1));
  await seen(requests, 1);
  clock.now += 30_001;
  connection.sweep();
  assert.equal((await client.answer()).status, 408);
  assert.deepEqual(bodies, ['gone']);
});

test('a body may take as long as it wants while it comes at the least rate, counted anew every 30 s', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const { client, connection, clock, received } = await connect(t, (request) => {
    request.takeBody(1_000_000, (body) => bodies.push(body));
  });
  const head = put('/1', 'x'.repeat(500_000)).slice(0, -500_000);
  client.send(head);
  let sent = head.length;
  const pass = async (bytes: number): Promise<void> => {
    client.send('x'.repeat(bytes));
    sent += bytes;
    await received(sent);
    clock.now += 30_001;
    connection.sweep();
  };
  for (let round = 0; round < 10; round++) {
    await pass(31_000);
    assert.deepEqual(bodies, [], `round ${round}`);
  }
  await pass(29_000);
  assert.equal((await client.answer()).status, 408);
  assert.deepEqual(bodies, ['gone']);
});

/** An answer far longer than what sockets take without a reader. */
const long = Buffer.alloc(24 * 1024 * 1024, 'long ');
const answerLong = ({ reply }: Request): void => reply.send({ status: 200, fields: '', body: long });

test('an answer may take as long as it wants while its client reads at the least rate, and those behind it wait', async (t) => {
  const { socket, connection, clock, client } = await connect(t, (request) => {
    if (request.head.target === '/long') answerLong(request);
    else answerTo(request);
  });
  client.readOnlyUntil(0);
  client.send(get('/long') + get('/2'));
  await eventually(() => assert.ok(socket.writableLength > 0));
  connection.sweep();
  const taken = (): number => socket.bytesWritten - socket.writableLength;
  const before = taken();
  // The kernel's buffers pass on what they have in large steps.
  client.readOnlyUntil(long.length / 2);
  await eventually(() => assert.ok(taken() > before + 100_000));
  clock.now += readerGraceMs + 1;
  connection.sweep();
  assert.equal(socket.destroyed, false);
  client.readOnlyUntil(Infinity);
  assert.ok((await client.answer()).body.equals(long));
  assert.equal(await bodyOf(client), '/2');
});

test('a client that does not read its answer is cut when it has made no progress for its grace', async (t) => {
  const { socket, connection, clock, client } = await connect(t, answerLong);
  client.readOnlyUntil(0);
  client.send(get('/long') + get('/2'));
  const taken = (): number => socket.bytesWritten - socket.writableLength;
  let before = -1;
  // Until the kernel's buffers are full, which takes a few turns.
  await eventually(() => {
    const now = taken();
    const isFull = now === before && socket.writableLength > 0;
    before = now;
    assert.ok(isFull);
  });
  connection.sweep();
  clock.now += readerGraceMs;
  connection.sweep();
  assert.equal(socket.destroyed, false);
  clock.now += 1;
  connection.sweep();
  assert.equal(socket.destroyed, true);
});

test('every byte of answers that waits is counted, behind another answer and in the socket, until its client has it', async (t) => {
  const value = Buffer.alloc(16 * 1024, 'small');
  const { client, connection, requests, answerBytes, socket } = await connect(t);
  client.readOnlyUntil(0);
  client.send(Array.from({ length: 64 }, (_, index) => get(`/${index}`)).join(''));
  await seen(requests, 64);
  const answer = ({ reply }: Request, body: Buffer): void => reply.send({ status: 200, fields: '', body });
  for (const request of requests.slice(1)) answer(request, value);
  assert.equal(answerBytes.inFlight, 63 * value.length);
  answer(requests[0] as Request, long);
  await eventually(() =>
    assert.ok(socket.writableLength > 0 && answerBytes.inFlight < long.length + 63 * value.length),
  );
  connection.sweep();
  assert.ok(answerBytes.inFlight >= socket.writableLength + 63 * value.length);
  client.readOnlyUntil(Infinity);
  for (let index = 0; index < 64; index++) assert.equal((await client.answer()).status, 200);
  connection.sweep();
  assert.equal(answerBytes.inFlight, 0);
});

for (const [what, end] of [
  ['a client that leaves', ({ client }: Pair) => client.close()],
  ['a connection that is cut', ({ connection }: Pair) => connection.destroy()],
] as const) {
  test(`${what} holds nothing any more`, async (t) => {
    const pair = await connect(t, answerLong);
    pair.client.readOnlyUntil(0);
    pair.client.send(get('/1') + get('/2'));
    await eventually(() => assert.ok(pair.answerBytes.inFlight > long.length));
    end(pair);
    await eventually(() => assert.equal(pair.answerBytes.inFlight, 0));
  });
}

test('a body for which there is no room is refused, and its connection ends', async (t) => {
  const bodies: Parameters<OnBody>[0][] = [];
  const held: number[] = [];
  const room = {
    above: 1000,
    allocate: (bytes: number) => Buffer.alloc(bytes),
    hold: (bytes: number) => held.push(bytes) < 3,
  };
  const { client, received } = await connect(t, (request) => {
    const onBody: OnBody = (body) => {
      bodies.push(body);
      request.reply.send({ status: 503, fields: '', body: undefined });
    };
    request.takeBody(100, onBody, room);
  });
  let sent = 0;
  for (const piece of [put('/1', 'value').slice(0, -4), 'a', 'l']) {
    client.send(piece);
    sent += piece.length;
    await received(sent);
  }
  const refusal = await client.answer();
  assert.deepEqual([refusal.status, refusal.headers.get('connection')], [503, 'close']);
  assert.deepEqual([held, bodies], [[1, 1, 1], ['no-room']]);
});

test('a client does not lose its connection by what the node takes long for', async (t) => {
  const { client, connection, clock, requests } = await connect(t);
  client.send(get('/1'));
  await seen(requests, 1);
  clock.now += 10 * keepAliveMs;
  connection.sweep();
  answerTo(requests[0] as Request);
  assert.equal(await bodyOf(client), '/1');
});

test('a client that was told of the end gets 2 s to close its side', async (t) => {
  const { client, connection, clock, socket } = await connect(t, answerTo);
  client.send(get('/1', 'connection: close\r\n'));
  await client.closed();
  await eventually(() => assert.ok(socket.writableFinished));
  clock.now += 2000;
  connection.sweep();
  assert.equal(socket.destroyed, false);
  clock.now += 1;
  connection.sweep();
  assert.equal(socket.destroyed, true);
});

test('a connection rests after an answer that asks for it: what comes later is read in its time, or when the node stops', async (t) => {
  const { client, connection, requests, socket } = await connect(t, ({ head, reply }) => {
    reply.send({ status: 503, fields: '', body: undefined, restMs: head.target === '/short' ? 1 : 3_600_000 });
  });
  client.send(get('/short'));
  await client.answer();
  client.send(get('/long') + get('/beside'));
  for (const _ of ['/long', '/beside']) assert.equal((await client.answer()).status, 503);
  assert.equal(socket.isPaused(), true);
  client.send(get('/later'));
  connection.leave();
  assert.equal((await client.answer()).headers.get('connection'), 'close');
  assert.deepEqual(
    requests.map(({ head }) => head.target),
    ['/short', '/long', '/beside', '/later'],
  );
});
