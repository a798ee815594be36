/** Between the client port and the worker that compares the node with its peers. */
import { isOpenToAll } from './bind-address.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { topologyDigest, type Topology } from './domain/topology.ts';
import { RepairHandler } from './http/repair.ts';
import { clusterList } from './node-settings.ts';
import type { NodeSettings } from './settings/settings.ts';

/** The worker that compares. */
const FIRST = 0;

export function repairHandler(
  settings: NodeSettings,
  topology: Topology,
  pool: Pick<WorkerPool, 'tell' | 'digest'>,
): RepairHandler {
  return new RepairHandler({
    clusterSecret: settings.clusterSecret,
    topology: topologyDigest(topology, clusterList(settings, topology).replicationFactor),
    isLocal: !isOpenToAll(settings),
    begin: () => pool.tell(FIRST, { kind: 'repair' }),
    digest: () => pool.digest(),
  });
}
