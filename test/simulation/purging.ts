/** Plans in which tombstones are removed. */
import type { Plan } from './steps.ts';

/** So near each other are clocks where tombstones are to be removed before a history ends. */
const PURGING_DRIFT_MS = 200;

/** The plan with tombstones that are removed. */
export function purging(plan: Plan): Plan {
  const skewsMs = plan.skewsMs.map((skewMs) => skewMs % (PURGING_DRIFT_MS / 2));
  return { ...plan, purges: true, clockDriftMsMax: PURGING_DRIFT_MS, skewsMs };
}
