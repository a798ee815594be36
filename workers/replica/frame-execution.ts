/** A peer's operation frame, executed against this node's replica, however it came. */
import type { Buffer } from 'node:buffer';
import { KvorumError } from '../../src/domain/errors.ts';
import { readEntries, type Entry } from '../../src/formats/frame.ts';
import { encodeRemote, replicaMarks } from '../../src/waits/wait-marks.ts';
import type { LocalReplica } from './local-replica.ts';

/**
 * Executes a frame and gives its replies to `respond`, later or at once. `receivedAt` is when its first bytes came
 * (`performance.now()`), where the peer wants to be told what each part took; `durations` is empty otherwise. Returns why
 * the frame is refused, where it does not parse.
 */
export function executeFrame(
  replica: LocalReplica,
  body: Buffer,
  receivedAt: number | undefined,
  respond: (replies: Buffer, durations: string) => void,
): string | undefined {
  let entries: Entry[];
  try {
    entries = readEntries(body);
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    return error.message;
  }
  if (receivedAt === undefined) {
    replica.submit(entries, (replies) => respond(replies, ''));
    return undefined;
  }
  const marks = replicaMarks(performance.now());
  const tell = (replies: Buffer): void => {
    marks.repliedAt = performance.now();
    respond(replies, encodeRemote(receivedAt, marks));
  };
  replica.submit(entries, tell, marks);
  return undefined;
}
