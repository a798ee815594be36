/** A cluster of three in which one node's clock is wrong. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ask } from './client.ts';
import { prepareCluster, type Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { fakeClock, type FakeClock } from './faketime.ts';

/** A node whose clock is right, and the one whose clock is not. */
export const right = 0;
export const wrong = 1;

export interface WrongClock {
  readonly cluster: Cluster;
  readonly clock: FakeClock;
}

/** Starts the cluster; the node with the wrong clock may not be ready then. */
export async function clusterWithWrongClock(
  t: TestContext,
  aheadSeconds: number,
  flags: readonly string[] = [],
): Promise<WrongClock> {
  const clock = fakeClock(t, aheadSeconds);
  const environments = [{}, clock.environment, {}];
  const cluster = await prepareCluster(t, { nodes: 3, environments, flags });
  // Not before the others: then it finds both when it starts.
  await Promise.all([cluster.start(right), cluster.start(2)]);
  cluster.node(wrong).spawn();
  await untilStarted(cluster);
  return { cluster, clock };
}

/** Stops a node and starts it again; the node with the wrong clock may not be ready then. */
export async function restart(cluster: Cluster, node: number, signal: NodeJS.Signals): Promise<void> {
  await cluster.stop(node, signal);
  cluster.node(node).spawn();
  if (node === wrong) await untilStarted(cluster);
  else await cluster.node(node).ready();
}

async function untilStarted(cluster: Cluster): Promise<void> {
  await eventually(async () => {
    const answer = await ask(cluster.node(wrong).url, '/v0/status');
    const { state } = JSON.parse(answer.body.toString()) as { readonly state: string };
    assert.notEqual(state, 'starting');
  });
}
