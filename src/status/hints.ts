/** What a node's status says of the writes that it keeps for others, which missed them. */
import { mergeKept } from '../domain/hints.ts';
import type { WorkerReport } from '../protocol/workers.ts';

export interface HintsAsSeen {
  /** URL of the node that they are for. */
  readonly target: string;
  readonly count: number;
  readonly bytes: number;
  /** When the oldest of them was stamped. */
  readonly oldest: string | undefined;
}

/** One entry for each node that something is kept for. */
export function hintsSection(reports: readonly Pick<WorkerReport, 'hints'>[]): HintsAsSeen[] {
  return mergeKept(reports.flatMap(({ hints }) => hints)).map(({ target, count, bytes, oldest }) => {
    return { target, count, bytes, oldest: oldest === undefined ? undefined : new Date(oldest / 1000).toISOString() };
  });
}
