/** The parts of a node that serve who looks after the cluster, and not who stores in it: put together here for node.ts. */
import { Inspections } from './dispatch/inspections.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import type { Topology } from './domain/topology.ts';
import { InspectHandler } from './http/inspect.ts';
import type { QueryLimits } from './http/query.ts';
import type { RepairHandler } from './http/repair.ts';
import { repairHandler } from './repair-link.ts';
import type { NodeSettings } from './settings/settings.ts';

export interface OperatingOptions {
  readonly pool: WorkerPool;
  readonly settings: NodeSettings;
  readonly topology: Topology;
  readonly limits: QueryLimits;
}

export class Operating {
  readonly inspections: Inspections;
  readonly inspect: InspectHandler;
  readonly repair: RepairHandler;

  constructor({ pool, settings, topology, limits }: OperatingOptions) {
    const { workers, timeoutMs } = settings;
    this.inspections = new Inspections({ pool, workers, timeoutMs });
    this.inspect = new InspectHandler(this.inspections, { ...limits, nodes: topology.nodes });
    this.repair = repairHandler(settings, topology, pool);
  }
}
