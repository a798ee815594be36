/** What a node says of itself as a whole when somebody scrapes `/metrics`: readiness, connections, open files, disk, bounds. */
import { readdir } from 'node:fs/promises';
import { nodeStates, type NodeState } from './http/admin.ts';
import { family, type MetricFamily } from './metrics/metrics.ts';
import { currentLimits } from './resource-limits.ts';
import type { NodeSettings } from './settings/settings.ts';
import { storeFacts, type StoreFacts } from './store-facts.ts';

export interface NodeFacts {
  readonly state: NodeState;
  /** Of clients, open and since the start. */
  readonly connections: { readonly open: number; readonly accepted: number };
  readonly settings: Pick<
    NodeSettings,
    'dataDirectory' | 'connectionsMax' | 'operationsInFlightMax' | 'storeBytesMax' | 'memtableBytesMax'
  >;
}

/** What the system does not tell is left out. */
export async function nodeFamilies({ state, connections, settings }: NodeFacts): Promise<MetricFamily[]> {
  const [store, openFiles] = await Promise.all([storeFacts(settings.dataDirectory), countOpenFiles()]);
  return [
    ...stateFamilies(state),
    family('gauge', 'kvorum_client_connections', 'Connections of clients', connections.open),
    family(
      'counter',
      'kvorum_client_connections_accepted_total',
      'Connections of clients since the start',
      connections.accepted,
    ),
    ...boundFamilies(settings),
    ...(store === null ? [] : diskFamilies(store)),
    ...fileFamilies(openFiles, currentLimits().openFiles),
  ];
}

function stateFamilies(state: NodeState): MetricFamily[] {
  return [
    family('gauge', 'kvorum_ready', '1 where the node is ready for clients', state === 'ready' ? 1 : 0),
    {
      type: 'gauge',
      name: 'kvorum_node_state',
      help: '1 for the state that the node is in',
      samples: nodeStates.map((one) => ({ labels: { state: one }, value: one === state ? 1 : 0 })),
    },
  ];
}

/** What gauges are to be held against. */
function boundFamilies(settings: NodeFacts['settings']): MetricFamily[] {
  const { connectionsMax, operationsInFlightMax, storeBytesMax, memtableBytesMax } = settings;
  return [
    family('gauge', 'kvorum_client_connections_limit', 'The setting connectionsMax', connectionsMax),
    family('gauge', 'kvorum_operations_in_flight_limit', 'The setting operationsInFlightMax', operationsInFlightMax),
    family('gauge', 'kvorum_store_limit_bytes', 'The setting storeBytesMax', storeBytesMax),
    family('gauge', 'kvorum_memtable_limit_bytes', 'The setting memtableBytesMax, for each worker', memtableBytesMax),
  ];
}

function diskFamilies({ bytes, lmdbBytes, logBytes, freeBytes, diskBytes }: StoreFacts): MetricFamily[] {
  return [
    family('gauge', 'kvorum_data_directory_bytes', 'Bytes that the files of the data directory take', bytes),
    family('gauge', 'kvorum_store_bytes', "Bytes that LMDB's file takes", lmdbBytes),
    family('gauge', 'kvorum_log_file_bytes', 'Bytes that the files of the log take', logBytes),
    family('gauge', 'kvorum_disk_free_bytes', "Bytes that the data directory's file system has left", freeBytes),
    family('gauge', 'kvorum_disk_bytes', "Bytes of the data directory's file system", diskBytes),
  ];
}

/** By the names that Prometheus's own libraries give them. */
function fileFamilies(openFiles: number | undefined, openFilesMax: number): MetricFamily[] {
  if (openFiles === undefined || !Number.isFinite(openFilesMax)) return [];
  return [
    family('gauge', 'process_open_fds', 'Open files and sockets of the process', openFiles),
    family('gauge', 'process_max_fds', 'Open files and sockets that the process may have', openFilesMax),
  ];
}

/** Undefined where the system does not tell. The folder that is read is open, too, and left out. */
async function countOpenFiles(): Promise<number | undefined> {
  const names = await readdir('/proc/self/fd').catch(() => undefined);
  return names === undefined ? undefined : names.length - 1;
}
