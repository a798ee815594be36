/** `kvorum backup` and `kvorum restore` against real nodes: whatever a cluster holds comes back as it was, and nothing newer goes. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BackupWriter } from '../../src/formats/backup.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';
import { ask, entityTarget, problemCode } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorumInProcess } from '../cli/in-process.ts';

const secret = 'correct horse';
const environment = { KVORUM_CLUSTER_SECRET: secret };
const flags = ['--cluster-secret', secret, '--workers', '2'];

interface Version {
  readonly kind: string;
  readonly version: number;
  readonly bytes: number;
  readonly expires?: string;
}

/** The newest version under a key, deletions too. */
async function versionOf(cluster: Cluster, key: string): Promise<Version> {
  const answer = await ask(cluster.node(0).url, `/v0/inspect?id=${encodeURIComponent(key)}`);
  const { newest } = JSON.parse(answer.body.toString()) as { newest: Version & { stampedBy?: string } };
  const { kind, version, bytes, expires } = newest;
  return { kind, version, bytes, ...(expires === undefined ? {} : { expires }) };
}

test('a backup of three nodes', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'all.kvorum');
  const [source, target] = await Promise.all([
    startCluster(t, { nodes: 3, durability: 'commit', flags }),
    startCluster(t, { nodes: 1, durability: 'commit', flags }),
  ]);
  const run = (command: string, words: readonly string[], cluster = source) =>
    kvorumInProcess([command, ...words, '--url', cluster.node(0).url], environment);
  const values = new Map<string, Buffer>([
    ['plain', Buffer.from('text')],
    ['empty', Buffer.alloc(0)],
    ['bytes', Buffer.from([0, 255, 10, 13, 0])],
    ['line\nfeed "é" 𐀀', Buffer.from('odd key')],
    ['k'.repeat(1024), Buffer.from('longest key')],
    ['large', Buffer.alloc(700 * 1024, 'large ')],
    ...Array.from({ length: 300 }, (_, at): [string, Buffer] => [`many ${at}`, Buffer.alloc(2000, `${at} `)]),
  ]);
  const keys = [...values.keys(), 'deleted', 'expiring'];

  await t.test('has every key once, tombstones and expiries too, under its name only when it is whole', async () => {
    await Promise.all([...values].map(([key, value], at) => source.put(at % 3, key, value)));
    await source.put(0, 'deleted', 'before');
    await source.del(1, 'deleted');
    await ask(source.node(2).url, `${entityTarget('expiring')}&ttl=3600000`, { method: 'PUT', body: 'for an hour' });
    const { code, stderr } = await run('backup', [file]);
    assert.deepEqual([code, readdirSync(directory)], [0, ['all.kvorum']], stderr);
    assert.match(stderr, new RegExp(`Backed up ${keys.length} records, .* to `));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const verified = await kvorumInProcess(['backup', '--verify', file]);
    assert.deepEqual([verified.code, verified.stderr], [0, '']);
    assert.match(verified.stdout.toString(), new RegExp(`is whole: ${keys.length} records, `));
    const streamed = await run('backup', ['-']);
    assert.ok(streamed.stdout.subarray(0, 8).equals(Buffer.from('KVORUMBK')));
    assert.equal(streamed.stdout.length, statSync(file).size);
  });

  await t.test('is refused without the secret, and what cannot be written leaves nothing', async () => {
    const wrong = await kvorumInProcess(['backup', join(directory, 'no'), '--url', source.node(0).url], {
      KVORUM_CLUSTER_SECRET: 'wrong',
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /403: The cluster secret does not match/);
    assert.equal((await run('backup', [join(directory, 'none', 'x')])).code, 1);
    assert.deepEqual(readdirSync(directory), ['all.kvorum']);
    for (const [method, path] of [
      ['GET', '/v0/backup'],
      ['POST', '/v0/restore'],
    ] as const) {
      assert.equal(problemCode(await ask(target.node(0).url, path, { method })), 'unauthorized');
    }
  });

  await t.test('a cut or damaged file is refused before anything is sent', async () => {
    const whole = readFileSync(file);
    const bad = join(directory, 'bad.kvorum');
    const flipped = Buffer.from(whole);
    flipped[whole.length - 5000] = (flipped[whole.length - 5000] as number) ^ 1;
    for (const [bytes, words] of [
      [whole.subarray(0, whole.length - 100_000), /is cut/],
      [flipped, /is damaged in block \d+, after \d+ whole records/],
    ] as const) {
      writeFileSync(bad, bytes);
      const { code, stderr } = await run('restore', [bad], target);
      assert.deepEqual([code, words.test(stderr)], [1, true], stderr);
      assert.equal((await kvorumInProcess(['backup', '--verify', bad])).code, 1);
    }
    assert.equal((await target.get(0, 'plain')).status, 404);
  });

  await t.test('comes back byte for byte with its versions, again and again, and nothing newer goes', async () => {
    await target.put(0, 'many 7', 'newer here');
    const newer = await versionOf(target, 'many 7');
    for (const words of [[file], [file], [file, '--skip', '10']]) {
      const { code, stderr } = await run('restore', words, target);
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(await versionOf(target, 'many 7'), newer);
    for (const key of keys.filter((one) => one !== 'many 7')) {
      assert.deepEqual(await versionOf(target, key), await versionOf(source, key), key);
      const value = values.get(key);
      if (value !== undefined) assert.ok((await target.get(0, key)).body.equals(value), key);
    }
    assert.equal((await target.get(0, 'deleted')).status, 404);
    assert.equal((await target.get(0, 'expiring')).body.toString(), 'for an hour');
    // The clock of the target has seen the versions of the backup: what is written now is above them.
    assert.equal((await target.put(0, 'plain', 'after')).status, 201);
    assert.equal((await target.get(0, 'plain')).body.toString(), 'after');
  });

  await t.test('with versions ahead of the clocks leaves the cluster able to write', async () => {
    const ahead = join(temporaryDirectory(t), 'ahead.kvorum');
    const [key, value] = [Buffer.from('ahead'), Buffer.from('of its time')];
    const record = Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), value]);
    const version = (Date.now() + 3_600_000) * 1000;
    sealRecord(record, 0, value.length, key, { version, nodeId: 1, kind: recordKinds.value });
    const writer = new BackupWriter();
    const header = writer.header(Date.now());
    writeFileSync(ahead, Buffer.concat([header, ...writer.block([{ key, record }]), writer.end()]));
    assert.equal((await run('restore', [ahead])).code, 0);
    assert.equal((await source.get(1, 'ahead')).body.toString(), 'of its time');
    for (const node of [1, 2, 0]) {
      assert.equal((await source.put(node, 'ahead', `by ${node}`)).status, 201);
      assert.equal((await source.get((node + 1) % 3, 'ahead')).body.toString(), `by ${node}`);
    }
    assert.ok((await versionOf(source, 'ahead')).version > version);
  });

  await t.test('is refused while so many nodes are away that it could not be complete', async () => {
    await Promise.all([source.stop(1, 'SIGKILL'), source.stop(2, 'SIGKILL')]);
    const { code, stderr } = await run('backup', [join(directory, 'part')]);
    assert.deepEqual([code, readdirSync(directory).toSorted()], [4, ['all.kvorum', 'bad.kvorum']], stderr);
  });
});
