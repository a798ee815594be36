/**
 * What `kvorum up` is going to start: the settings of each node of a local cluster, made from one command line. Each node
 * gets a client port, replica ports and a directory of its own; all else is shared.
 */
import { join } from 'node:path';
import { resolveSettings } from '../settings/config.ts';
import { KvorumError } from '../diagnostics/errors.ts';
import { nodeName } from '../domain/topology.ts';
import { defaultPort } from '../settings/entries/address.ts';
import { settingNames, settingsTable, type NodeSettings, type SettingName } from '../settings/settings.ts';
import { finder, type SettingSources } from '../settings/sources.ts';

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
/** No proxy stands in front of a cluster on one machine that would have to see that a node is going to stop. */
export const drainDelayMsDefault = 0;

/** The plan of a cluster of `count` nodes. Throws `bad-setting`. */
export function planCluster(sources: SettingSources, count: number): ClusterPlan {
  const scheme = isGivenTls(sources) ? 'https' : 'http';
  // A first resolution, as if for a cluster on the default port, tells which port and directory are asked for.
  const { settings, list } = resolveSettings(told(sources, addresses(localCluster(scheme, defaultPort, count), 0)));
  const isGiven = (setting: SettingName): boolean =>
    list.some(({ name, origin }) => name === setting && origin !== 'default');
  const directory = isGiven('dataDirectory') ? settings.dataDirectory : directoryDefault;
  const drainDelayMs = isGiven('drainDelayMs') ? settings.drainDelayMs : drainDelayMsDefault;
  assertPorts(settings.port, count);
  const cluster = localCluster(scheme, settings.port, count);
  const nodes = cluster.map((_, index): PlannedNode => {
    const name = nodeName(index);
    const { replicaPort, workers } = settings;
    const own = {
      ...addresses(cluster, index),
      port: String(settings.port + index),
      dataDirectory: join(directory, name),
      drainDelayMs: String(drainDelayMs),
      replicaPort: String(replicaPort === 0 ? 0 : replicaPort + index * workers),
    };
    return {
      name,
      settings: resolveSettings(told(sources, own)).settings,
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

function isGivenTls(sources: SettingSources): boolean {
  return finder(sources)('tlsCert') !== undefined;
}

function localCluster(scheme: 'http' | 'https', port: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${scheme}://localhost:${port + index}`);
}

type Texts = { readonly [Name in SettingName]?: string };

function addresses(cluster: readonly string[], index: number): Texts {
  return { self: cluster[index] ?? '', cluster: cluster.join(',') };
}

/** The sources of a node that is told `texts` by flags, besides what the command line has. */
export function told({ flags, environment }: SettingSources, texts: Texts): SettingSources {
  const own = settingNames.flatMap((name) => {
    const text = texts[name];
    return text === undefined ? [] : [[settingsTable[name].flag, text] as const];
  });
  return { flags: new Map([...flags, ...own]), environment };
}
