/** A node that says that it is ready is known to its peers, and a node whose peers are not there waits for none of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareCluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const both = { ack: 2, from: 2 };
/** Longer than a starting node waited for its peers before, shorter than a probe may take. */
const slowly = {
  NODE_OPTIONS: `--import=${new URL('../support/slow-description.js', import.meta.url).href}`,
  DESCRIPTION_MS: '700',
};

test('a node is ready when its peer has it up, also where the peer needs long to find it', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, environments: [{}, slowly] });
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await cluster.stop(1, signal);
    await eventually(async () => assert.equal((await cluster.put(0, 'k', signal, both)).status, 504));
    const readyBefore = readyLines(cluster.node(1).logs);
    cluster.node(1).spawn();
    await eventually(() => assert.equal(readyLines(cluster.node(1).logs), readyBefore + 1));
    assert.equal((await cluster.put(0, 'k', 'v', both)).status, 201, `after ${signal}`);
    assert.equal((await cluster.put(1, 'k', 'v', both)).status, 201, `after ${signal}`);
  }
});

test('nodes that are started one after another are each ready while the others are not there', async (t) => {
  const cluster = await prepareCluster(t, { nodes: 3 });
  for (const node of cluster.nodes) {
    await node.start();
    assert.ok(!node.logs.some(({ message }) => message.includes('does not have this node up')));
  }
  assert.equal((await cluster.put(0, 'k', 'v', { ack: 3, from: 3 })).status, 201);
});

function readyLines(logs: readonly { readonly message: string }[]): number {
  return logs.filter(({ message }) => message === 'ready').length;
}
