/** Why instruments cannot be used here: found out by trying, before anything is started. */
import { perfObstacle } from '../capture/perf.ts';
import { lockProfileAvailability } from '../locks/record.ts';
import type { InstrumentName } from '../result/profile.ts';

/** By instrument, the reason; those that can be used are not in it. */
export async function instrumentObstacles(
  names: readonly InstrumentName[],
  cluster: 'running' | 'own',
): Promise<ReadonlyMap<InstrumentName, string>> {
  const obstacles = new Map<InstrumentName, string>();
  if (names.includes('perf')) {
    const obstacle = cluster === 'running' ? 'nodes must be started for it, by --up' : perfObstacle();
    if (obstacle !== undefined) obstacles.set('perf', obstacle);
  }
  if (names.includes('locks')) {
    const availability = await lockProfileAvailability();
    if (!availability.available) obstacles.set('locks', availability.reason);
  }
  return obstacles;
}
