/**
 * Replicas come to hold the same by themselves: nobody reads, and nothing but the nodes' own comparison brings them what they
 * missed. The rules one by one are in test/domain/comparison.test.ts and mending.test.ts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { largeValueBytes } from '../../src/formats/record.ts';
import type { NodeContents, PeerRepairStatus } from '../../src/protocol/repair.ts';
import { kvorum } from '../cli/kvorum.ts';
import { ask, type Answer } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { NodeProcess } from '../support/node-process.ts';
import { storedRecords, withDatabase } from '../support/stored-records.ts';

/** Neither reads nor hints repair anything, and a pass begins as soon as the one before has ended. */
const flags = [
  '--hint-bytes-max',
  '0',

  '--read-repair',
  'off',
  '--repair-interval-ms',
  '200',
  '--timeout-ms',
  '1s',
  '--clock-drift-ms-max',
  '500ms',
];
const large = Buffer.alloc(largeValueBytes + 700_000, 'large ');

async function contentsOf({ url }: NodeProcess): Promise<NodeContents> {
  const answer = await ask(url, '/v0/digest', { method: 'POST' });
  assert.equal(answer.status, 200, answer.body.toString());
  return JSON.parse(answer.body.toString()) as NodeContents;
}

async function peersOf({ url }: NodeProcess): Promise<readonly PeerRepairStatus[]> {
  const { body } = await ask(url, '/v0/status');
  return (JSON.parse(body.toString()) as { repair: { peers: PeerRepairStatus[] } }).repair.peers;
}

/** Resolves when what nodes share is the same on both, by all that they hold. */
async function areSame({ nodes }: Cluster): Promise<void> {
  await eventually(async () => {
    const contents = await Promise.all(nodes.map(contentsOf));
    for (const one of contents) {
      for (const other of contents) {
        if (one !== other) assert.deepEqual(one.sharedWith[other.url], other.sharedWith[one.url]);
      }
    }
  });
}

/** Writes until it is acknowledged: the deadline is short, and the machine may be slow. */
async function acknowledged(write: () => Promise<Answer>): Promise<void> {
  await eventually(async () => {
    const { status } = await write();
    assert.ok(status === 201 || status === 202, `${status}`);
  });
}

/** Overwrites a byte in the middle of what stands under each key of a database of a stopped node. */
function damage({ dataDirectory }: NodeProcess, name: string, wants: (key: string) => boolean): Promise<number> {
  return withDatabase(dataDirectory, name, (database) => {
    const damaged = [...database.getRange()].filter(({ key }) => wants(Buffer.from(key).toString('latin1')));
    for (const { key, value } of damaged) {
      const bytes = Buffer.from(value);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] as number) ^ 0x55;
      database.putSync(Buffer.from(key), bytes);
    }
    return damaged.length;
  });
}

for (const mode of ['batched', 'async'] as const) {
  test(`three nodes in mode ${mode}`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode, flags: [...flags, '--workers', '2'] });
    const keys = Array.from({ length: 120 }, (_, index) => `key ${index}`);

    await t.test(
      'a node that was away gets what it missed, deletes and large values too, and gives what it has',
      async () => {
        await Promise.all(keys.map((key) => acknowledged(() => cluster.put(0, key, `old ${key}`))));
        await cluster.stop(2);
        await Promise.all(keys.slice(0, 80).map((key) => acknowledged(() => cluster.put(0, key, `new ${key}`))));
        await Promise.all(keys.slice(80, 100).map((key) => acknowledged(() => cluster.del(1, key))));
        await acknowledged(() => cluster.put(1, 'large', large));
        await cluster.start(2);
        await areSame(cluster);
        assert.ok((await peersOf(cluster.node(2))).some(({ recordsPulled }) => recordsPulled > 0));
      },
    );

    await t.test('each node knows since when it holds the same as each peer', async () => {
      const before = new Date().toISOString();
      await eventually(async () => {
        for (const node of cluster.nodes) {
          for (const peer of await peersOf(node)) {
            assert.ok((peer.identicalSince ?? '') > before, `${peer.identicalSince} is not after ${before}`);
          }
        }
      });
    });

    await t.test('what is damaged at one node is found and mended, and never served', async () => {
      await cluster.stop(1);
      const third = cluster.node(1);
      const isMeant = (key: string): boolean => /^key \d*7$/.test(key);
      const small = (await damage(third, 'records', isMeant)) + (await damage(third, 'tombstones', isMeant));
      assert.equal(small, 12);
      assert.ok((await damage(third, 'chunks', () => true)) >= 2);
      await cluster.start(1);
      const reads = await Promise.all(keys.map((key) => cluster.get(1, key)));
      for (const [index, { status, body }] of reads.entries()) {
        const value = index < 80 ? 'new' : 'old';
        if (status === 200) assert.equal(body.toString(), `${value} ${keys[index]}`);
        else assert.ok(status >= 500 || (status === 404 && index >= 80 && index < 100), `${keys[index]}: ${status}`);
      }
      await eventually(async () => {
        const { body } = await ask(third.url, '/v0/status');
        const { damaged } = (
          JSON.parse(body.toString()) as { repair: { damaged: { waiting: number; mended: number } } }
        ).repair;
        // One that two workers came upon is mended by both.
        assert.ok(damaged.waiting === 0 && damaged.mended > small, JSON.stringify(damaged));
      });
      await areSame(cluster);
      await eventually(async () => assert.ok((await cluster.get(1, 'large')).body.equals(large)));
      await eventually(async () => assert.equal((await cluster.get(1, 'key 17')).body.toString(), 'new key 17'));
    });

    await t.test('keys that are written all the time are not pulled over and over', async () => {
      const pulledNow = async (): Promise<number> => {
        const peers = await Promise.all(cluster.nodes.map(peersOf));
        return peers.flat().reduce((sum, { recordsPulled }) => sum + recordsPulled, 0);
      };
      const passesNow = async (): Promise<number> =>
        Math.min(...(await Promise.all(cluster.nodes.map(peersOf))).flat().map(({ passes }) => passes));
      const [pulled, passes] = [await pulledNow(), await passesNow()];
      let written = 0;
      while ((await passesNow()) < passes + 2) {
        const puts = keys.slice(0, 20).map((key) => cluster.put(written % 3, key, `new ${key}`));
        written += (await Promise.all(puts)).length;
      }
      assert.ok((await pulledNow()) - pulled < written / 10, `${(await pulledNow()) - pulled} of ${written}`);
      await areSame(cluster);
    });

    await t.test('kvorum repair and kvorum digest say so', async () => {
      const url = cluster.node(0).url;
      const repaired = await kvorum(['repair', '--wait', '--url', url], { timeoutMs: 20_000 });
      assert.deepEqual([repaired.code, repaired.stdout.toString()], [0, '3 nodes hold the same\n'], repaired.stderr);
      const same = await kvorum(['digest', '--url', url, '--output', 'json']);
      const told = JSON.parse(same.stdout.toString()) as {
        identical: boolean;
        nodes: { digest: string; records: number }[];
      };
      assert.deepEqual([same.code, told.identical, new Set(told.nodes.map(({ digest }) => digest)).size], [0, true, 1]);
      assert.equal(told.nodes[0]?.records, 121);
    });

    await t.test('all of it is on the disk', async () => {
      await cluster.stopAll();
      const stored = await Promise.all(cluster.nodes.map((node) => storedRecords(node.dataDirectory)));
      // The head of a large value names where its chunks are, which differs from node to node.
      const [first = [], ...others] = stored.map((records) => [...records].filter(([key]) => key !== 'large'));
      assert.equal(first.length, 120);
      for (const other of others) assert.deepEqual(other, first);
    });
  });
}
