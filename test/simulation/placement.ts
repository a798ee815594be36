/** The clusters that are simulated, by their number of nodes: where keys belong is the same in every history, so it is found once. */
import { Buffer } from 'node:buffer';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import { replicatesHere } from '../../src/domain/recovery.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { parseTopology, type Topology } from '../../src/domain/topology.ts';
import { nodeUrl } from './steps.ts';

export interface Placement {
  readonly topology: Topology;
  readonly list: ClusterList;
  /** Whether a key, in a store's own spelling, belongs to a node. */
  readonly isOwn: (node: number, key: string) => boolean;
}

const placements = new Map<number, Placement>();

export function placementOf(nodes: number): Placement {
  const known = placements.get(nodes) ?? newPlacement(nodes);
  placements.set(nodes, known);
  return known;
}

function newPlacement(nodes: number): Placement {
  const urls = Array.from({ length: nodes }, (_, index) => nodeUrl(index));
  const list = { urls, replicationFactor: 3 };
  const rules = urls.map((url) => replicatesHere(list, url));
  const owners = new Map<string, readonly boolean[]>();
  const ownersOf = (key: string): readonly boolean[] => {
    const hash = hashKey(Buffer.from(key, 'latin1'), 0, key.length);
    const found = rules.map((isOwn) => isOwn(hash));
    owners.set(key, found);
    return found;
  };
  return {
    topology: parseTopology('http://n1', urls),
    list,
    isOwn: (node, key) => (owners.get(key) ?? ownersOf(key))[node] === true,
  };
}
