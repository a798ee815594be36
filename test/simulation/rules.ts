/**
 * The rules under test, each of which can be switched off where the simulation puts the code together: a checker that finds
 * nothing wrong then would find nothing at all.
 */
import type { Buffer } from 'node:buffer';
import type { ReadRepair } from '../../src/domain/modes.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { FrameWriter, holdsRecord, readReplies } from '../../src/formats/reply.ts';
import { wholeStanding, type Standing } from '../../workers/ground/standing.ts';

export interface Rules {
  /** What a replica says reaches the coordinator as this. */
  readonly replies: (frame: Buffer) => Buffer;
  readonly standing: (own: Standing) => Standing;
  readonly readRepair: ReadRepair;
  readonly startAboveBound: boolean;
  readonly acksEndWithStarts: boolean;
  /** What is removed leaves a floor. */
  readonly keepsFloors: boolean;
  /** Strict operations are sent as such. */
  readonly keepsStrict: boolean;
}

export const allRules: Rules = {
  replies: (frame) => frame,
  standing: (own) => own,
  readRepair: 'blocking',
  startAboveBound: true,
  acksEndWithStarts: true,
  keepsFloors: true,
  keepsStrict: true,
};

/** Each rule switched off. */
export const mutations: Readonly<Record<string, Rules>> = {
  'losers of a merge say applied': {
    ...allRules,
    replies: (frame) => saidAs(frame, replyCodes.superseded, replyCodes.applied),
  },
  'damaged data votes': { ...allRules, replies: (frame) => saidAs(frame, replyCodes.damaged, replyCodes.absent) },
  'a node that lost data votes': { ...allRules, standing: () => wholeStanding },
  'a node that lost data acknowledges old writes': {
    ...allRules,
    standing: (own) => ({
      get isWhole() {
        return own.isWhole;
      },
      votes: (hash) => own.votes(hash),
      floor: () => 0,
    }),
  },
  'reads are repaired after they are answered': { ...allRules, readRepair: 'background' },
  'a start forgets what it stamped': { ...allRules, startAboveBound: false },
  'acknowledgements outlive the process that gave them': { ...allRules, acksEndWithStarts: false },
  'what was deleted is removed without a floor': { ...allRules, keepsFloors: false },
  'strict operations are plain ones': { ...allRules, keepsStrict: false },
};

/** The reply frame with one code in the place of another, without what follows it. */
function saidAs(frame: Buffer, from: number, to: number): Buffer {
  const replies = readReplies(frame);
  if (replies.every(({ code }) => code !== from)) return frame;
  const writer = new FrameWriter(frame.length);
  for (const { code, bytes, offset, length } of replies) {
    if (code === from) writer.reply(to as (typeof replyCodes)['applied']);
    else if (holdsRecord(code)) writer.replyRecord(bytes.subarray(offset, offset + length), length, code as never);
    else if (code === replyCodes.superseded)
      writer.replySuperseded(bytes.readDoubleLE(offset), bytes.readUInt32LE(offset + 8));
    else writer.reply(code);
  }
  return writer.finish();
}
