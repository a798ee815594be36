/** What an entry of an outcome frame (src/formats/reply.ts) is as an outcome. */
import type { Outcome } from '../domain/outcome.ts';
import { outcomeCodes, type OutcomeCode } from '../formats/codes.ts';
import { readFaults } from '../formats/faults.ts';
import type { Version } from '../formats/record.ts';

export function asOutcome(
  code: OutcomeCode,
  tally: { acks: number; failures: number },
  value: Buffer,
  version: Version,
  expiresAt: number,
): Outcome {
  switch (code) {
    case outcomeCodes.found:
      return { kind: 'found', value, version, expiresAt };
    case outcomeCodes.announced:
      return { kind: 'announced', valueBytes: value.readUInt32LE(), version, expiresAt };
    case outcomeCodes.missing:
      return { kind: 'missing' };
    case outcomeCodes.written:
      return { kind: 'written' };
    case outcomeCodes.unreachable:
      return { kind: 'unreachable', ...tally, faults: readFaults(value) };
    case outcomeCodes.timedOut:
      return { kind: 'timedOut', ...tally, faults: readFaults(value) };
    case outcomeCodes.full:
      return { kind: 'full', ...tally, faults: readFaults(value) };
    case outcomeCodes.refusedClock:
      return { kind: 'refusedClock', ...tally, faults: readFaults(value) };
    case outcomeCodes.overloaded:
      return { kind: 'overloaded' };
    case outcomeCodes.failed:
      return { kind: 'failed' };
    default:
      return code satisfies never;
  }
}
