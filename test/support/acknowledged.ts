/** Whether what was acknowledged is there: the promise of every test that ends a node under load. */
import { Agent } from 'node:http';
import type { Cluster } from './cluster.ts';

const readersMax = 16;

/** Of keys that hold themselves as values, those that the nodes `through` do not have at the default quorum, and why. */
export async function lostOf(
  cluster: Cluster,
  acknowledged: Iterable<string>,
  through: readonly number[],
): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: readersMax });
  const reads = [...acknowledged].map(async (key, index) => {
    const { status, body } = await cluster.get(through[index % through.length] ?? 0, key, { agent });
    return status === 200 && body.toString() === key ? [] : [`${key}: ${status}`];
  });
  try {
    return (await Promise.all(reads)).flat();
  } finally {
    agent.destroy();
  }
}
