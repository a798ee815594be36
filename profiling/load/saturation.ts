/**
 * Whether a run says anything about the cluster, or only about the generator, pure.
 *
 * A stalled server and a saturated generator both leave requests waiting. They are told apart by what the generator did
 * meanwhile: a server that stalls keeps all connections busy and leaves the generator idle.
 */
import { percentileUs, type LatencyCounts } from './histogram.ts';
import type { GeneratorResult, Totals } from './result.ts';

export interface SaturationInput {
  readonly totals: Totals;
  readonly latency: LatencyCounts;
  /** How late requests started although a connection was free. */
  readonly lateness: LatencyCounts;
  readonly generator: GeneratorResult;
}

/** Of the rate; what is answered below it, is missed. */
export const heldShare = 0.98;
/** An event loop this busy has no time to be on time. */
const busyShare = 0.9;
/** As the default bound of p99 in searches: what the generator adds below it, is small beside what is looked for. */
const latenessUsMax = 50_000;

/** Why the figures are the generator's, or null. */
export function saturation({ totals, latency, lateness, generator }: SaturationInput): string | null {
  const offered = totals.seconds === 0 ? 0 : totals.due / totals.seconds;
  const { utilization, wantedCpuShare = 0 } = generator;
  if (totals.rate < heldShare * offered) {
    if ((utilization ?? 0) >= busyShare) return `its event loop was busy ${percent(utilization ?? 0)} of the time`;
    if (wantedCpuShare >= busyShare) return `it ran or waited for a core ${percent(wantedCpuShare)} of the time`;
  }
  const latenessUs = percentileUs(lateness, 99);
  // Most of the 99th percentile is then the generator's own delay.
  if (latenessUs > latenessUsMax && latenessUs * 2 > percentileUs(latency, 99)) {
    return `1% of the requests started ${(latenessUs / 1000).toFixed(0)} ms late or more although connections were free`;
  }
  return null;
}

function percent(share: number): string {
  return `${(Math.min(share, 1) * 100).toFixed(0)}%`;
}
