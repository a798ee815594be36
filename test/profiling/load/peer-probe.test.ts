/** Other stores under the same load: real ones where they are installed, and what is said of one that is none. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { builtInEngine } from '../../../profiling/load/built-in-engine.ts';
import { runBench } from '../../../profiling/load/bench.ts';
import { fillKeys } from '../../../profiling/load/fill.ts';
import type { PeerProtocol } from '../../../profiling/load/peer.ts';
import { describePeer } from '../../../profiling/load/peer-probe.ts';
import type { BenchResult } from '../../../profiling/load/result.ts';
import { eventually } from '../../support/eventually.ts';
import { requestServer, workloadOf } from '../../support/load.ts';
import { etcdServer, noEtcd, noRedis, redisServer } from '../../support/peers.ts';

const redis = (waitReplicas: number): PeerProtocol => ({ kind: 'redis', waitReplicas });
const etcd: PeerProtocol = { kind: 'etcd' };

/** Fills the keys, then PUTs and GETs, all of which must succeed. */
async function load(url: string, protocol: PeerProtocol): Promise<readonly BenchResult[]> {
  const workload = workloadOf({ targets: [url], protocol, keys: 50, rate: 100, durationMs: 1000 });
  assert.equal(await fillKeys(workload), true);
  return [await runBench({ ...workload, op: 'put' }), await runBench({ ...workload, op: 'get' })];
}

function statusesOf(results: readonly BenchResult[]): (readonly [string, number])[][] {
  return results.map(({ statuses }) => statuses.map(({ status, count }) => [status, count] as const));
}

test('Redis takes SETs that a replica confirms, and tells how durable they are', { skip: noRedis }, async (t) => {
  const url = await redisServer(t, ['--appendonly', 'yes', '--appendfsync', 'always']);
  await eventually(() => describePeer({ url, protocol: redis(0) }));
  await assert.rejects(describePeer({ url, protocol: redis(1) }), {
    code: 'bad-setting',
    message: /has 0 replicas online, so no SET reaches 1: connect replicas, or give a smaller --redis-wait$/,
  });
  await redisServer(t, ['--replicaof', '127.0.0.1', new URL(url).port]);
  await eventually(() => describePeer({ url, protocol: redis(1) }));
  const results = await load(url, redis(1));
  assert.deepEqual(statusesOf(results), [[['201', 100]], [['200', 100]]]);
  const [put] = results;
  assert.match(String(put?.environment.cluster['store']), /^redis \d/);
  assert.equal(put?.environment.cluster['durability'], 'appendfsync always, WAIT 1');
  assert.equal(put?.environment.nodeCount, 2);
  assert.ok(
    put?.nodes.length === 2 && put.nodes.every(({ cpuUs = 0, residentBytesMax }) => cpuUs > 0 && residentBytesMax),
  );
});

test('etcd takes puts and ranges through its gateway', { skip: noEtcd }, async (t) => {
  const url = await etcdServer(t);
  await eventually(() => describePeer({ url, protocol: etcd }));
  // It answers /version before it has a leader.
  const probe = workloadOf({ targets: [url], protocol: etcd, keys: 1, connections: 1 });
  await eventually(async () => assert.ok(await fillKeys(probe)));
  const results = await load(url, etcd);
  assert.deepEqual(statusesOf(results), [[['201', 100]], [['200', 100]]]);
  const [put] = results;
  assert.match(String(put?.environment.cluster['store']), /^etcd \d/);
  assert.equal(put?.environment.cluster['durability'], 'fsync, majority of 1');
  assert.ok(put?.nodes.every(({ cpuUs = 0 }) => cpuUs > 0));
});

test('without a replica that answers, a SET counts as 504 and not as stored', { skip: noRedis }, async (t) => {
  const url = await redisServer(t);
  await eventually(() => describePeer({ url, protocol: redis(0) }));
  const workload = workloadOf({ targets: [url], protocol: redis(1), rate: 10, durationMs: 300, connections: 3 });
  const { statuses, totals } = await builtInEngine().run(workload);
  assert.deepEqual(statuses, [{ status: '504', count: 3 }]);
  assert.equal(totals.failed, 3);
});

test('a server that is no such store is named so', async (t) => {
  const url = await requestServer(t, ({ reply }) => reply('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  await assert.rejects(describePeer({ url, protocol: etcd }), {
    code: 'node-unreachable',
    message: `${url} is no etcd: /version does not name one`,
  });
});
