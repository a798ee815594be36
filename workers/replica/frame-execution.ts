/** A peer's operation frame, executed against this node's replica, however it came. */
import type { Buffer } from 'node:buffer';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { readPeerFrame, withFailedReplies, type EntryBounds, type PeerFrame } from '../../src/formats/peer-entry.ts';
import { encodeRemote, replicaMarks } from '../../src/waits/wait-marks.ts';
import type { FrameSender } from '../ground/frame-sender.ts';
import type { LocalReplica } from './local-replica.ts';
import type { PeerRefusals } from '../peers/peer-refusals.ts';

/** Where peers' frames go, and what they are held to. */
export interface FrameTarget {
  readonly replica: Pick<LocalReplica, 'submit'>;
  readonly bounds: EntryBounds;
  readonly refusals: PeerRefusals;
  /** What goes with each answer, and what sees what comes with questions. */
  readonly sender: FrameSender;
}

/**
 * Executes a frame and gives its replies to `respond`, later or at once; entries that cannot be executed fail. `receivedAt`
 * is when its first bytes came (`performance.now()`), where the peer wants to be told what each part took; `durations` is
 * empty otherwise. Returns why the frame is refused, where it does not parse.
 */
export function executeFrame(
  { replica, bounds, refusals }: FrameTarget,
  body: Buffer,
  receivedAt: number | undefined,
  respond: (replies: Buffer, durations: string) => void,
): string | undefined {
  let frame: PeerFrame;
  try {
    frame = readPeerFrame(body, bounds);
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    refusals.note('frame', error.message);
    return error.message;
  }
  const { entries, faults } = frame;
  for (const [position, fault] of faults) refusals.note('entry', `Entry ${position} of a frame ${fault}`);
  if (receivedAt === undefined) {
    replica.submit(entries, (replies) => respond(withFailedReplies(replies, faults), ''));
    return undefined;
  }
  const marks = replicaMarks(performance.now());
  const tell = (replies: Buffer): void => {
    marks.repliedAt = performance.now();
    respond(withFailedReplies(replies, faults), encodeRemote(receivedAt, marks));
  };
  replica.submit(entries, tell, marks);
  return undefined;
}
