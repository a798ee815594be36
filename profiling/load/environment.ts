/** Where a run took place: machine, versions, commit, and the settings of the cluster. */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fieldOf, numberFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { version } from '../../src/diagnostics/version.ts';
import { askNode } from '../cluster/node-client.ts';
import { readMetrics } from '../cluster/node-metrics.ts';
import type { BenchEnvironment } from './result.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Throws `node-unreachable`. What the target does not tell, since it is no Kvorum node, is left out. */
export async function benchEnvironment(url: string): Promise<BenchEnvironment> {
  const [status, metrics] = await Promise.all([
    askNode(url, '/v0/status').then(({ body }) => parseJson(body)),
    askNode(url, '/metrics').then(({ body }) => readMetrics(body, 0)),
  ]);
  const told = ['mode', 'durability', 'workers'].map((name) => [name, fieldOf(status, name)] as const);
  const settings = [...told, ['version', fieldOf(fieldOf(status, 'node'), 'version')] as const];
  const cluster = fieldOf(status, 'cluster');
  return {
    ...machineEnvironment(),
    cluster: Object.fromEntries(settings.filter(isSetting)),
    nodeCount: Array.isArray(cluster) ? cluster.length : 1,
    store: {
      records: metrics?.storeRecords ?? null,
      loggedRecords: metrics?.loggedRecords ?? null,
      bytes: numberFieldOf(fieldOf(status, 'store'), 'bytes') ?? null,
      fileSystem: textFieldOf(fieldOf(status, 'store'), 'fileSystem') ?? null,
    },
    changedSettings: changedIn(fieldOf(status, 'changedSettings')),
  };
}

/** What does not depend on who gets the load. */
export function machineEnvironment(): Omit<BenchEnvironment, 'cluster' | 'nodeCount' | 'store' | 'changedSettings'> {
  return {
    machine: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    kvorum: version,
    commit: commit(),
  };
}

function changedIn(told: unknown): BenchEnvironment['changedSettings'] {
  if (typeof told !== 'object' || told === null) return null;
  return Object.fromEntries(Object.entries(told).map(([flag, value]) => [flag, String(value)]));
}

function isSetting(entry: readonly [string, unknown]): entry is readonly [string, string | number] {
  return typeof entry[1] === 'string' || typeof entry[1] === 'number';
}

/** Null outside a checkout of Kvorum itself: an installed package may lie inside another repository. */
function commit(): string | null {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8', timeout: 5000 });
    return status === 0 ? stdout.trim() : undefined;
  };
  if (git('rev-parse', '--show-prefix') !== '') return null;
  const hash = git('rev-parse', '--short', 'HEAD');
  return hash === undefined ? null : `${hash}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
}
