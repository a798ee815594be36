/**
 * A write that its client has given up, because the node stood still, never takes effect when the node goes on: others may
 * have written since, and it would be the newest.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';

const timeoutMs = 1000;
const keysEach = 5;
/** A client gives up by closing its socket, by a reset, or it waits on. */
const ways = ['close', 'reset', 'wait'] as const;
/** It has used its connection before, or the node has not accepted it yet. */
const connections = ['kept alive', 'new'] as const;

async function open(t: TestContext, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const put = (key: string, value: string): string =>
  `PUT /v0/entity?id=${key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${value.length}\r\n\r\n${value}`;

test('a write that was given up while the node stood still never takes effect', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability: 'commit', flags: ['--timeout-ms', `${timeoutMs}ms`] });
  const [paused, other] = [cluster.node(0), 1];
  const clients = [];
  for (const connection of connections) {
    for (const way of ways) {
      for (let index = 0; index < keysEach; index++) {
        const socket = connection === 'new' ? undefined : await open(t, paused.port);
        clients.push({ key: `${connection}-${way}-${index}`.replace(' ', '-'), way, socket, index });
      }
    }
  }
  for (const { key, socket } of clients) {
    assert.equal((await cluster.put(other, key, 'first')).status, 201);
    if (socket === undefined) continue;
    socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(socket, 'data');
  }
  paused.signal('SIGSTOP');
  const waiting: Promise<unknown>[] = [];
  for (const { key, way, socket: known } of clients) {
    const socket = known ?? (await open(t, paused.port));
    const sent = new Promise((resolve) => socket.write(put(key, 'abandoned'), resolve));
    await sent;
    if (way === 'close') socket.end();
    else if (way === 'reset') socket.resetAndDestroy();
    else waiting.push(once(socket, 'data').then(([bytes]) => String(bytes)));
  }
  // The test is about how long the node stands still.
  await setTimeout(timeoutMs + 200);
  for (const { key, index } of clients) {
    const answer = index % 2 === 0 ? await cluster.put(other, key, 'second') : await cluster.del(other, key);
    assert.ok(answer.status === 201 || answer.status === 202, `answered ${answer.status}`);
  }
  paused.signal('SIGCONT');
  for (const answer of await Promise.all(waiting)) assert.match(String(answer), /^HTTP\/1\.1 503 [^]*nothing was done/);
  await eventually(async () => assert.equal((await cluster.put(0, 'after', 'v')).status, 201));
  await eventually(async () => assert.equal(await metricTotal(paused.url, 'kvorum_operations_in_flight'), 0));
  const found = [];
  for (const { key, index } of clients) {
    const { status, body } = await eventually(async () => {
      const answer = await cluster.get(0, key, { ack: 3, from: 3 });
      assert.ok(answer.status === 200 || answer.status === 404, `answered ${answer.status}`);
      return answer;
    });
    const value = status === 200 ? body.toString() : undefined;
    if (value !== (index % 2 === 0 ? 'second' : undefined)) found.push([key, value]);
  }
  assert.deepEqual(found, []);
});
