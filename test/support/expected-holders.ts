import { Buffer } from 'node:buffer';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { parseTopology } from '../../src/domain/topology.ts';
import type { Cluster } from './cluster.ts';

/** The nodes that hold a key's record, in ascending order, as the domain computes it. */
export function expectedHolders(cluster: Cluster, key: string, from: number): number[] {
  const urls = cluster.nodes.map(({ url }) => url);
  const { nodes } = parseTopology(urls[0] ?? '', urls);
  const bytes = Buffer.from(key);
  const ids = nodes.map(({ id }) => id);
  return preferenceList(hashKey(bytes, 0, bytes.length), ids, from)
    .map((index) => urls.indexOf(nodes[index]?.url ?? ''))
    .sort((left, right) => left - right);
}
