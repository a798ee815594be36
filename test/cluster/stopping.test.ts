/** A node that is told to stop: what its clients see, and what they lose, which is nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ask } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';

/** What became of the requests of all clients. */
interface Tally {
  answered: number;
  /** Answers that said `connection: close`. */
  closing: number;
  /** How a connection ended while a request on it had no answer. */
  readonly lost: string[];
}

/** A client of kept-alive connections: one request after another, a new connection where the node ends the last one. */
class Client {
  readonly #cluster: Cluster;
  readonly #tally: Tally;
  readonly #name: string;
  #isOn = true;
  readonly ended: Promise<void>;

  constructor(cluster: Cluster, tally: Tally, name: string) {
    this.#cluster = cluster;
    this.#tally = tally;
    this.#name = name;
    this.ended = this.#run();
  }

  stop(): void {
    this.#isOn = false;
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      const socket = await this.#connect();
      if (socket === undefined) await setTimeout(5);
      else await this.#use(socket);
    }
  }

  /** Undefined where nobody listens. */
  async #connect(): Promise<Socket | undefined> {
    const socket = connect({ host: '127.0.0.1', port: this.#cluster.node(0).port, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      return undefined;
    }
  }

  async #use(socket: Socket): Promise<void> {
    let received = '';
    let wake: () => void = () => {};
    let end: string | undefined;
    const finish = (why: string): void => {
      end ??= why;
      wake();
    };
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.on('end', () => finish('closed'));
    for (let count = 0; this.#isOn && end === undefined; count++) {
      received = '';
      socket.write(this.#request(count));
      while (!received.includes('\r\n\r\n') && end === undefined)
        await new Promise<void>((resolve) => (wake = resolve));
      if (!received.includes('\r\n\r\n')) {
        this.#tally.lost.push(`${end} on request ${count} of its connection`);
        break;
      }
      this.#tally.answered++;
      if (!received.includes('connection: close')) continue;
      this.#tally.closing++;
      break;
    }
    socket.destroy();
  }

  /** Answered without a body: a PUT, or a GET of nothing by HEAD. */
  #request(count: number): string {
    const key = `${this.#name} ${count}`.replaceAll(' ', '-');
    if (count % 2 === 0) return `HEAD /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    return `PUT /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nvalue`;
  }
}

for (const [delay, rounds] of [
  ['0', 4],
  ['100ms', 2],
] as const) {
  test(`a node that is stopped and started under load loses no request of clients that come back, --drain-delay-ms ${delay}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 1, durability: 'commit', flags: ['--drain-delay-ms', delay] });
    const tally: Tally = { answered: 0, closing: 0, lost: [] };
    const clients = Array.from({ length: 32 }, (_, index) => new Client(cluster, tally, `client ${index}`));
    for (let round = 0; round < rounds; round++) {
      const before = tally.answered;
      await eventually(() => assert.ok(tally.answered > before + 500));
      assert.deepEqual(await cluster.stop(0), { code: 0, signal: null });
      await cluster.start(0);
    }
    for (const client of clients) client.stop();
    await Promise.all(clients.map(({ ended }) => ended));
    t.diagnostic(`${tally.answered} answers, ${tally.closing} with connection: close, ${tally.lost.length} lost`);
    assert.deepEqual(tally.lost, []);
    assert.ok(tally.closing >= rounds * clients.length, `${tally.closing} times connection: close`);
  });
}

test('a node that stops answers what has come, and says that the connection ends with it', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, flags: ['--drain-ms-max', '60s'] });
  const node = cluster.node(0);
  // A request whose body has not come keeps the node from its end.
  const slow = await RawConnection.open(t, node.url);
  slow.send('PUT /v0/entity?id=slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n1');
  const idle = await Promise.all(Array.from({ length: 3 }, () => RawConnection.open(t, node.url)));
  const live = 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n';
  for (const connection of idle) {
    connection.send(live);
    await connection.answer();
  }
  node.signal('SIGTERM');
  await eventually(() => assert.rejects(ask(node.url, '/readyz'), { code: 'ECONNREFUSED' }));
  for (const connection of idle) {
    connection.send(live + live);
    assert.equal((await connection.answer()).headers.get('connection'), undefined);
    assert.equal((await connection.answer()).headers.get('connection'), 'close');
    await connection.closed();
  }
  slow.send('2');
  const last = await slow.answer();
  assert.deepEqual([last.status, last.headers.get('connection')], [201, 'close']);
  assert.deepEqual(await node.exited, { code: 0, signal: null });
});

test('a node that is told to stop says that it is not ready, and serves on for --drain-delay-ms', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, flags: ['--drain-delay-ms', '60s'] });
  const node = cluster.node(0);
  const kept = await RawConnection.open(t, node.url);
  node.signal('SIGTERM');
  await eventually(async () => assert.equal((await ask(node.url, '/readyz')).status, 503));
  const live = 'GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n';
  for (const connection of [kept, await RawConnection.open(t, node.url)]) {
    connection.send(live + live);
    for (let count = 0; count < 2; count++) assert.equal((await connection.answer()).status, 200);
  }
  assert.equal((await cluster.put(0, 'late', 'v')).status, 201);
});
