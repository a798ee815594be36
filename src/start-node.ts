/**
 * Starts a node: looks at what the machine gives it, opens its data directory and its workers, and lets `Node` do the rest. If its
 * peers have seen a newer state of the store, that is set aside, and the node starts again without it.
 */
import { DataDirectory } from './data-directory.ts';
import { WorkerPool } from './dispatch/worker-pool.ts';
import { KvorumError } from './diagnostics/errors.ts';
import { parseTopology } from './domain/topology.ts';
import type { Log } from './diagnostics/log.ts';
import { assertSafeBind } from './bind-address.ts';
import { NodeSecurity } from './node-security.ts';
import { Node, startNumber, type Beginning, type ChangedSettings } from './node.ts';
import { workerSettings } from './node-settings.ts';
import type { NodeSettings } from './settings/settings.ts';
import { assertAddressSpace, currentLimits, openFilesProblem } from './resource-limits.ts';

export interface RunningNode {
  readonly url: string;
  /**
   * Is not ready but serves on for `delayMs`; then answers what is in flight, closes the store and ends the workers.
   */
  stop(delayMs: number): Promise<void>;
  /** Reads certificates and tokens again; what cannot be used is told in the log, and the former stays. */
  reload(): void;
  /** Resolves to why, if the node cannot go on. */
  readonly failed: Promise<KvorumError>;
}

/** Starts a node and resolves when it is ready. Throws a `KvorumError` that says what prevents it. */
export async function startNode(settings: NodeSettings, log: Log, changed: ChangedSettings = {}): Promise<RunningNode> {
  assertSafeBind(settings);
  const limits = currentLimits();
  assertAddressSpace(settings, limits);
  const topology = parseTopology(settings.self, settings.cluster);
  const security = new NodeSecurity(settings, log);
  let directory = DataDirectory.open(settings.dataDirectory, settings.durability);
  const openFiles = openFilesProblem(settings, limits);
  if (openFiles !== undefined) log.warn('clients can use up all open files that this process may have', openFiles);
  const { openMode } = directory;
  if (openMode !== undefined) {
    const fields = { directory: settings.dataDirectory, mode: openMode };
    log.warn('other users of this machine have access to the data directory; chmod 700 ends that', fields);
  }
  const first = await tryStart({ settings, topology, directory, security, log, changed });
  if (first !== 'older-store') return first;
  const older = DataDirectory.open(settings.dataDirectory, settings.durability);
  const aside = older.setAside();
  older.close();
  log.warn('the peers have seen a newer state of the store: it is set aside, and the node recovers without it', {
    aside,
  });
  directory = DataDirectory.open(settings.dataDirectory, settings.durability);
  const second = await tryStart({ settings, topology, directory, security, log, changed });
  if (second === 'older-store') throw new KvorumError('store-foreign', 'The peers know a store that was made just now');
  return second;
}

/** Starts the node; `older-store`: its peers have seen a newer state of its store, and nothing of it is open any more. */
async function tryStart(beginning: Beginning): Promise<RunningNode | 'older-store'> {
  const { settings, topology, directory, security, log } = beginning;
  const pool = new WorkerPool({
    settings: workerSettings(settings, { topology, start: startNumber, tls: security.tls }),
    dispatch: settings.dispatch,
    queueMax: settings.poolQueueMax,
    tasksPerWorkerMax: settings.mode === 'sync' ? 1 : settings.operationsInFlightMax,
    log,
  });
  let onFatal!: (error: KvorumError) => void;
  const failed = new Promise<KvorumError>((resolve) => (onFatal = resolve));
  try {
    const node: Node = new Node({ ...beginning, pool });
    await pool.start({ ...node.poolHandlers(), onFatal });
    if (!(await node.start(onFatal))) {
      await node.stop(0);
      return 'older-store';
    }
    return { url: settings.self, failed, stop: (delayMs) => node.stop(delayMs), reload: () => node.reload() };
  } catch (error) {
    if ((await pool.stop()) && directory.isInUse) directory.markClean();
    directory.close();
    throw error;
  }
}
