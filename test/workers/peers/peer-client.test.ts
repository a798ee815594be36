/** The client of a peer with connections that the test answers: what is sent when, and what becomes of it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { replyCodes } from '../../../src/formats/codes.ts';
import { FrameWriter } from '../../../src/formats/reply.ts';
import type { ClockAnswer } from '../../../src/protocol/nodes.ts';
import type { PeerStatus } from '../../../src/protocol/workers.ts';
import { PeerClient, type Connection, type PeerClientOptions } from '../../../workers/peers/peer-client.ts';
import type { FrameSize, PeerStream, PeerStreamHandler, Question } from '../../../workers/peers/question.ts';
import { eventually } from '../../support/eventually.ts';
import { seededRandom } from '../../support/random.ts';

const LARGE_BYTES = 64 * 1024;

class TestConnection implements Connection {
  readonly posted: { readonly question: Question; readonly size: FrameSize }[] = [];
  readonly streams: string[] = [];
  readonly hellos: string[] = [];
  readonly endings: Error[] = [];
  hasRestarted = false;
  /** `performance.now()` of the oldest question under way. */
  oldest = Number.POSITIVE_INFINITY;

  post(question: Question, size: FrameSize): void {
    this.posted.push({ question, size });
  }

  stream(body: string, _handler: PeerStreamHandler): PeerStream {
    this.streams.push(body);
    return { pause: () => {}, resume: () => {}, destroy: () => {} };
  }

  async hello(selfUrl: string): Promise<boolean> {
    this.hellos.push(selfUrl);
    return true;
  }

  async askClock(newest: number): Promise<ClockAnswer> {
    return { receivedAt: 1, answeredAt: 2, newest };
  }

  async hintsDelivered(): Promise<boolean> {
    return true;
  }

  async giveHints(): Promise<boolean> {
    return true;
  }

  async ask(): Promise<string> {
    return 'nobody asks';
  }

  async introduce(): Promise<undefined> {}

  async isCurrent(): Promise<boolean> {
    return !this.hasRestarted;
  }

  oldestStart(): number {
    return this.oldest;
  }

  async destroy(error: Error): Promise<void> {
    this.endings.push(error);
  }

  /** The bodies of the questions so far. */
  get bodies(): string[] {
    return this.posted.map(({ question }) => String(question.body));
  }

  /** Answers a question with so many replies. */
  answer(index: number, replies: number): void {
    const writer = new FrameWriter(0);
    for (let count = 0; count < replies; count++) writer.reply(replyCodes.applied);
    this.posted[index]?.question.onReply(writer.finish(), 1);
  }
}

class TestPeer {
  readonly client: PeerClient;
  readonly changes: string[] = [];
  readonly silences: string[] = [];
  readonly refusals: string[] = [];
  readonly connections: TestConnection[] = [];
  readonly lose: ((connection: Connection, error: Error) => void)[] = [];
  /** Ends of the probes that are under way. */
  readonly probes: ((found: Connection | string) => void)[] = [];
  probesMax = 0;

  constructor(t: TestContext, options: Partial<PeerClientOptions> = {}) {
    this.client = new PeerClient({
      url: 'http://peer',
      batchesInFlightMax: 1,
      batchBytesMax: 1000,
      queueBytesMax: 1_000_000,
      timeoutMs: 50,
      refusals: { note: (what, reason) => this.refusals.push(`${what}: ${reason}`) },
      connect: (onLost) => {
        this.lose.push(onLost);
        return new Promise((resolve) => {
          this.probesMax = Math.max(this.probesMax, this.probes.push(resolve));
        });
      },
      onStateChange: ({ state, error }: PeerStatus, before) => {
        this.changes.push(`${before} > ${state}${error === undefined ? '' : `: ${error}`}`);
      },
      onSilent: (url) => this.silences.push(url),
      ...options,
    });
    t.after(() => this.client.close());
  }

  /** The last connection. */
  get connection(): TestConnection {
    return this.connections.at(-1) ?? assert.fail('no connection');
  }

  /** Ends the probe that is under way with a new connection. */
  async reach(): Promise<TestConnection> {
    const connection = new TestConnection();
    this.connections.push(connection);
    await eventually(() => assert.equal(this.probes.length, 1));
    this.probes.shift()?.(connection);
    await nextTurn();
    return connection;
  }

  async miss(why: string): Promise<void> {
    await eventually(() => assert.equal(this.probes.length, 1));
    this.probes.shift()?.(why);
    await nextTurn();
  }

  /** Submits a segment of one entry; tells what comes of it. */
  submit(text: string, more: { isLarge?: boolean; bytes?: number; count?: number } = {}): string[] {
    const told: string[] = [];
    const bytes = more.bytes === undefined ? Buffer.from(text) : Buffer.alloc(more.bytes, text);
    this.client.submit({
      bytes,
      count: more.count ?? 1,
      isLarge: more.isLarge ?? false,
      onReplies: (_replies, start) => told.push(`replies from ${start}`),
      onFailed: () => told.push('failed'),
    });
    return told;
  }
}

async function peerThatIsUp(t: TestContext, options: Partial<PeerClientOptions> = {}): Promise<TestPeer> {
  const peer = new TestPeer(t, options);
  void peer.client.wake();
  await peer.reach();
  return peer;
}

test('operations wait for a peer that was never reached, and are sent together when it is', async (t) => {
  const peer = new TestPeer(t);
  const told = [peer.submit('a'), peer.submit('b', { count: 2 }), peer.submit('c')];
  peer.client.flush();
  const waking = peer.client.wake();
  const connection = await peer.reach();
  await waking;
  assert.deepEqual(connection.bodies, ['abc']);
  assert.equal(peer.client.queuedBytes, 0);
  connection.answer(0, 4);
  assert.deepEqual(told, [['replies from 0'], ['replies from 1'], ['replies from 3']]);
  assert.deepEqual(peer.changes, ['connecting > up']);
});

test('what was waiting for a peer fails when the peer is not found, and so does what comes while it is down', async (t) => {
  const peer = new TestPeer(t);
  const waiting = [peer.submit('a'), peer.submit('b', { isLarge: true })];
  void peer.client.wake();
  await peer.miss('has another --cluster list');
  assert.deepEqual([...waiting, peer.submit('c')], [['failed'], ['failed'], ['failed']]);
  assert.equal(peer.client.stream('bounds', { onData: () => {}, onEnd: () => {}, onError: () => {} }), undefined);
  assert.deepEqual(peer.client.status, { url: 'http://peer', state: 'down', error: 'has another --cluster list' });
});

test('a peer that is down is probed until it is found, one probe at a time', async (t) => {
  const peer = new TestPeer(t);
  void peer.client.wake();
  for (const why of ['first', 'second', 'second']) await peer.miss(why);
  await peer.reach();
  assert.equal(peer.probesMax, 1);
  assert.deepEqual(peer.changes, ['connecting > down: first', 'down > down: second', 'down > up']);
  assert.deepEqual(peer.submit('a'), []);
});

test('so many batches are under way, and the next one grows meanwhile, up to its bound', async (t) => {
  const peer = await peerThatIsUp(t, { batchesInFlightMax: 2, batchBytesMax: 10 });
  const { client, connection } = peer;
  for (const text of ['a', 'b']) {
    peer.submit(text);
    client.flush();
  }
  for (const text of ['cccc', 'dddd', 'eeee', 'too long for a batch', 'f']) peer.submit(text);
  client.flush();
  assert.deepEqual(connection.bodies, ['a', 'b']);
  assert.equal(client.queuedBytes, 33);
  for (let index = 0; index < 5; index++) connection.answer(index, index === 2 ? 2 : 1);
  assert.deepEqual(connection.bodies, ['a', 'b', 'ccccdddd', 'eeee', 'too long for a batch', 'f']);
});

test('large segments, and small ones with large answers, go beside the batches and alone', async (t) => {
  const peer = await peerThatIsUp(t);
  peer.submit('a');
  peer.submit('large', { bytes: LARGE_BYTES + 1 });
  peer.submit('asks for large', { isLarge: true });
  peer.submit('limit', { bytes: LARGE_BYTES });
  peer.submit('b');
  peer.client.flush();
  const { posted } = peer.connection;
  const sent = posted.map(({ question, size }) => [size, question.body.length]);
  assert.deepEqual(sent, [
    ['small', 1],
    ['large', LARGE_BYTES + 1],
    ['large', 14],
  ]);
});

test('a segment that the queue has no room for fails at once, unless nothing else waits', async (t) => {
  const peer = new TestPeer(t, { queueBytesMax: 10 });
  assert.deepEqual(peer.submit('longer than the queue'), []);
  assert.deepEqual(peer.submit('x'), ['failed']);
});

test('an answer with other than the expected replies fails its operations and no others', async (t) => {
  const peer = await peerThatIsUp(t);
  const told: string[][] = [];
  for (const [index, reply] of [
    () => peer.connection.answer(0, 2),
    () => peer.connection.posted[1]?.question.onReply(Buffer.from('no replies'), 1),
    () => peer.connection.answer(2, 1),
  ].entries()) {
    told.push(peer.submit('a'));
    peer.client.flush();
    assert.equal(peer.connection.posted.length, index + 1);
    reply();
  }
  assert.deepEqual(told, [['failed'], ['failed'], ['replies from 0']]);
  assert.deepEqual(peer.refusals, [
    'reply: http://peer answers 1 operations with 2 replies',
    'reply: http://peer answers 1 operations with what does not parse',
  ]);
  assert.equal(peer.client.status.state, 'up');
});

test('a failed request means down: what is under way and what waits fails once, and the peer is probed at once', async (t) => {
  const peer = await peerThatIsUp(t);
  const { client, connection } = peer;
  const told = [peer.submit('a')];
  client.flush();
  told.push(peer.submit('b'), peer.submit('c', { isLarge: true }));
  connection.posted[0]?.question.onError(new Error('reset'));
  assert.deepEqual(told, [['failed'], ['failed'], ['failed']]);
  assert.deepEqual([connection.endings, client.failures, client.queuedBytes], [[new Error('reset')], 1, 0]);
  assert.deepEqual(peer.changes, ['connecting > up', 'up > down: reset']);
  const next = await peer.reach();
  peer.submit('d');
  client.flush();
  assert.deepEqual([connection.bodies, next.bodies], [['a'], ['d']]);
});

test('what an earlier connection still says is counted, and means nothing for the peer', async (t) => {
  const peer = await peerThatIsUp(t, { batchesInFlightMax: 2 });
  const earlier = peer.connection;
  const told = ['a', 'b'].map((text) => {
    const mine = peer.submit(text);
    peer.client.flush();
    return mine;
  });
  peer.client.doubt();
  await peer.reach();
  peer.lose[0]?.(earlier, new Error('late'));
  earlier.posted[0]?.question.onError(new Error('late'));
  earlier.answer(1, 1);
  assert.deepEqual(told, [['failed'], ['replies from 0']]);
  assert.deepEqual([peer.client.status.state, peer.client.failures], ['up', 1]);
});

test('a peer whose request is overdue is given up, and the other workers are told; a large one may take its time', async (t) => {
  const peer = await peerThatIsUp(t, { timeoutMs: 50 });
  peer.client.expire(1000);
  peer.connection.oldest = 950;
  peer.client.expire(1000);
  assert.deepEqual([peer.client.status.state, peer.silences], ['up', []]);
  peer.client.expire(1001);
  assert.deepEqual(peer.client.status.error, 'no reply within 50 ms');
  assert.deepEqual(peer.silences, ['http://peer']);
  peer.client.expire(2000);
  assert.equal(peer.silences.length, 1);
});

test('the doubt of another worker ends the connection, and is not passed on', async (t) => {
  const peer = await peerThatIsUp(t);
  peer.client.doubt();
  assert.deepEqual([peer.client.status.state, peer.silences, peer.connection.endings.length], ['down', [], 1]);
});

test('a greeting changes nothing where the connection leads to the peer as it is', async (t) => {
  const peer = await peerThatIsUp(t);
  assert.equal(await peer.client.greet(), true);
  assert.deepEqual([peer.client.status.state, peer.connections.length], ['up', 1]);
});

test('a greeting of a peer that has restarted ends once there is a connection to its new life', async (t) => {
  const peer = await peerThatIsUp(t);
  const earlier = peer.connection;
  earlier.hasRestarted = true;
  const greeting = peer.client.greet();
  const fresh = await peer.reach();
  assert.equal(await greeting, true);
  assert.deepEqual([earlier.endings, fresh.endings], [[new Error('the peer has restarted')], []]);
  assert.equal(peer.client.status.state, 'up');
});

test('a greeting during a probe waits for it, and one of a peer that is down has it probed', async (t) => {
  const peer = new TestPeer(t);
  void peer.client.wake();
  const greeting = peer.client.greet();
  await peer.miss('starts');
  await peer.reach();
  await greeting;
  assert.deepEqual(peer.changes, ['connecting > down: starts', 'down > up']);
});

test('a greeting of a peer that cannot be reached says that it is not up', async (t) => {
  const peer = new TestPeer(t);
  const greeting = peer.client.greet();
  await peer.miss('starts');
  assert.equal(await greeting, false);
});

test('a starting node says hello to peers that are up, and waits for no others', async (t) => {
  const peer = new TestPeer(t);
  assert.equal(await peer.client.announce('http://self'), undefined);
  void peer.client.wake();
  await peer.reach();
  assert.equal(await peer.client.announce('http://self'), true);
  assert.deepEqual(peer.connection.hellos, ['http://self']);
});

test('a closed client ends its connection, fails what waits, and probes no more', async (t) => {
  const peer = await peerThatIsUp(t);
  const told = peer.submit('a');
  await peer.client.close();
  assert.deepEqual([told, peer.submit('b')], [['failed'], ['failed']]);
  assert.deepEqual(peer.connection.endings, [new Error('the node stops')]);
  await peer.client.wake();
  await peer.client.greet();
  assert.equal(peer.probes.length, 0);
  assert.deepEqual(peer.changes, ['connecting > up']);
});

test('a connection that a probe brings after the close is ended', async (t) => {
  const peer = new TestPeer(t);
  void peer.client.wake();
  await peer.client.close();
  const late = await peer.reach();
  assert.equal(late.endings.length, 1);
  assert.deepEqual(peer.changes, []);
});

test('whatever happens to a peer, every segment is told once, and every connection but the last is ended once', async (t) => {
  const random = seededRandom(t);
  const peer = new TestPeer(t, { batchesInFlightMax: 2, batchBytesMax: 3 });
  const told: string[][] = [];
  const open = (): TestConnection[] => peer.connections.filter(({ endings }) => endings.length === 0);
  const answered = new Map<TestConnection, number>();
  /** Answers or fails the oldest question of a connection, or all where the connection has ended. */
  const settle = (connection: TestConnection, isFailed: boolean): void => {
    const at = answered.get(connection) ?? 0;
    const question = connection.posted[at]?.question;
    if (question === undefined) return;
    answered.set(connection, at + 1);
    if (isFailed || connection.endings.length > 0) question.onError(new Error('reset'));
    else connection.answer(at, question.body.length);
  };
  const steps: readonly (() => unknown)[] = [
    () => told.push(peer.submit('x')),
    () => told.push(peer.submit('y', { isLarge: true })),
    () => peer.client.flush(),
    () => void peer.client.wake(),
    () => void peer.client.greet(),
    () => peer.client.doubt(),
    () => peer.probes.length > 0 && peer.reach(),
    () => peer.probes.length > 0 && peer.miss('away'),
    () => open().forEach((connection) => settle(connection, random.below(5) === 0)),
    () => open().forEach((connection) => peer.lose.at(-1)?.(connection, new Error('lost'))),
    () => open().forEach((connection) => (connection.hasRestarted = random.below(2) === 0)),
  ];
  for (let count = 0; count < 2000; count++) {
    await steps[random.below(steps.length)]?.();
    assert.ok(open().length <= 1 && peer.probes.length <= 1);
    for (const connection of peer.connections) if (connection.endings.length > 0) settle(connection, true);
  }
  await peer.client.close();
  for (const connection of peer.connections) {
    assert.equal(connection.endings.length, 1);
    while ((answered.get(connection) ?? 0) < connection.posted.length) settle(connection, true);
  }
  assert.ok(told.length > 100 && told.every(({ length }) => length === 1));
});
