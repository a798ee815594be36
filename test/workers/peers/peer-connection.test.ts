/** A connection to a peer over real sockets: whom it connects to, which way each frame takes, and how it is lost. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { messageKinds, type LinkMessage } from '../../../src/formats/link-message.ts';
import {
  linkProtocol,
  replicaPaths,
  replicaProtocol,
  seenField,
  type NodeDescription,
} from '../../../src/protocol/nodes.ts';
import type { PeerProtocol } from '../../../src/domain/modes.ts';
import { Link } from '../../../workers/peers/link.ts';
import { connectToPeer, type PeerConnection } from '../../../workers/peers/peer-connection.ts';
import { PeerTransport } from '../../../workers/peers/peer-transport.ts';
import type { PeerIdentity } from '../../../workers/peers/probe.ts';
import type { FrameSize } from '../../../workers/peers/question.ts';
import { gateFor } from '../../support/peer.ts';
import { eventually } from '../../support/eventually.ts';

const secret = 'correct horse';

/** A frame that came, how, and what answers it. */
interface Arrival {
  readonly by: 'link' | 'http';
  readonly body: string;
  readonly answer: (text: string) => void;
}

/** A node that answers `GET /v0/node`, empty frames and hellos by itself, and leaves all else to the test. */
class TestNode {
  description: Partial<NodeDescription> = {};
  #destroyAll = (): void => {};
  status = { node: 200, operations: 200, hello: 204, link: 101 };
  readonly arrivals: Arrival[] = [];
  readonly hellos: string[] = [];
  /** What it answers who asks for its time. */
  clock = '';
  readonly clockQuestions: string[] = [];
  replicaPort = 0;
  readonly links: Duplex[] = [];
  url = '';
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(request.url ?? '', Buffer.concat(chunks).toString(), response));
  });

  static async start(t: TestContext): Promise<TestNode> {
    const node = new TestNode();
    const server = node.#server;
    server.on('upgrade', (request, socket) => node.#upgrade(request.url ?? '', socket));
    // Longer than any test: a connection that nobody needs any more must be closed, not forgotten.
    server.keepAliveTimeout = 600_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    node.url = `http://127.0.0.1:${node.port}`;
    const gate = await gateFor(server, { id: 2, topology: 'abc', secret });
    node.replicaPort = gate.port;
    node.#destroyAll = gate.destroyAll;
    t.after(() => {
      gate.close();
      server.close();
      node.dropAll();
    });
    return node;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  socketsOpen(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  dropAll(): void {
    this.#server.closeAllConnections();
    this.#destroyAll();
    for (const link of this.links) link.destroy();
  }

  #answer(path: string, body: string, response: ServerResponse): void {
    const respond = (status: number, text: string): void =>
      void response.writeHead(status, { [seenField]: '4 9' }).end(text);
    // Kept by undici for the next probe of any peer; it says nothing of the connection that is under test.
    if (path === '/v0/node') response.setHeader('connection', 'close');
    if (path === '/v0/node') return respond(this.status.node, JSON.stringify(this.#describe()));
    if (path === replicaPaths.clock) {
      this.clockQuestions.push(body);
      return respond(200, this.clock);
    }
    if (path === replicaPaths.hello) {
      this.hellos.push(body);
      return respond(this.status.hello, '');
    }
    if (body === '') return respond(this.status.operations, '');
    this.arrivals.push({ by: 'http', body, answer: (text) => respond(200, text) });
    return undefined;
  }

  #describe(): Partial<NodeDescription> {
    return { protocol: replicaProtocol, id: 2, topology: 'abc', replicaPorts: [this.replicaPort], ...this.description };
  }

  #upgrade(path: string, socket: Duplex): void {
    assert.equal(path, replicaPaths.link);
    this.links.push(socket);
    if (this.status.link !== 101) return void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}\r\n\r\n`);
    const onMessage = ({ number, body }: LinkMessage): void => {
      const answer = (text: string): void => {
        link.send({ number, kind: messageKinds.answer, durations: '', body: Buffer.from(text), newest: 0, start: 9 });
      };
      this.arrivals.push({ by: 'link', body: String(body), answer });
    };
    const bytesMax = 1_000_000;
    const link = new Link(socket, { bytesMax, sendingBytesMax: bytesMax, onMessage, onClosed: () => undefined });
    return undefined;
  }
}

interface Connected {
  readonly node: TestNode;
  readonly connection: PeerConnection;
  readonly losses: (readonly [PeerConnection, string])[];
  /** Sends a frame; tells what comes of it. */
  readonly post: (body: string, size: FrameSize) => string[];
}

function connectTo(node: TestNode, protocol: PeerProtocol, losses: Connected['losses'] = []) {
  const identity: PeerIdentity = { id: 2, url: node.url };
  const self = { id: 1, topology: 'abc', secret };
  const onLost = (connection: PeerConnection, { message }: Error): void => void losses.push([connection, message]);
  return connectToPeer({
    identity,
    self,
    transport: new PeerTransport(undefined),
    sender: { newest: 0, start: 1, see: () => {} },
    workerIndex: 5,
    connectionsMax: 4,
    protocol,
    frameBytesMax: 1_000_000,
    onLost,
  });
}

async function connected(t: TestContext, protocol: PeerProtocol): Promise<Connected> {
  const node = await TestNode.start(t);
  const losses: Connected['losses'] = [];
  const connection = await connectTo(node, protocol, losses);
  if (typeof connection === 'string') assert.fail(connection);
  t.after(() => connection.destroy(new Error('the test is over')));
  const post = (body: string, size: FrameSize): string[] => {
    const told: string[] = [];
    const onReply = (bytes: Buffer): void => void told.push(String(bytes));
    connection.post({ body: Buffer.from(body), onReply, onError: ({ message }) => told.push(message) }, size);
    assert.deepEqual(told, [], 'nobody is told at once');
    return told;
  };
  return { node, connection, losses, post };
}

const refusals: readonly (readonly [string, Partial<NodeDescription>, Partial<TestNode['status']>, RegExp])[] = [
  ['speaks another replica protocol', { protocol: 1 }, {}, /^speaks replica protocol 1, not \d+$/],
  ['is another node', { id: 3 }, {}, /^is node 3, not 2: its --self differs$/],
  ['has another cluster list', { topology: 'abd' }, {}, /^has another --cluster list or --replication-factor$/],
  ['has no replica port', { replicaPorts: [] }, {}, /^names no replica port$/],
  ['names a port that is none', { replicaPorts: [65_536] }, {}, /^names a replica port that is none$/],
  ['is not ready', {}, { node: 503 }, /^GET \/v0\/node answers 503$/],
  ['refuses our secret', {}, { operations: 401 }, /^replica port answers 401/],
  ['refuses the link', {}, { link: 404 }, /./],
];

for (const [what, description, status, expected] of refusals) {
  test(`connectToPeer() tells why a peer that ${what} cannot be used, and leaves no socket open`, async (t) => {
    const node = await TestNode.start(t);
    Object.assign(node, { description, status: { ...node.status, ...status } });
    const losses: Connected['losses'] = [];
    const refused = await connectTo(node, 'link', losses);
    assert.match(typeof refused === 'string' ? refused : assert.fail('connected'), expected);
    // A pool that was left alone closes its idle connections only after a minute.
    await eventually(async () => assert.equal(await node.socketsOpen(), 0), 30_000);
  });
}

test('connectToPeer() tells why nobody answers', async (t) => {
  const node = await TestNode.start(t);
  const gone = new TestNode();
  // A port that nothing can listen on.
  gone.url = node.url.replace(/\d+$/, '0');
  assert.equal(typeof (await connectTo(gone, 'http')), 'string');
});

for (const [protocol, ways] of [
  ['link', ['small by link', 'large by http']],
  ['http', ['small by http', 'large by http']],
] as const) {
  test(`with peer protocol ${protocol} frames go ${ways.join(' and ')}`, async (t) => {
    const { node, post } = await connected(t, protocol);
    const told = [post('small', 'small'), post('large', 'large')];
    await eventually(() => assert.equal(node.arrivals.length, 2));
    assert.deepEqual(new Set(node.arrivals.map(({ body, by }) => `${body} by ${by}`)), new Set(ways));
    for (const { body, answer } of node.arrivals) answer(`to ${body}`);
    await eventually(() => assert.deepEqual(told, [['to small'], ['to large']]));
  });

  test(`with peer protocol ${protocol} the oldest small frame that is not answered counts, and no large one`, async (t) => {
    const { node, connection, post } = await connected(t, protocol);
    const never = performance.now() + 1_000_000;
    post('large', 'large');
    assert.equal(connection.oldestStart(never), never);
    const before = performance.now();
    const [first, second] = [post('first', 'small'), post('second', 'small')];
    const oldest = connection.oldestStart(never);
    assert.ok(oldest >= before && oldest <= performance.now());
    await eventually(() => assert.equal(node.arrivals.length, 3));
    const answer = (to: string): void => node.arrivals.find(({ body }) => body === to)?.answer('done');
    answer('first');
    await eventually(() => assert.equal(first.length, 1));
    assert.ok(connection.oldestStart(never) >= oldest && connection.oldestStart(never) < never);
    answer('second');
    await eventually(() => assert.equal(second.length, 1));
    assert.equal(connection.oldestStart(never), never);
  });

  test(`with peer protocol ${protocol} a connection whose sockets close says so, after its frames have failed`, async (t) => {
    const { node, connection, losses, post } = await connected(t, protocol);
    const told = [post('small', 'small'), post('large', 'large')];
    await eventually(() => assert.equal(node.arrivals.length, 2));
    node.dropAll();
    await eventually(() => assert.ok(losses.length > 0 && told.every(({ length }) => length === 1)));
    assert.ok(losses.every(([lost]) => lost === connection));
  });

  test(`with peer protocol ${protocol} ending a connection fails every frame once`, async (t) => {
    const { node, connection, post } = await connected(t, protocol);
    const told = [post('small', 'small'), post('large', 'large'), post('answered', 'small')];
    await eventually(() => assert.equal(node.arrivals.length, 3));
    node.arrivals.find(({ body }) => body === 'answered')?.answer('done');
    await eventually(() => assert.deepEqual(told[2], ['done']));
    await connection.destroy(new Error('given up'));
    await eventually(() => assert.deepEqual(told, [['given up'], ['given up'], ['done']]));
  });
}

test('a connection is current as long as the peer has the same replica ports', async (t) => {
  const { node, connection } = await connected(t, 'http');
  assert.equal(await connection.isCurrent(), true);
  node.description = { replicaPorts: [node.port, node.port] };
  assert.equal(await connection.isCurrent(), false);
  node.description = {};
  node.status.node = 503;
  assert.equal(await connection.isCurrent(), false);
});

async function refusalOf(node: TestNode): Promise<string> {
  const refused = await connectTo(node, 'link');
  return typeof refused === 'string' ? refused : assert.fail('it is taken');
}

test('a peer that is another node, of another cluster or secret, is refused with the reason', async (t) => {
  const node = await TestNode.start(t);
  for (const wrong of [{ id: 3 }, { topology: 'other' }, { secret: 'wrong' }]) {
    const gate = await gateFor(createServer(), { id: 2, topology: 'abc', secret, ...wrong });
    t.after(gate.close);
    node.description = { replicaPorts: [gate.port] };
    assert.match(await refusalOf(node), /its proof of the cluster secret does not match/);
  }
  node.description = { replicaPorts: [node.port] };
  assert.match(await refusalOf(node), /not how a node begins|in time|no reply/);
});

test('a hello goes to every worker of the peer, and a refusal of it is nobody else’s affair', async (t) => {
  const node = await TestNode.start(t);
  node.description = { replicaPorts: [node.replicaPort, node.replicaPort, node.replicaPort] };
  const connection = await connectTo(node, 'http');
  if (typeof connection === 'string') assert.fail(connection);
  t.after(() => connection.destroy(new Error('the test is over')));
  assert.equal(await connection.hello('http://self'), true);
  assert.deepEqual(
    node.hellos,
    Array.from({ length: 3 }, () => 'http://self 1'),
  );
  node.status.hello = 500;
  assert.equal(await connection.hello('http://self'), false);
  assert.equal(node.hellos.length, 6);
});

test('a hello is said again while the peer does not have this node up, and ends when it has', async (t) => {
  const node = await TestNode.start(t);
  const connection = await connectTo(node, 'http');
  if (typeof connection === 'string') assert.fail(connection);
  t.after(() => connection.destroy(new Error('the test is over')));
  node.status.hello = 503;
  const hello = connection.hello('http://self');
  await eventually(() => assert.ok(node.hellos.length >= 3));
  node.status.hello = 204;
  assert.equal(await hello, true);
});

test('a connection is current to the start that it found, whatever ports are said', async (t) => {
  const node = await TestNode.start(t);
  node.description = { start: 7 };
  const connection = await connectTo(node, 'http');
  if (typeof connection === 'string') assert.fail(connection);
  t.after(() => connection.destroy(new Error('the test is over')));
  assert.equal(await connection.isCurrent(7), true);
  assert.equal(await connection.isCurrent(8), true, 'a probe finds the same process');
  node.description = { start: 8 };
  assert.equal(await connection.isCurrent(8), false);
});

test('a peer is asked for its time, and told the newest version that this node has seen', async (t) => {
  const node = await TestNode.start(t);
  const connection = await connectTo(node, 'http');
  if (typeof connection === 'string') assert.fail(connection);
  t.after(() => connection.destroy(new Error('the test is over')));
  node.clock = '1000 2000 99';
  assert.deepEqual(await connection.askClock(77), { receivedAt: 1000, answeredAt: 2000, newest: 99 });
  assert.deepEqual(node.clockQuestions, ['77']);
  for (const nonsense of ['', '1 2', '-1 2 3', '1 2 3 4', 'NaN 1 1', '1e3 1 1']) {
    node.clock = nonsense;
    assert.equal(await connection.askClock(77), undefined, nonsense);
  }
});
