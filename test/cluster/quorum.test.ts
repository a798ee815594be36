/** What quorums promise while nodes are down, and what a node that missed writes has afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modes, type Mode } from '../../src/domain/modes.ts';
import { ask, problemCode, type Answer } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { storedRecords } from '../support/stored-records.ts';

const all = { ack: 3, from: 3 };
const two = { ack: 2, from: 3 };

/** A 504 must come from what is known, not from waiting: far before the deadline of 30 s that the clusters have. */
const longBeforeDeadlineMs = 10_000;

const settings: readonly { readonly mode: Mode; readonly flags: readonly string[] }[] = [
  ...modes.map((mode) => ({ mode, flags: [] })),
  { mode: 'batched', flags: ['--workers', '3'] },
  { mode: 'batched', flags: ['--dispatch', 'inline'] },
];

for (const { mode, flags } of settings) {
  test(['3 nodes in mode', mode, ...flags].join(' '), async (t) => {
    // A replica that missed writes is to be repaired by reads.
    const cluster = await startCluster(t, { nodes: 3, mode, flags: [...flags, '--hint-bytes-max', '0'] });

    await t.test('3/3 works as soon as every node serves', async () => {
      for (const node of [0, 1, 2]) {
        assert.equal((await cluster.put(node, 'first', String(node), all)).status, 201);
        assert.equal((await cluster.get((node + 1) % 3, 'first', all)).body.toString(), String(node));
      }
    });

    for (const down of [0, 1]) {
      await t.test(`GET 2/3 sees PUT 2/3 with replica ${down} down, and the replica catches up`, async () => {
        const missed = await missedBy(cluster, down);
        await cluster.start(down);
        await caughtUp(cluster, missed);
      });
    }

    // The third time the replica stays down for longer, so that nothing is stopped and started only to be down.
    let missed: Missed;
    await t.test('GET 2/3 sees PUT 2/3 with replica 2 down', async () => {
      await cluster.put(0, 'lonely', 'before', all);
      missed = await missedBy(cluster, 2);
    });

    await t.test('one of three is not a quorum, and a quorum of one still reads and writes', async () => {
      await cluster.stop(1);
      await unavailable(() => cluster.put(0, 'lonely', 'after'));
      await unavailable(() => cluster.get(0, 'lonely'));
      await unavailable(() => cluster.del(0, 'lonely'));
      assert.equal((await cluster.put(0, 'lonely too', 'x', { ack: 1, from: 3 })).status, 201);
      assert.equal((await cluster.get(0, 'lonely too', { ack: 1, from: 3 })).status, 200);
      await Promise.all([cluster.start(1), cluster.start(2)]);
      // A 504 says "outcome unknown": the write took effect on the one node that was up, or it did not.
      assert.match((await cluster.get(1, 'lonely', all)).body.toString(), /^(before|after|.*not-found.*\n)$/);
      assert.equal((await cluster.get(2, 'lonely too', all)).body.toString(), 'x');
      await caughtUp(cluster, missed);
    });

    await t.test('a replica that missed writes has the newest records itself after GET 3/3', async () => {
      for (const key of missed.expected.keys()) await untilRepaired(cluster, key);
      const repairs = await Promise.all(cluster.nodes.map(({ url }) => metricTotal(url, 'kvorum_read_repairs_total')));
      assert.ok(Math.max(...repairs) > 0, 'by read repair');
      await cluster.stopAll();
      const records = await storedRecords(cluster.node(2).dataDirectory);
      for (const [key, value] of missed.expected) {
        const record = records.get(key);
        assert.deepEqual([record?.deleted, record?.value.toString()], [value === undefined, value ?? ''], key);
      }
    });
  });
}

/** What a replica that was down must have after it has caught up, by key: a value, or undefined where it is deleted. */
interface Missed {
  readonly down: number;
  readonly expected: ReadonlyMap<string, string | undefined>;
}

/** Stops a replica; then writes, overwrites, deletes and recreates at 2/3, which the other two see at once. */
async function missedBy(cluster: Cluster, down: number): Promise<Missed> {
  const up = [0, 1, 2].filter((node) => node !== down);
  const [one = 0, other = 0] = up;
  const key = (name: string): string => `${name} without ${down}`;
  for (const name of ['overwritten', 'deleted', 'recreated']) await cluster.put(down, key(name), 'old', all);
  await cluster.del(down, key('recreated'), all);
  await cluster.stop(down, down === 1 ? 'SIGTERM' : 'SIGKILL');
  const expected = new Map([
    [key('written'), 'new'],
    [key('empty'), ''],
    [key('overwritten'), 'newer'],
    [key('deleted'), undefined],
    [key('recreated'), 'again'],
    [key('gone again'), undefined],
  ]);
  assert.equal((await cluster.put(one, key('written'), 'new', two)).status, 201);
  assert.equal((await cluster.put(other, key('empty'), '', two)).status, 201);
  assert.equal((await cluster.put(other, key('overwritten'), 'newer')).status, 201);
  assert.equal((await cluster.del(one, key('deleted'), two)).status, 202);
  assert.equal((await cluster.put(other, key('recreated'), 'again', two)).status, 201);
  assert.equal((await cluster.put(one, key('gone again'), 'short')).status, 201);
  assert.equal((await cluster.del(other, key('gone again'))).status, 202);
  for (const node of up) {
    for (const [name, value] of expected) expectRecord(await cluster.get(node, name, two), value, name);
    await unavailable(() => cluster.put(node, key('refused'), 'x', all));
    await unavailable(() => cluster.get(node, key('written'), all));
  }
  return { down, expected };
}

/** The replica is back: everything shows at 3/3, through whichever node is asked. */
async function caughtUp(cluster: Cluster, { down, expected }: Missed): Promise<void> {
  for (const [key, value] of expected) {
    for (const node of [down, (down + 1) % 3, (down + 2) % 3]) {
      expectRecord(await cluster.get(node, key, all), value, `${key}, ${node}`);
    }
  }
}

/** Reads from all replicas until such a read finds nothing to repair. */
function untilRepaired(cluster: Cluster, key: string): Promise<void> {
  const repairs = (): Promise<number> => metricTotal(cluster.node(0).url, 'kvorum_read_repairs_total');
  return eventually(async () => {
    const before = await repairs();
    await cluster.get(0, key, all);
    assert.equal(await repairs(), before, `${key} is repaired`);
  });
}

function expectRecord(answer: Answer, value: string | undefined, what: string): void {
  if (value === undefined) assert.equal(answer.status, 404, what);
  else assert.deepEqual([answer.status, answer.body.toString()], [200, value], what);
}

/** The operation is answered 504 at once, since too many replicas are known to be down. */
async function unavailable(operation: () => Promise<Answer>): Promise<void> {
  const started = performance.now();
  const answer = await operation();
  assert.ok(performance.now() - started < longBeforeDeadlineMs, 'answered before the deadline');
  assert.deepEqual([answer.status, answer.reason], [504, 'Not Enough Replicas']);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(problemCode(answer), 'not-enough-replicas');
}

test('1 node: the default quorum is 1/1', async (t) => {
  const cluster = await startCluster(t, { nodes: 1 });
  assert.equal((await cluster.put(0, 'a', 'v')).status, 201);
  assert.equal((await cluster.get(0, 'a')).body.toString(), 'v');
  assert.equal((await cluster.del(0, 'a', { ack: 1, from: 1 })).status, 202);
  assert.equal((await cluster.get(0, 'a')).status, 404);
  assert.equal((await cluster.get(0, 'a', { from: 2 })).status, 400);
});

test('2 nodes: the default quorum is 2/2, so one node alone is not enough', async (t) => {
  const cluster = await startCluster(t, { nodes: 2 });
  assert.equal((await cluster.put(0, 'a', 'v')).status, 201);
  assert.equal((await cluster.get(1, 'a')).body.toString(), 'v');
  await cluster.stop(1);
  await unavailable(() => cluster.put(0, 'a', 'w'));
  await unavailable(() => cluster.get(0, 'a'));
  assert.equal((await cluster.get(0, 'a', { ack: 1, from: 2 })).status, 200);
});

test('5 nodes: the default quorum is 3/5, so two may be down and three may not', async (t) => {
  const cluster = await startCluster(t, { nodes: 5 });
  assert.equal((await cluster.put(0, 'a', 'v')).status, 201);
  await cluster.stop(4);
  await cluster.stop(3, 'SIGKILL');
  assert.equal((await cluster.put(1, 'a', 'w')).status, 201);
  assert.equal((await cluster.get(2, 'a')).body.toString(), 'w');
  await cluster.stop(2);
  await unavailable(() => cluster.put(1, 'a', 'x'));
  await unavailable(() => cluster.get(0, 'a'));
  await Promise.all([cluster.start(2), cluster.start(3), cluster.start(4)]);
  const answer = await cluster.get(3, 'a', { ack: 5, from: 5 });
  assert.match(answer.body.toString(), /^[wx]$/);
});

test('--replication-factor bounds the default of from', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: ['--replication-factor', '1'] });
  for (let index = 0; index < 12; index++)
    assert.equal((await cluster.put(index % 3, `key ${index}`, 'v')).status, 201);
  for (let index = 0; index < 12; index++) assert.equal((await cluster.get(index % 3, `key ${index}`)).status, 200);
  await cluster.stopAll();
  const held = await Promise.all(cluster.nodes.map((node) => storedRecords(node.dataDirectory)));
  assert.equal(
    held.reduce((sum, records) => sum + records.size, 0),
    12,
  );
});

for (const mode of modes) {
  test(`a replica that hangs, in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode, flags: ['--timeout-ms', '2s'] });
    await cluster.put(0, 'hung', 'before', all);

    await t.test('2/3 is answered by the others, 3/3 is 504', async () => {
      cluster.node(2).signal('SIGSTOP');
      await answeredByTheOthers(cluster, mode);
      const answer = await cluster.put(0, 'hung', 'all', all);
      assert.deepEqual([answer.status, answer.reason], [504, 'Not Enough Replicas']);
      assert.equal((await cluster.get(1, 'hung', all)).status, 504);
      // Both have waited in vain: neither asks it again before a probe is answered.
      for (const node of [0, 1]) await eventually(async () => assert.equal(await peerState(cluster, node, 2), 'down'));
    });

    await t.test('it is found again when it goes on, and has the newest record after GET 3/3', async () => {
      cluster.node(2).signal('SIGCONT');
      await eventually(async () => assert.equal((await cluster.put(1, 'hung', 'after', all)).status, 201));
      for (const node of [0, 1, 2]) {
        await eventually(async () => assert.equal((await cluster.get(node, 'hung', all)).body.toString(), 'after'));
        assert.equal(await peerState(cluster, node, (node + 1) % 3), 'up');
      }
    });
  });
}

async function answeredByTheOthers(cluster: Cluster, mode: Mode): Promise<void> {
  const put = async (value: string): Promise<void> => {
    assert.equal((await cluster.put(0, 'hung', value, two)).status, 201);
  };
  const read = async (value: string): Promise<void> => {
    assert.equal((await cluster.get(1, 'hung', two)).body.toString(), value);
  };
  if (mode === 'sync') await hangIsKnown(cluster);
  for (let round = 0; round < 20; round++) {
    await put(`round ${round}`);
    await read(`round ${round}`);
  }
}

/**
 * Mode sync asks one after another, so a node stands behind the hanging replica until it has found that it hangs. What one
 * of its threads has found, the others know.
 */
async function hangIsKnown(cluster: Cluster): Promise<void> {
  for (const node of [0, 1]) {
    await eventually(async () => {
      await cluster.put(node, 'hung', 'first', two);
      assert.equal(await peerState(cluster, node, 2), 'down');
    });
    const keys = Array.from({ length: 12 }, (_, index) => `hung ${index}`);
    const answers = await Promise.all(keys.map((key) => cluster.put(node, key, 'at once', two)));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      keys.map(() => 201),
    );
  }
}

async function peerState(cluster: Cluster, node: number, peer: number): Promise<string> {
  const status = await ask(cluster.node(node).url, '/v0/status');
  const seen = JSON.parse(status.body.toString()) as { cluster: { url: string; state: string }[] };
  return seen.cluster.find(({ url }) => url === cluster.node(peer).url)?.state ?? 'unknown';
}
