/**
 * What `kvorum up` is going to start: the settings of each node of a local cluster, made from one command line. Each node
 * gets a client port, replica ports and a directory of its own; all else is shared.
 */
import { join } from 'node:path';
import { resolveSettings, type NodeSettings, type SettingSources } from '../settings/config.ts';
import { KvorumError } from '../domain/errors.ts';
import { nodeName } from '../domain/topology.ts';
import { defaultPort } from '../settings/settings.ts';

export interface PlannedNode {
  readonly name: string;
  readonly settings: NodeSettings;
  readonly logFile: string;
}

export interface ClusterPlan {
  readonly directory: string;
  readonly nodes: readonly PlannedNode[];
}

export const directoryDefault = 'data';

/** The plan of a cluster of `count` nodes. Throws `bad-setting`. */
export function planCluster(sources: SettingSources, count: number): ClusterPlan {
  // Resolved once as if for a cluster on the default port, only to learn which port and directory are asked for.
  const { settings, list } = resolveSettings(withFlags(sources, addressFlags(localCluster(defaultPort, count), 0)));
  const hasDirectory = list.some(({ name, origin }) => name === 'dataDirectory' && origin !== 'default');
  const directory = hasDirectory ? settings.dataDirectory : directoryDefault;
  assertPorts(settings.port, count);
  const cluster = localCluster(settings.port, count);
  const nodes = cluster.map((_, index): PlannedNode => {
    const name = nodeName(index);
    const { replicaPort, workers } = settings;
    const flags = {
      ...addressFlags(cluster, index),
      port: String(settings.port + index),
      data: join(directory, name),
      'replica-port': String(replicaPort === 0 ? 0 : replicaPort + index * workers),
    };
    return {
      name,
      settings: resolveSettings(withFlags(sources, flags)).settings,
      logFile: join(directory, `${name}.log`),
    };
  });
  return { directory, nodes };
}

function assertPorts(port: number, count: number): void {
  const lastPort = 65_536 - count;
  if (port >= 1 && port <= lastPort) return;
  throw new KvorumError('bad-setting', `Bad --port "${port}": ${count} nodes need one from 1 to ${lastPort}`);
}

function localCluster(port: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `http://localhost:${port + index}`);
}

function addressFlags(cluster: readonly string[], index: number): Record<string, string> {
  return { self: cluster[index] ?? '', cluster: cluster.join(',') };
}

function withFlags({ flags, environment }: SettingSources, more: Readonly<Record<string, string>>): SettingSources {
  return { flags: new Map([...flags, ...Object.entries(more)]), environment };
}
