/** Which nodes hold a record: exactly `from` of them, the same whichever node is asked, as the domain computes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { expectedHolders } from '../support/expected-holders.ts';
import { storedRecords } from '../support/stored-records.ts';

test('a record is held by exactly the first `from` nodes of its preference list, whoever coordinates', async (t) => {
  const cluster = await startCluster(t, { nodes: 5 });
  const placed = new Map<string, number>();
  for (let index = 0; index < 60; index++) {
    const from = (index % 5) + 1;
    const key = `key-${index} from ${from}`;
    placed.set(key, from);
    // Through two nodes each, so that nodes that disagreed would leave more than `from` copies.
    for (const node of [index % 5, (index + 2) % 5]) {
      assert.equal((await cluster.put(node, key, 'v', { ack: from, from })).status, 201);
    }
  }
  await cluster.stopAll();
  const held = await Promise.all(cluster.nodes.map((node) => storedRecords(node.dataDirectory)));
  const counts = cluster.nodes.map(() => 0);
  for (const [key, from] of placed) {
    const holders = [...cluster.nodes.keys()].filter((node) => held[node]?.has(key));
    assert.deepEqual(holders, expectedHolders(cluster, key, from), key);
    for (const node of holders) counts[node] = (counts[node] ?? 0) + 1;
  }
  assert.ok(
    counts.every((count) => count > 0),
    `every node holds something: ${counts.join()}`,
  );
});
