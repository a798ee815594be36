/** The parts of a node that serve who looks after the cluster, and not who stores in it: put together here for node.ts. */
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { Inspections } from './dispatch/inspections.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { topologyDigest, type Topology } from './domain/topology.ts';
import { BackupHandler } from './http/backup.ts';
import { InspectHandler } from './http/inspect.ts';
import type { EntityExchange } from './http/outcome.ts';
import { ProfileHandler } from './http/profile.ts';
import type { QueryLimits } from './http/query.ts';
import type { RangeHandler } from './http/range.ts';
import type { RepairHandler } from './http/repair.ts';
import { Restores } from './http/restore.ts';
import { SecretGuard } from './http/secret-guard.ts';
import type { Profiler } from './profiler.ts';
import { repairHandler } from './repair-link.ts';
import type { NodeSettings } from './settings/settings.ts';

export interface OperatingOptions {
  readonly pool: WorkerPool;
  readonly settings: NodeSettings;
  readonly topology: Topology;
  readonly limits: QueryLimits;
  readonly dispatcher: Dispatcher<EntityExchange>;
  readonly range: RangeHandler;
  readonly profiler: Profiler;
}

export class Operating {
  readonly inspections: Inspections;
  readonly handlers: {
    readonly inspect: InspectHandler;
    readonly backup: BackupHandler;
    readonly profile: ProfileHandler;
    readonly repair: RepairHandler;
  };

  constructor({ pool, settings, topology, limits, dispatcher, range, profiler }: OperatingOptions) {
    const { workers, timeoutMs, clusterSecret } = settings;
    const { replicationFactor } = limits;
    this.inspections = new Inspections({ pool, workers, timeoutMs });
    const guard = new SecretGuard({ clusterSecret, topology: topologyDigest(topology, replicationFactor) });
    const nodes = topology.nodes.map(({ url }) => url);
    const restores = new Restores({ dispatcher, nodes, replicationFactor, timeoutMs });
    this.handlers = {
      inspect: new InspectHandler(this.inspections, { ...limits, nodes: topology.nodes }),
      backup: new BackupHandler({ guard, range, restores, limits: settings }),
      profile: new ProfileHandler(profiler, guard),
      repair: repairHandler({ settings, pool, guard }),
    };
  }
}
