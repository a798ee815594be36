/** What a worker has seen, for tests that are about something else: as with the machine's clock and default bounds. */
import { SeenVersions, wallMicros, type SeenVersionsOptions } from '../../workers/ground/seen-versions.ts';

export function seenVersions(more: Partial<SeenVersionsOptions> = {}): SeenVersions {
  const bounds = { clockDriftMsMax: 60_000, timeoutMs: 1000 };
  return new SeenVersions({ bounds, newestStored: 0, wallMicros, report: () => {}, ...more });
}
