/** What the workers of a node of its own need, for tests that start them without a node: defaults but for what is given. */
import { parseTopology } from '../../src/domain/topology.ts';
import type { Mode } from '../../src/domain/modes.ts';
import { resolveSettings } from '../../src/settings/config.ts';
import type { WorkerSettings } from '../../src/settings/settings.ts';

export function workerSettings(dataDirectory: string, options: { workers: number; mode: Mode }): WorkerSettings {
  const self = 'http://127.0.0.1:1';
  const { settings } = resolveSettings({ flags: new Map(Object.entries({ self, cluster: self })), environment: {} });
  return {
    ...settings,
    ...options,
    dataDirectory,
    durability: 'commit',
    topology: parseTopology(self, [self]),
    version: 'test',
    start: 1,
    tls: undefined,
    host: '127.0.0.1',
    replicationFactor: 1,
    timeoutMs: 30_000,
  };
}
