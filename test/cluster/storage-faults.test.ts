/** A full disk rejects writes and nothing else; a disk that fails ends the node before it acknowledges what it lost. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf } from '../../src/diagnostics/errors.ts';
import { durabilities, modes } from '../../src/domain/modes.ts';
import { problemCode } from '../support/client.ts';
import { prepareCluster, startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { inject, mountSmall, whyNoInjection, whyNoMount } from '../support/fault-injection.ts';
import { seededRandom } from '../support/random.ts';
import { storedRecords } from '../support/stored-records.ts';

const value = 'x'.repeat(60_000);
/** The log meets a full disk where it makes a file, so the small disks have small ones. */
const smallLog = ['--log-segment-bytes', '1MiB', '--memtable-bytes-max', '2MiB'];
const small = ['--store-bytes-max', '64MiB', ...smallLog];

/** Writes until the disk is full; returns the keys that were acknowledged. */
async function fill(cluster: Cluster, quorum = {}): Promise<string[]> {
  const written: string[] = [];
  for (let index = 0; index < 1000; index++) {
    const answer = await cluster.put(0, `fill ${index}`, value, quorum);
    if (answer.status !== 201) {
      assert.deepEqual([answer.status, problemCode(answer)], [507, 'disk-full']);
      return written;
    }
    written.push(`fill ${index}`);
  }
  return assert.fail('the disk did not fill');
}

async function readBack(cluster: Cluster, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { status, body } = await cluster.get(0, key);
    assert.equal(status, 200, `${key}: ${body.toString()} ${cluster.node(0).stderr.slice(-1000)}`);
    assert.ok(body.equals(Buffer.from(value)), key);
  }
}

const noMount = whyNoMount();

for (const durability of durabilities) {
  test(`a full disk at durability ${durability}`, { skip: noMount ?? false }, async (t) => {
    const cluster = await prepareCluster(t, { nodes: 1, durability, flags: small });
    const { dataDirectory } = cluster.node(0);
    const filler = onSmallDisk(cluster, dataDirectory);
    await cluster.start(0);
    const written = await fill(cluster);

    await t.test('writes and deletes are 507, reads go on, and the node stays ready', async () => {
      assert.ok(written.length > 0);
      for (const _ of [1, 2, 3]) assert.equal((await cluster.put(0, 'one more', value)).status, 507);
      await readBack(cluster, written);
      assert.equal((await cluster.get(0, 'one more')).status, 404);
    });

    await t.test('writes are accepted again when there is room', async () => {
      rmSync(filler);
      await eventually(async () => assert.equal((await cluster.put(0, 'one more', value)).status, 201));
      await readBack(cluster, [...written, 'one more']);
    });

    await t.test('everything acknowledged is there after a restart', async () => {
      await cluster.stop(0, 'SIGKILL');
      await cluster.start(0);
      await readBack(cluster, [...written, 'one more']);
      assert.equal((await cluster.stop(0)).code, 0);
    });
  });
}

for (const durability of durabilities) {
  const name = `a disk that is full again and again never ends a node at durability ${durability}, and costs nothing`;
  test(name, { skip: noMount ?? false }, async (t) => {
    const random = seededRandom(t);
    const cluster = await prepareCluster(t, { nodes: 1, durability, flags: small });
    const { dataDirectory } = cluster.node(0);
    const filler = onSmallDisk(cluster, dataDirectory, 20);
    await cluster.start(0);
    const known = new Map<string, Buffer | undefined>();
    const statuses = new Map<number, number>();
    for (let round = 0; round < 40; round++) {
      // Most of the disk comes and goes.
      if (round % 4 === 0) fillUp(filler, random.below(20));
      const keys = new Set(Array.from({ length: 24 }, () => `key ${random.below(200)}`));
      await Promise.all(
        [...keys].map(async (key) => {
          const sizes = [0, 100, 4000, 60_000, 300_000];
          const written = Buffer.alloc(sizes[random.below(sizes.length)] ?? 0, `${key} ${round} `);
          const deletes = random.below(5) === 0;
          const { status } = await (deletes ? cluster.del(0, key) : cluster.put(0, key, written));
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status !== 507) known.set(key, deletes ? undefined : written);
        }),
      ).catch(async (error: unknown) => {
        const { stderr } = cluster.node(0);
        const { signal } = await cluster.stop(0);
        return assert.fail(`round ${round}: ${String(error)}, ended by ${signal}: ${stderr.slice(-2000)}`);
      });
    }
    t.diagnostic(JSON.stringify([...statuses]));
    assert.ok((statuses.get(507) ?? 0) > 0 && (statuses.get(201) ?? 0) > 0, 'it was full, and it was not');
    rmSync(filler);
    await cluster.stop(0, 'SIGKILL');
    await cluster.start(0);
    for (const [key, kept] of known) {
      const answer = await cluster.get(0, key);
      assert.equal(answer.status, kept === undefined ? 404 : 200, key);
      if (kept !== undefined) assert.ok(answer.body.equals(kept), key);
    }
  });
}

/** Makes a file of so many MiB, or as many as there is room for. */
function fillUp(filler: string, mebibytes: number): void {
  writeFileSync(filler, '');
  try {
    for (let one = 0; one < mebibytes; one++) appendFileSync(filler, Buffer.alloc(1024 * 1024));
  } catch (error) {
    assert.equal(codeOf(error), 'ENOSPC');
  }
}

/** Puts a data directory on a tmpfs, by default of 8 MiB, of which 3 are taken by a file; returns the file. */
function onSmallDisk(cluster: Cluster, dataDirectory: string, mebibytes = 8): string {
  mkdirSync(dataDirectory, { recursive: true });
  const disk = mountSmall(dataDirectory, mebibytes);
  cluster.afterNodes.push(() => disk.unmount());
  const filler = join(dataDirectory, 'filler');
  writeFileSync(filler, Buffer.alloc(3 * 1024 * 1024));
  return filler;
}

const bounded = [
  ...modes.map((mode) => ({ mode, durability: 'commit' as const })),
  { mode: 'batched', durability: 'fsync' },
] as const;
for (const { mode, durability } of bounded) {
  test(`--store-bytes-max bounds the store like a disk, in mode ${mode} at durability ${durability}`, async (t) => {
    const flags = ['--store-bytes-max', '4MiB', '--value-bytes-max', '100KiB'];
    const cluster = await startCluster(t, { nodes: 1, mode, durability, flags });
    const written = await fill(cluster);
    assert.ok(written.length > 20, `${written.length} values fit`);
    await readBack(cluster, written);
    // Each worker finds by itself that the store is full: the owner of this key may not have done so yet.
    await eventually(async () => assert.equal((await cluster.put(0, 'one more', value)).status, 507));
    await cluster.stop(0);
    await cluster.start(0);
    await readBack(cluster, written);
  });
}

test('a node whose disk is full stops in good order and starts again', { skip: noMount ?? false }, async (t) => {
  const cluster = await prepareCluster(t, { nodes: 1, flags: small });
  onSmallDisk(cluster, cluster.node(0).dataDirectory);
  await cluster.start(0);
  const written = await fill(cluster);
  assert.equal((await cluster.stop(0)).code, 0);
  await cluster.start(0);
  await readBack(cluster, written);
  assert.equal((await cluster.put(0, 'one more', value)).status, 507);
});

test('a full disk and another number of workers: the node waits for room', { skip: noMount ?? false }, async (t) => {
  const cluster = await prepareCluster(t, { nodes: 1, flags: small });
  const filler = onSmallDisk(cluster, cluster.node(0).dataDirectory);
  await cluster.start(0);
  const written = await fill(cluster);
  await cluster.stop(0);
  await assert.rejects(cluster.start(0, ['--workers', '2']), /written with another number of workers; make room/);
  await cluster.start(0);
  await readBack(cluster, written);
  await cluster.stop(0);
  rmSync(filler);
  await cluster.start(0, ['--workers', '2']);
  await readBack(cluster, written);
});

test('one full replica of three', { skip: noMount ?? false }, async (t) => {
  const cluster = await prepareCluster(t, { nodes: 3, flags: small });
  onSmallDisk(cluster, cluster.node(0).dataDirectory);
  await cluster.startAll();
  const written = await fill(cluster, { ack: 3, from: 3 });
  assert.equal((await cluster.put(0, 'two of three', value)).status, 201, 'the others are a quorum');
  assert.equal((await cluster.get(1, 'two of three')).status, 200);
  await readBack(cluster, written);
});

const noInjection = whyNoInjection();

test('a store whose disk fails', { skip: noInjection ?? false }, async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: smallLog });
  const [failing] = cluster.nodes;
  assert.ok(failing !== undefined);
  // More than a segment of the log, so that a file is made, filled and checkpointed while the fault is there.
  const writeSome = async (node: number, name: string): Promise<string[]> => {
    const acknowledged: string[] = [];
    for (let index = 0; index < 20; index++) {
      const key = `${name} ${index}`;
      const answer = await cluster.put(node, key, longValue(key)).catch(() => undefined);
      if (answer?.status === 201) acknowledged.push(key);
    }
    return acknowledged;
  };
  let writtenBefore = 0;

  for (const fault of [
    'fdatasync:error=EIO',
    'pwrite64:error=EIO',
    'pwrite64:error=EIO:when=2+',
    'fdatasync:error=EIO:when=2',
  ]) {
    await t.test(`(${fault}) ends its node and loses nothing acknowledged`, async (sub) => {
      const before = await writeSome(0, `before ${fault}`);
      assert.equal(before.length, 20);
      writtenBefore += before.length;
      const said = failing.stderr.length;
      const injection = await inject(sub, failing.pid ?? 0, fault);
      const during = await writeSome(1, `during ${fault}`);
      const through = await writeSome(0, `through the failing node, ${fault}`);
      const { code, signal } = await failing.exited;
      await injection.end();
      // A write that the disk refuses overruns a buffer of LMDB's, which may end the process by itself.
      if (!(code === null && (signal === 'SIGABRT' || signal === 'SIGSEGV') && fault.includes('pwrite64'))) {
        assert.equal(code, 1, failing.stderr.slice(-2000));
        assert.match(failing.stderr.slice(said), /kvorum: Storage failed: .*(Input\/output error|EIO)/);
      }
      assert.equal((await cluster.put(2, `after ${fault}`, 'after')).status, 201, 'the other two serve on');

      const mark = JSON.parse(readFileSync(join(failing.dataDirectory, 'kvorum.json'), 'utf8')) as { clean: boolean };
      assert.equal(mark.clean, false, 'a store that failed is not marked clean');
      await cluster.start(0);
      for (const key of [...before, ...during, ...through])
        assert.equal((await cluster.get(0, key, { ack: 3, from: 3 })).body.toString(), longValue(key));
    });
  }

  await t.test('its records can be read', async () => {
    await cluster.stopAll();
    assert.ok((await storedRecords(failing.dataDirectory)).size >= writtenBefore);
  });
});

test(
  'a disk that is full by its own account (ENOSPC) is 507 and no more',
  { skip: noInjection ?? false },
  async (t) => {
    for (const durability of durabilities) {
      const cluster = await startCluster(t, { nodes: 1, durability });
      const { pid } = cluster.node(0);
      assert.ok(pid !== undefined);
      assert.equal((await cluster.put(0, 'before', value)).status, 201);
      const injection = await inject(t, pid, 'pwrite64,pwritev,writev:error=ENOSPC');
      for (const _ of [1, 2, 3]) assert.equal((await cluster.put(0, 'during', value)).status, 507);
      await readNone(cluster);
      await injection.end();
      assert.equal((await cluster.put(0, 'after', value)).status, 201);
      await readBack(cluster, ['before', 'after']);
      assert.equal((await cluster.stop(0)).code, 0);
    }
  },
);

async function readNone(cluster: Cluster): Promise<void> {
  assert.equal((await cluster.get(0, 'during')).status, 404);
}

function longValue(key: string): string {
  return key.repeat(Math.ceil(value.length / key.length));
}

for (const durability of durabilities) {
  for (const fault of ['fdatasync:error=EIO', 'pwrite64,writev:error=EIO']) {
    const name = `a disk that fails at a stop at durability ${durability} (${fault}) is told, with exit code 1`;
    test(name, { skip: noInjection ?? false }, async (t) => {
      const cluster = await startCluster(t, { nodes: 1, durability });
      const node = cluster.node(0);
      const key = 'acknowledged before';
      assert.equal((await cluster.put(0, key, key)).status, 201);
      const injection = await inject(t, node.pid ?? 0, fault);
      const { code } = await cluster.stop(0);
      await injection.end();
      assert.equal(code, 1);
      assert.match(
        node.stderr,
        /kvorum: (?:The store could not be closed in good order: )?Storage failed: .*(Input\/output error|EIO)/,
      );
      await cluster.start(0);
      assert.equal((await cluster.get(0, key)).body.toString(), key, 'the machine has not lost its power');
    });
  }
}

for (const fault of ['fsync:error=EIO', 'openat:error=EIO']) {
  test(`a log file that cannot be made (${fault}) ends the node`, { skip: noInjection ?? false }, async (t) => {
    const cluster = await startCluster(t, { nodes: 1 });
    const node = cluster.node(0);
    await inject(t, node.pid ?? 0, fault);
    // The first write takes the file that is ready, so that the next one is made.
    await cluster.put(0, 'first', 'v').catch(() => undefined);
    const { code } = await node.exited;
    assert.equal(code, 1);
    assert.match(node.stderr, /kvorum: Storage failed: .*EIO/);
  });
}
