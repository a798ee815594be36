/**
 * Nodes that lost their data, were given other data, or are not who they say: none of them answers for what it does not know.
 * The rules one by one are in test/domain/standing.test.ts and recovery.test.ts.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../../src/free-ports.ts';
import type { RepairSection } from '../../src/status/repair.ts';
import { ask, problemCode, type Answer } from '../support/client.ts';
import { Cluster, prepareCluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { expectedHolders } from '../support/expected-holders.ts';
import { NodeProcess } from '../support/node-process.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { standingOf } from '../support/standing.ts';
import { storedRecords } from '../support/stored-records.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorum } from '../cli/kvorum.ts';

const keysOf = (count: number, what: string): string[] =>
  Array.from({ length: count }, (_, index) => `${what} ${index}`);
const aCopy = { ack: 1, from: 1 };

async function putAll(cluster: Cluster, through: number, keys: readonly string[]): Promise<void> {
  for (const key of keys) assert.equal((await cluster.put(through, key, `value of ${key}`)).status, 201, key);
}

/** Writes until it is acknowledged: deadlines are short, and the machine may be slow. */
async function acknowledged(write: () => Promise<Answer>): Promise<void> {
  await eventually(async () => {
    const { status } = await write();
    assert.ok(status === 201 || status === 202, `${status}`);
  });
}

async function isThere(cluster: Cluster, through: number, keys: readonly string[]): Promise<void> {
  const reads = await Promise.all(keys.map((key) => cluster.get(through, key)));
  for (const [at, { body }] of reads.entries()) assert.equal(body.toString(), `value of ${keys[at]}`, keys[at]);
}

async function allVote({ nodes }: Cluster): Promise<void> {
  await eventually(async () => {
    for (const { url } of nodes) assert.equal((await standingOf(url)).state, 'voting');
  });
}

function markFile({ dataDirectory }: NodeProcess): string {
  return join(dataDirectory, 'kvorum.json');
}

/** As if the machine had gone down while the node ran: its marks say so. */
function loseBoot(node: NodeProcess): void {
  const mark = JSON.parse(readFileSync(markFile(node), 'utf8')) as Record<string, unknown>;
  writeFileSync(markFile(node), JSON.stringify({ ...mark, bootId: 'another', clean: false }));
}

test('three nodes', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 3, flags: ['--timeout-ms', '5s'] });
  const [first, second, third] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  const keys = keysOf(40, 'missed');

  await t.test('started one after another are ready, wait for each other, and vote when all are there', async () => {
    await first.start();
    const alone = await standingOf(first.url);
    assert.deepEqual([alone.state, alone.awaited?.toSorted()], ['forming', [second.url, third.url].toSorted()]);
    await second.start();
    assert.equal((await cluster.put(0, 'early', 'value of early')).status, 201, 'it takes writes');
    assert.equal((await cluster.get(1, 'early')).status, 504, 'and does not vote');
    await third.start();
    await allVote(cluster);
    await isThere(cluster, 2, ['early']);
  });

  await t.test('one that is wiped beside one that missed writes hides none of them', async () => {
    await cluster.stop(2);
    await putAll(cluster, 0, keys);
    await cluster.start(2);
    await cluster.stop(0, 'SIGKILL');
    rmSync(first.dataDirectory, { recursive: true });
    first.spawn();
    const reads = await Promise.all(keys.map((key) => cluster.get(2, key)));
    for (const [index, { status }] of reads.entries())
      assert.ok(status === 200 || status === 504, `${keys[index]}: ${status}`);
    await first.ready();
    await isThere(cluster, 2, keys);
    for (const key of ['early', ...keys]) assert.equal((await cluster.get(0, key, aCopy)).status, 200, key);
    assert.ok(first.logs.some(({ message }) => message === 'this node has recovered'));
  });

  await t.test('one that is wiped while another is down waits for that one, and takes writes meanwhile', async () => {
    await cluster.stop(2);
    await cluster.stop(0);
    rmSync(first.dataDirectory, { recursive: true });
    first.spawn();
    await eventually(async () => {
      const { state, peers } = await standingOf(first.url);
      assert.equal(state, 'recovering');
      assert.deepEqual(
        peers?.filter(({ isMerged }) => isMerged).map(({ url }) => url),
        [second.url],
      );
    });
    const ready = await ask(first.url, '/readyz');
    assert.deepEqual([ready.status, problemCode(ready)], [503, 'recovering']);
    const verbose = (await ask(first.url, '/readyz?verbose')).body.toString();
    assert.match(verbose, new RegExp(`^recovering\nstanding: recovering \\(empty\\)\n[^]*${second.url}: merged\n`));
    assert.equal((await cluster.get(1, 'early')).status, 504);
    await eventually(async () => assert.equal((await cluster.put(1, 'meanwhile', 'value of meanwhile')).status, 201));
    await third.start();
    await first.ready();
    await isThere(cluster, 0, ['early', 'meanwhile', ...keys]);
  });

  await t.test('a directory that is replaced by an older copy of itself is set aside', async () => {
    const copy = join(temporaryDirectory(t), 'copy');
    await cluster.stop(1);
    cpSync(second.dataDirectory, copy, { recursive: true });
    await cluster.start(1);
    await putAll(cluster, 1, ['later']);
    await cluster.stop(1);
    rmSync(second.dataDirectory, { recursive: true });
    cpSync(copy, second.dataDirectory, { recursive: true });
    await cluster.start(1);
    assert.ok(readdirSync(second.dataDirectory).some((name) => name.startsWith('set-aside-')));
    assert.ok(second.logs.some(({ message }) => message.includes('set aside')));
    // The store that takes its place is compared with the peers' as any other.
    await ask(second.url, '/v0/repair', { method: 'POST' });
    await eventually(async () => {
      const { repair } = JSON.parse((await ask(second.url, '/v0/status')).body.toString()) as { repair: RepairSection };
      assert.ok(
        repair.peers.every(({ identicalAt }) => identicalAt !== null),
        JSON.stringify(repair.peers),
      );
    });
    for (const key of ['early', 'later', ...keys]) assert.equal((await cluster.get(1, key, aCopy)).status, 200, key);
  });

  await t.test('a node with the --self of a running one is refused by the others, and says so', async () => {
    const [port = 0] = await freePorts(1);
    const impostor = new NodeProcess({
      port,
      self: second.url,
      cluster: cluster.nodes.map(({ url }) => url),
      dataDirectory: join(temporaryDirectory(t), 'impostor'),
      flags: ['--timeout-ms', '5s'],
      environment: {},
    });
    t.after(() => impostor.kill());
    impostor.spawn();
    const reached = `http://127.0.0.1:${port}`;
    await eventually(async () => assert.equal(problemCode(await ask(reached, '/readyz')), 'refused'));
    const written = await ask(reached, '/v0/entity?id=forged', { method: 'PUT', body: 'x' });
    assert.equal(written.status, 504);
    assert.ok(impostor.logs.some(({ level, message }) => level === 'error' && message.includes('refuses this node')));
    await isThere(cluster, 1, ['early']);
    assert.equal((await ask(second.url, '/readyz')).status, 200);
    await impostor.kill();
  });

  await t.test('a node whose log is damaged starts and gets from its peers what it lost', async () => {
    await putAll(cluster, 0, keysOf(20, 'logged'));
    await cluster.stop(1, 'SIGKILL');
    damageLog(second);
    await cluster.start(1);
    assert.ok(second.logs.some(({ message }) => message.includes('the log was damaged')));
    for (const key of keysOf(20, 'logged')) assert.equal((await cluster.get(1, key, aCopy)).status, 200, key);
    assert.equal(existsSync(join(second.dataDirectory, 'log-damaged')), false);
  });

  await t.test('a node whose log is gone, newest file and all, does the same', async () => {
    await putAll(cluster, 0, keysOf(20, 'gone'));
    await cluster.stop(1, 'SIGKILL');
    const logged = second.logs.length;
    rmSync(join(second.dataDirectory, 'log'), { recursive: true });
    await cluster.start(1);
    assert.ok(second.logs.slice(logged).some(({ message }) => message.includes('the log was damaged')));
    for (const key of keysOf(20, 'gone')) assert.equal((await cluster.get(1, key, aCopy)).status, 200, key);
  });

  await t.test(
    'a wiped one that is started with --new-cluster by mistake recovers from those that are up',
    async () => {
      await cluster.stop(1, 'SIGKILL');
      rmSync(second.dataDirectory, { recursive: true });
      await second.start(['--new-cluster']);
      // A machine that is slow may let it be ready before it has met the others.
      await eventually(async () => {
        for (const key of keysOf(20, 'gone')) assert.equal((await cluster.get(1, key, aCopy)).status, 200, key);
      });
    },
  );

  await t.test('with two that are wiped the third alone is not believed, until somebody says so', async () => {
    await cluster.stopAll();
    for (const { dataDirectory } of [first, second]) rmSync(dataDirectory, { recursive: true });
    await third.start();
    for (const node of [first, second]) node.spawn();
    await eventually(async () => {
      for (const { url } of [first, second]) {
        const { state, peers } = await standingOf(url);
        assert.deepEqual([state, peers?.find((peer) => peer.url === third.url)?.isMerged], ['recovering', true]);
      }
    });
    assert.equal((await cluster.get(2, 'early')).status, 504);
    await Promise.all([first.stop(), second.stop()]);
    const asked = await kvorum(['recover', '--data', first.dataDirectory]);
    assert.deepEqual([asked.code, asked.stderr.includes('lost for good')], [2, true]);
    assert.equal((await kvorum(['recover', '--accept-loss', '--data', first.dataDirectory])).code, 0);
    await Promise.all([first.start(), second.start()]);
    await isThere(cluster, 2, ['early', 'later', ...keys]);
  });
});

/** Bytes of the log's groups that are on the disk change. */
function damageLog({ dataDirectory }: NodeProcess): void {
  const folder = join(dataDirectory, 'log');
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('value of logged 3');
    if (at < 0) continue;
    bytes.write('x', at);
    writeFileSync(join(folder, name), bytes);
    return;
  }
  assert.fail('the log holds what was written');
}

test('nodes that lost power together at durability commit merge with each other and vote', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability: 'commit' });
  await putAll(cluster, 0, keysOf(10, 'kept'));
  await cluster.stopAll('SIGKILL');
  for (const node of cluster.nodes) loseBoot(node);
  await cluster.startAll();
  await isThere(cluster, 1, keysOf(10, 'kept'));
  assert.ok(cluster.node(0).stderr.includes('"reason":"power-loss"'), 'it was noticed');
});

test('a store under another identity is refused by both names', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, flags: ['--replication-factor', '1'] });
  const [first, second] = [cluster.node(0), cluster.node(1)];
  await cluster.stopAll();

  await t.test('of another node of its cluster', async () => {
    const aside = `${first.dataDirectory}-aside`;
    const swap = (): void => {
      renameSync(first.dataDirectory, aside);
      renameSync(second.dataDirectory, first.dataDirectory);
      renameSync(aside, second.dataDirectory);
    };
    swap();
    first.spawn();
    assert.equal((await first.exited).code, 1);
    assert.match(
      first.stderr,
      new RegExp(`it belongs to ${second.url} of .*this start is ${first.url} of .*--self ${second.url}`),
    );
    swap();
  });

  await t.test('of a cluster with another list, or other copies of a record', async () => {
    first.spawn(['--replication-factor', '2']);
    assert.equal((await first.exited).code, 1);
    assert.match(first.stderr, /replication factor 1; this start is .* with replication factor 2; .*--new-topology/);
  });

  await t.test('and opens under its own', async () => {
    await cluster.startAll();
  });
});

test('from three nodes to five by --new-topology every key is found, with one of the five gone', async (t) => {
  const ports = await freePorts(5);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const directory = temporaryDirectory(t);
  mkdirSync(directory, { recursive: true });
  const quick = ['--purge-interval-ms', '300', '--repair-interval-ms', '300', '--clock-drift-ms-max', '100'];
  const nodeOf = (index: number, cluster: readonly string[]): NodeProcess => {
    const dataDirectory = join(directory, `n${index}`);
    const flags = ['--timeout-ms', '2s', '--replication-factor', '3', ...quick];
    const node = new NodeProcess({ port: ports[index] ?? 0, cluster, dataDirectory, flags, environment: {} });
    t.after(() => node.kill());
    return node;
  };
  const three = new Cluster([0, 1, 2].map((index) => nodeOf(index, urls.slice(0, 3))));
  const five = new Cluster([0, 1, 2, 3, 4].map((index) => nodeOf(index, urls)));
  const [keys, deleted] = [keysOf(120, 'moved'), keysOf(80, 'deleted')];
  await three.startAll();
  await Promise.all(deleted.map((key) => acknowledged(() => three.put(0, key, 'deleted'))));
  await three.stop(0, 'SIGKILL');
  await Promise.all(keys.map((key) => acknowledged(() => three.put(1, key, `value of ${key}`))));
  await Promise.all(deleted.map((key) => acknowledged(() => three.del(2, key))));
  await acknowledged(() => three.put(1, 'large', Buffer.alloc(300_000, 'large')));
  await three.stopAll();

  await t.test('without it the new list is refused', async () => {
    five.node(0).spawn();
    assert.equal((await five.node(0).exited).code, 1);
    assert.match(five.node(0).stderr, /--new-topology/);
  });

  await t.test(
    'with it the data moves, and what nobody needs any more goes, not what clients want more copies of',
    async () => {
      await Promise.all(five.nodes.map((node) => node.start(['--new-topology'])));
      await allVote(five);
      await acknowledged(() => five.put(0, 'everywhere', 'value of everywhere', { ack: 5, from: 5 }));
      await eventually(async () => {
        for (const { url } of five.nodes) {
          const { body } = await ask(url, '/v0/status');
          const { repair } = JSON.parse(body.toString()) as { repair: RepairSection };
          assert.deepEqual([repair.surplus.state, repair.surplus.left], ['none', 0], url);
        }
      });
      const removed = await Promise.all(
        [0, 1, 2].map((at) => metricTotal(urls[at] ?? '', 'kvorum_surplus_removed_total')),
      );
      assert.ok(
        removed.every((count) => count > 20),
        removed.join(),
      );
    },
  );

  await t.test(
    'every key is found with one of the five gone, what was deleted stays so, and the flag may go',
    async () => {
      await five.stop(2, 'SIGKILL');
      await isThere(five, 4, keys.slice(0, 60));
      assert.equal((await five.get(3, 'large')).body.length, 300_000);
      const gone = await Promise.all(deleted.map((key) => five.get(0, key)));
      for (const [at, { status }] of gone.entries()) assert.equal(status, 404, deleted[at]);
      await five.start(2);
      await isThere(five, 2, keys.slice(60));
    },
  );

  await t.test('each record is on as many nodes as it has copies, and nowhere else', async () => {
    await five.stopAll();
    const held = await Promise.all(five.nodes.map((node) => storedRecords(node.dataDirectory)));
    for (const key of [...keys, 'large', 'everywhere']) {
      const holders = [...five.nodes.keys()].filter((node) => held[node]?.has(key));
      assert.deepEqual(holders, expectedHolders(five, key, key === 'everywhere' ? 5 : 3), key);
    }
    for (const records of held) for (const key of deleted) assert.notEqual(records.get(key)?.deleted, false, key);
  });
});
