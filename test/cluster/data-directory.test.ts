/**
 * A node and its data directory: what it creates, what it refuses to touch, and what it makes of damage. Which marks it
 * refuses is tested one by one in test/data-directory.test.ts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { storeFormat } from '../../src/data-directory.ts';
import { freePorts } from '../../src/free-ports.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, startCluster } from '../support/cluster.ts';
import { NodeProcess } from '../support/node-process.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { withDatabase, withRecords } from '../support/stored-records.ts';
import { writeOldStore } from '../support/old-store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A single node over a directory; it is expected not to start. */
async function refused(
  dataDirectory: string,
  flags: readonly string[] = [],
): Promise<{ code: number | null; said: string }> {
  const [port = 0] = await freePorts(1);
  const cluster = [`http://127.0.0.1:${port}`];
  const node = new NodeProcess({ port, cluster, dataDirectory, flags, environment: {} });
  node.spawn();
  const { code } = await node.exited;
  return { code, said: node.stderr };
}

function assertRefused({ code, said }: { code: number | null; said: string }, ...parts: string[]): void {
  assert.equal(code, 1, said);
  assert.equal(said.trimEnd().split('\n').length, 1, `one line: ${said}`);
  for (const part of parts) assert.ok(said.includes(part), `"${part}" in: ${said}`);
  assert.doesNotMatch(said, /\n\s+at /, 'no stack trace');
}

const markFile = (directory: string): string => join(directory, 'kvorum.json');
const readMark = (directory: string): Record<string, unknown> =>
  JSON.parse(readFileSync(markFile(directory), 'utf8')) as Record<string, unknown>;
const writeMark = (directory: string, changes: Record<string, unknown>): void =>
  writeFileSync(markFile(directory), JSON.stringify({ ...readMark(directory), ...changes }));

test('a missing directory is created, with those above it', async (t) => {
  const [port = 0] = await freePorts(1);
  const dataDirectory = join(temporaryDirectory(t), 'a/b/c');
  const node = new NodeProcess({
    port,
    cluster: [`http://127.0.0.1:${port}`],
    dataDirectory,
    flags: [],
    environment: {},
  });
  t.after(() => node.kill());
  await node.start();
  assert.ok(existsSync(markFile(dataDirectory)));
  assert.equal(readMark(dataDirectory)['clean'], false, 'in use');
  assert.equal((await node.stop()).code, 0);
  assert.equal(readMark(dataDirectory)['clean'], true, 'closed');
});

test('what a node creates is for its user alone, and a directory that others may enter is left as it is and told of', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 2 });
  const [mine, theirs] = [cluster.node(0), cluster.node(1)];
  mkdirSync(theirs.dataDirectory);
  chmodSync(theirs.dataDirectory, 0o755);
  await cluster.startAll();
  assert.equal((await cluster.put(0, 'a', 'v')).status, 201);
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  for (const { dataDirectory } of [mine, theirs]) {
    const inside = readdirSync(dataDirectory, { recursive: true, withFileTypes: true });
    assert.ok(
      ['store.mdb', 'store.mdb-lock', 'kvorum.json', 'log', 'lock'].every((name) =>
        inside.some((one) => one.name === name),
      ),
    );
    for (const entry of inside) {
      assert.equal(modeOf(join(entry.parentPath, entry.name)), entry.isDirectory() ? '700' : '600', entry.name);
    }
  }
  assert.equal(modeOf(mine.dataDirectory), '700');
  assert.equal(modeOf(theirs.dataDirectory), '755');
  const told = ({ logs }: NodeProcess): boolean => logs.some(({ message }) => message.includes('chmod 700'));
  assert.deepEqual([told(mine), told(theirs)], [false, true]);
});

test('beside a running node', async (t) => {
  const cluster = await startCluster(t, { nodes: 1 });
  const { dataDirectory, port, url, pid } = cluster.node(0);

  await t.test('its port is refused by name, and the store of the refused node stays marked clean', async () => {
    const directory = temporaryDirectory(t);
    const flags = ['--durability', 'commit'];
    const node = new NodeProcess({ port, cluster: [url], dataDirectory: directory, flags, environment: {} });
    node.spawn();
    const { code } = await node.exited;
    assertRefused({ code, said: node.stderr }, String(port));
    assert.equal(readMark(directory)['clean'], true);
  });

  await t.test('its directory is refused, and it serves on', async () => {
    await cluster.put(0, 'a', 'v');
    assertRefused(await refused(dataDirectory), dataDirectory, String(pid));
    assert.equal((await cluster.put(0, 'b', 'v')).status, 201);
    assert.equal((await cluster.get(0, 'a')).body.toString(), 'v');
    await cluster.stop(0, 'SIGKILL');
    await cluster.start(0);
    assert.equal((await cluster.get(0, 'b')).body.toString(), 'v', 'a killed owner locks its directory no longer');
  });
});

test('a path that cannot be a directory is refused by name', async (t) => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, 'x');
  assertRefused(await refused(file), file);
  assertRefused(await refused(join(file, 'below')), join(file, 'below'));
});

test('a directory of a newer format is refused', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(markFile(directory), '{"format":99}');
  assertRefused(await refused(directory), directory, '99', 'newer');
  assert.ok(!existsSync(join(directory, 'store.mdb')), 'and not touched');
});

test('a mark that is no JSON is refused by name', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(markFile(directory), 'not json');
  assertRefused(await refused(directory), directory, 'kvorum.json');
});

test('a store file that is none is refused by name', async (t) => {
  for (const content of ['short', 'this is not a store'.repeat(1000)]) {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'store.mdb'), content);
    assertRefused(await refused(directory), directory);
  }
});

test('a path in place of the log that is no directory is refused by name', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'log'), 'x');
  assertRefused(await refused(directory), directory, 'log');
});

test('durability commit after an unclean stop and another boot needs nobody to say so', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 1, durability: 'commit' });
  const node = cluster.node(0);
  await node.start();
  await cluster.put(0, 'a', 'v');
  await node.stop('SIGKILL');
  writeMark(node.dataDirectory, { bootId: 'another' });
  await node.start();
  assert.equal((await cluster.get(0, 'a')).body.toString(), 'v');
  await node.stop();
});

for (const format of [1, 2]) {
  test(`a store of format ${format}`, async (t) => {
    const cluster = await prepareCluster(t, { nodes: 1 });
    const node = cluster.node(0);
    const records = await writeOldStore(node.dataDirectory, format);

    await t.test('is refused where durability commit was cut off by another boot, and not touched', async () => {
      writeMark(node.dataDirectory, { durability: 'commit', clean: false, bootId: 'another' });
      assertRefused(await refused(node.dataDirectory), node.dataDirectory, 'remove the directory');
      assert.equal(readMark(node.dataDirectory)['format'], format);
      assert.ok(!existsSync(join(node.dataDirectory, 'log')));
    });

    await t.test(
      'opens with all that it has, takes newer and refuses older versions, and is carried over',
      async () => {
        writeMark(node.dataDirectory, { durability: 'commit', clean: true });
        await node.start();
        for (const [key, value] of records) {
          const answer = await cluster.get(0, key);
          assert.equal(answer.status, value === undefined ? 404 : 200, key);
          if (value !== undefined) assert.ok(answer.body.equals(value), key);
        }
        assert.equal((await cluster.put(0, 'small', 'newer')).status, 201);
        assert.equal((await cluster.put(0, 'deleted', 'again')).status, 201);
        assert.equal((await cluster.stop(0)).code, 0);
        assert.equal(readMark(node.dataDirectory)['format'], storeFormat);
        await node.start();
        assert.equal((await cluster.get(0, 'small')).body.toString(), 'newer');
        assert.equal((await cluster.get(0, 'deleted')).body.toString(), 'again');
        assert.ok((await cluster.get(0, 'large')).body.equals(records.get('large') ?? Buffer.alloc(0)));
        await node.stop();
      },
    );

    await t.test('loses the chunks that no record names', async () => {
      const left = await withDatabase(node.dataDirectory, 'chunks', (chunks) => chunks.getKeysCount());
      assert.equal(left, 2, 'those of the large value');
    });
  });
}

test('a damaged record is no vote, is served from the other replicas, and is repaired', async (t) => {
  const cluster = await startCluster(t, { nodes: 3 });
  const all = { ack: 3, from: 3 };
  const keys = ['value flipped', 'version flipped', 'kind flipped', 'cut short', 'replaced'];
  for (const key of keys) await cluster.put(0, key, `the value of ${key}`, all);
  await cluster.stop(1);
  const damaged = cluster.node(1);
  await damage(damaged.dataDirectory, 'value flipped', (record) => flip(record, record.length - 1));
  await damage(damaged.dataDirectory, 'version flipped', (record) => flip(record, 15));
  await damage(damaged.dataDirectory, 'kind flipped', (record) => flip(record, 16));
  await damage(damaged.dataDirectory, 'cut short', (record) => record.subarray(0, 9));
  await damage(damaged.dataDirectory, 'replaced', (record) => flip(record, 12));
  await cluster.start(1);

  await t.test('a write replaces it', async () => {
    assert.equal((await cluster.put(2, 'replaced', 'anew', all)).status, 201);
    assert.equal((await cluster.get(1, 'replaced', all)).body.toString(), 'anew');
  });

  await t.test('it is served from the others and counted', async () => {
    for (const key of keys.slice(0, 4)) {
      assert.equal((await cluster.get(1, key)).body.toString(), `the value of ${key}`);
    }
    assert.ok((await metricTotal(damaged.url, 'kvorum_store_corrupt_records_total')) >= 4);
    assert.ok(damaged.logs.some(({ level, message }) => level === 'error' && message.includes('checksum')));
  });

  await t.test('it is whole again after the read', async () => {
    for (const key of keys) {
      await eventually(async () => assert.equal((await cluster.get(1, key, all)).status, 200));
    }
    const before = await metricTotal(damaged.url, 'kvorum_store_corrupt_records_total');
    for (const key of keys) assert.equal((await cluster.get(1, key, all)).status, 200);
    assert.equal(await metricTotal(damaged.url, 'kvorum_store_corrupt_records_total'), before);
    assert.equal((await ask(damaged.url, '/readyz')).status, 200);
  });
});

function damage(directory: string, key: string, change: (record: Buffer) => Buffer): Promise<void> {
  return withRecords(directory, (records) => {
    const name = Buffer.from(key);
    const record = records.getBinary(name);
    assert.ok(record !== undefined, `${key} is stored`);
    records.putSync(name, change(Buffer.from(record)));
  });
}

function flip(record: Buffer, at: number): Buffer {
  record[at] = (record[at] ?? 0) ^ 0x41;
  return record;
}
