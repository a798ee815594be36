/**
 * Records the waits of running nodes from outside, over their profiling endpoint.
 */
import { startRecording, stopRecording, type ProfileTarget } from '../capture/profile-client.ts';
import { KvorumError } from '../../src/domain/errors.ts';
import type { NodeWaits } from './table.ts';

export interface RecordWaitsOptions {
  /** One operation in so many is timed; the node's default where it is not given. */
  readonly every?: number;
  /** What is recorded: recording ends when it resolves or rejects. */
  readonly during: () => Promise<void>;
}

/**
 * Records all nodes while `during` runs; whatever comes, no recording is left on. Throws `KvorumError` where a node does
 * not record.
 */
export async function recordWaits(
  nodes: readonly ProfileTarget[],
  { every, during }: RecordWaitsOptions,
): Promise<NodeWaits[]> {
  const started: ProfileTarget[] = [];
  let isDone = false;
  try {
    for (const node of nodes) {
      await startRecording(node, 'waits', every);
      started.push(node);
    }
    await during();
    isDone = true;
  } finally {
    if (!isDone) await Promise.allSettled(started.map((node) => stopRecording(node)));
  }
  const recorded = await Promise.allSettled(nodes.map((node) => nodeWaits(node)));
  const failure = recorded.find((one) => one.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return recorded.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

async function nodeWaits(target: ProfileTarget): Promise<NodeWaits> {
  const { waits } = await stopRecording(target);
  if (waits !== undefined) return { node: target.name, recording: waits };
  throw new KvorumError('profile-failed', `Cannot profile "${target.url}": its recording holds no waits`);
}

/** How many operations to sample one of, so that a run at `rate` requests a second to one node stays within its bound. */
export function sampleEvery(rate: number, durationMs: number): number {
  return Math.max(1, Math.ceil((rate * durationMs) / 1000 / operationsWanted));
}

/** Three quarters of what a node keeps; percentiles of 15,000 operations are steady enough. */
const operationsWanted = 15_000;
