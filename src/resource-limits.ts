/**
 * What the system lets this process have, held against what the settings need: a node that met these limits while it runs
 * would crash in native code, or refuse connections for no reason that it can tell. Linux only: elsewhere nothing is known.
 */
import { readFileSync } from 'node:fs';
import { KvorumError } from './diagnostics/errors.ts';
import { GIB, MIB } from './domain/units.ts';
import type { NodeSettings } from './settings/settings.ts';

/** Infinity where there is no limit, or none is known. */
export interface ResourceLimits {
  readonly addressSpaceBytes: number;
  readonly openFiles: number;
}

/**
 * Address space of the process besides the store. Measured as VmPeak of a node with 1 and 4 workers on Node 20: 1.1 GiB and
 * 11.2 GiB a worker, most of it what V8 reserves around the WebAssembly memory of undici's parser.
 */
const PROCESS_BYTES = 2 * GIB;
const WORKER_BYTES = 12 * GIB;
/** Open files besides client connections: the store, the log, libraries, and what Node opens for itself. */
const OWN_FILES = 64;

export function currentLimits(): ResourceLimits {
  try {
    return parseLimits(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return parseLimits('');
  }
}

/** The soft limits in the text of /proc/PID/limits (proc_pid_limits(5)). */
export function parseLimits(text: string): ResourceLimits {
  const soft = (name: string): number => {
    const [, value] = new RegExp(`^${name} +(\\d+) `, 'm').exec(text) ?? [];
    return value === undefined ? Number.POSITIVE_INFINITY : Number(value);
  };
  return { addressSpaceBytes: soft('Max address space'), openFiles: soft('Max open files') };
}

/** Throws `bad-setting` where the store's map does not fit: LMDB would take the process with it. */
export function assertAddressSpace(
  { storeBytesMax, workers }: Pick<NodeSettings, 'storeBytesMax' | 'workers'>,
  { addressSpaceBytes }: ResourceLimits,
): void {
  const freeBytes = addressSpaceBytes - PROCESS_BYTES - workers * WORKER_BYTES;
  if (2 * storeBytesMax <= freeBytes) return;
  const mebibytes = Math.floor(freeBytes / 2 / MIB);
  const smaller = mebibytes >= 1 ? `, or choose at most --store-bytes-max ${mebibytes}MiB` : '';
  throw new KvorumError(
    'bad-setting',
    `--store-bytes-max of ${Math.ceil(storeBytesMax / MIB)} MiB needs twice as much address space, and this process may have ` +
      `${Math.floor(addressSpaceBytes / MIB)} MiB in all; raise the limit (ulimit -v)${smaller}`,
  );
}

/** What to do about open files, as the fields of a warning; undefined where there can be enough. */
export function openFilesProblem(
  settings: Pick<NodeSettings, 'connectionsMax' | 'workers' | 'cluster'>,
  { openFiles }: ResourceLimits,
): Record<string, unknown> | undefined {
  const { connectionsMax, workers, cluster } = settings;
  // Between two nodes each worker has a few connections in both directions.
  const needed = connectionsMax + OWN_FILES + 8 * workers * cluster.length;
  if (needed <= openFiles) return undefined;
  const advice = `raise ulimit -n to ${needed}, or lower --connections-max`;
  return { openFiles, connectionsMax, advice };
}
