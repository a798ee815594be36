/** What replicas hold and why they are silent, as `/v0/inspect`, `kvorum inspect`, a 504 and `kvorum status` tell it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ask, problemCode } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { kvorumInProcess } from '../cli/in-process.ts';

interface Replica {
  readonly url: string;
  readonly holds: string;
  readonly bytes?: number;
  readonly version?: number;
  readonly checksum: string | null;
  readonly lacksNewest: boolean | null;
  readonly reason?: string;
  readonly repaired?: boolean;
}

interface Inspected {
  readonly newest: { readonly version: number; readonly time: string; readonly kind: string } | null;
  readonly replicas: readonly Replica[];
}

interface Shortfall {
  readonly detail: string;
  readonly replicas: readonly { readonly url: string; readonly reason: string; readonly detail: string }[];
}

test('3 nodes', async (t) => {
  const flags = ['--cluster-secret', 'one of ours', '--workers', '2', '--timeout-ms', '1s'];
  const cluster = await startCluster(t, { nodes: 3, flags });
  const [first, second, third] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  const inspect = async (key: string, method = 'GET'): Promise<Inspected> => {
    const answer = await ask(first.url, `/v0/inspect?id=${encodeURIComponent(key)}`, { method });
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString()) as Inspected;
  };
  const of = (found: Inspected, url: string): Replica =>
    found.replicas.find((one) => one.url === url) ?? assert.fail(`${url} is not named`);

  await t.test('each replica tells version, size and kind, of a large value too', async () => {
    const large = Buffer.alloc(1024 * 1024, 'x');
    assert.equal((await cluster.put(0, 'large', large, { ack: 3, from: 3 })).status, 201);
    const found = await inspect('large');
    assert.equal(found.replicas.length, 3);
    for (const { holds, bytes, checksum, lacksNewest, version } of found.replicas) {
      assert.deepEqual([holds, bytes, checksum, lacksNewest], ['value', large.length, 'right', false]);
      assert.equal(version, found.newest?.version);
    }
    assert.ok(Math.abs(Date.parse(found.newest?.time ?? '') - Date.now()) < 60_000);
    await cluster.del(1, 'large', { ack: 3, from: 3 });
    const deleted = await inspect('large');
    assert.deepEqual([deleted.newest?.kind, ...deleted.replicas.map(({ holds }) => holds)], Array(4).fill('tombstone'));
    assert.deepEqual((await inspect('nobody has it')).newest, null);
    assert.equal((await kvorumInProcess(['inspect', 'nobody has it', '--url', second.url])).code, 3);
  });

  await t.test('who lacks the newest is told, and --repair writes it there', async () => {
    assert.equal((await cluster.put(0, 'lonely', 'v', { ack: 1, from: 1 })).status, 201);
    const found = await inspect('lonely');
    assert.equal(found.replicas.filter(({ lacksNewest }) => lacksNewest === true).length, 2);
    const shown = await kvorumInProcess(['inspect', 'lonely', '--url', second.url]);
    assert.equal(shown.code, 1);
    assert.equal(shown.stdout.toString().match(/lacks the newest version; --repair/g)?.length, 2);
    assert.ok(
      shown.stdout
        .toString()
        .split('\n')
        .slice(2, 6)
        .every((line) => line.length <= 80),
      'it fits a terminal',
    );
    const repaired = await kvorumInProcess(['inspect', 'lonely', '--url', second.url, '--repair', '--output', 'json']);
    assert.equal(repaired.code, 0, repaired.stderr);
    const { replicas } = JSON.parse(repaired.stdout.toString()) as Inspected;
    assert.deepEqual(
      replicas.map(({ holds, lacksNewest }) => [holds, lacksNewest]),
      Array(3).fill(['value', false]),
    );
    assert.equal(replicas.filter((one) => one.repaired === true).length, 2);
  });

  await t.test('a silent replica is told with its reason: down, or not answering in time', async () => {
    await cluster.stop(2);
    await eventually(async () => assert.equal(of(await inspect('lonely'), third.url).reason, 'unreached'));
    assert.deepEqual(
      [of(await inspect('lonely'), third.url).holds, (await inspect('lonely')).newest?.kind],
      ['unknown', 'value'],
    );
    second.signal('SIGSTOP');
    const refused = await cluster.put(0, 'k', 'v');
    second.signal('SIGCONT');
    assert.equal(refused.status, 504);
    const { detail, replicas } = JSON.parse(refused.body.toString()) as Shortfall;
    const reasons = new Map(replicas.map(({ url, reason }) => [url, reason]));
    assert.equal(reasons.get(third.url), 'unreached', detail);
    assert.ok(['silent', 'unreached'].includes(reasons.get(second.url) ?? ''), detail);
    assert.match(detail, new RegExp(`1 of 2 replicas answered.*${third.url} could not be asked \\(.*outcome unknown`));
    assert.ok(['not-enough-replicas', 'timeout'].includes(problemCode(refused)));
  });

  await t.test('a node with another secret is down with that reason, and the quorum at risk', async () => {
    third.spawn(['--cluster-secret', 'of somebody else']);
    await eventually(async () => {
      const { code, stderr, stdout } = await kvorumInProcess(['status', '--url', first.url]);
      assert.match(stderr, new RegExp(`${first.url} has ${third.url} down: .*secret`), stderr);
      assert.match(stderr, new RegExp(`${first.url} says: 1 node does not count for .*any one more loss stops`));
      assert.match(stdout.toString(), /at-risk/);
      assert.equal(code, 1);
    });
  });
});
