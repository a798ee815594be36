/** A frame that waited for its worker past its deadline: none of its operations is begun. */
import type { Buffer } from 'node:buffer';
import { outcomeCodes } from '../../src/formats/codes.ts';
import { readEntries, tagOf } from '../../src/formats/frame.ts';
import { FrameWriter, OUTCOME_FRAME_HEADER_BYTES, OUTCOME_HEADER_BYTES } from '../../src/formats/reply.ts';

const nobody = { acks: 0, failures: 0 };

/** The outcomes of such a frame; `newest` is the newest version that the worker has seen. Throws `corrupt-frame`. */
export function refuseLateFrame(bytes: Buffer, newest: number): Buffer {
  const entries = readEntries(bytes);
  const size = OUTCOME_FRAME_HEADER_BYTES + entries.length * OUTCOME_HEADER_BYTES;
  const writer = new FrameWriter(size, OUTCOME_FRAME_HEADER_BYTES);
  for (const entry of entries) writer.outcome(tagOf(entry), outcomeCodes.overloaded, nobody);
  return writer.finishOutcomes(newest);
}
