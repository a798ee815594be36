/** Why instruments cannot be used here: found out by trying, before anything is started. */
import { cpuSamples } from '../capture/perf-recording.ts';
import { perfObstacle } from '../capture/perf.ts';
import { futexCalls } from '../locks/record.ts';
import type { InstrumentName } from '../result/profile.ts';

/** By instrument, the reason; those that can be used are not in it. */
export async function instrumentObstacles(
  names: readonly InstrumentName[],
  cluster: 'running' | 'own',
): Promise<ReadonlyMap<InstrumentName, string>> {
  const obstacles = new Map<InstrumentName, string>();
  if (names.includes('perf')) {
    const obstacle = cluster === 'running' ? 'nodes must be started for it, by --up' : await perfObstacle(cpuSamples);
    if (obstacle !== undefined) obstacles.set('perf', obstacle);
  }
  if (names.includes('locks')) {
    const obstacle = await perfObstacle(futexCalls);
    if (obstacle !== undefined) obstacles.set('locks', obstacle);
  }
  return obstacles;
}
