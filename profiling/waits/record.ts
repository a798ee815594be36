/**
 * Records the waits of running nodes from outside, over their profiling endpoint.
 */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { stopRecording, type ProfileTarget } from '../capture/profile-client.ts';
import { assertShorter, pause, startAll, type RecordOptions } from '../capture/record.ts';
import type { NodeWaits } from './table.ts';

/** Three quarters of what a node keeps of one recording; percentiles of 15,000 operations are steady enough. */
const operationsWanted = 15_000;

/** How many operations to time one of, so that a node that gets `rate` requests a second keeps all that it times. */
export function sampleEvery(rate: number, durationMs: number): number {
  return Math.max(1, Math.ceil((rate * durationMs) / 1000 / operationsWanted));
}

/**
 * Times one operation in `every` (16 where none is given, see `sampleEvery`) of all nodes at once. Whatever comes, no
 * node is left recording. Throws `KvorumError` where a node does not record.
 */
export async function recordWaits(
  targets: readonly ProfileTarget[],
  { every, durationMs, signal, onRecording }: RecordOptions & { readonly every?: number },
): Promise<NodeWaits[]> {
  const states = await startAll(targets, 'waits', every);
  let recorded: PromiseSettledResult<NodeWaits>[];
  try {
    assertShorter(durationMs, states);
    onRecording?.();
    await pause(durationMs, signal);
  } finally {
    recorded = await Promise.allSettled(targets.map(stopWaits));
  }
  return recorded.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

async function stopWaits(target: ProfileTarget): Promise<NodeWaits> {
  const { waits } = await stopRecording(target);
  if (waits !== undefined) return { node: target.name, recording: waits };
  throw new KvorumError('profile-failed', `Cannot profile "${target.url}": its recording holds no waits`);
}
