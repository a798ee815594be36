/** What of a node's settings its workers and its standing are given. */
import { bindAddress } from './bind-address.ts';
import { version } from './diagnostics/version.ts';
import type { ClusterList } from './domain/node-claim.ts';
import type { Topology } from './domain/topology.ts';
import type { NodeSettings, WorkerSettings } from './settings/settings.ts';
import type { TlsMaterial } from './tls/material.ts';

/** What no setting says. */
export interface OwnFacts {
  readonly topology: Topology;
  readonly start: number;
  readonly tls: TlsMaterial | undefined;
}

/** The compiler lets workers read only their own settings; the others go along and cost nothing. */
export function workerSettings(settings: NodeSettings, own: OwnFacts): WorkerSettings {
  const { replicationFactor } = clusterList(settings, own.topology);
  return { ...settings, ...own, version, host: bindAddress(settings), replicationFactor };
}

/** The nodes of the cluster, and how many of them hold a record. */
export function clusterList(settings: NodeSettings, { nodes }: Topology): ClusterList {
  return { urls: nodes.map(({ url }) => url), replicationFactor: settings.replicationFactor || nodes.length };
}
