/** Which of two records under a key a replica keeps. */
import type { Buffer } from 'node:buffer';
import { isLargeHead } from '../../src/formats/large-head.ts';
import { compareRecords } from '../../src/domain/merge.ts';
import { isIntact, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';

/** Whether the new record replaces the current one: it is newer, or the current one is damaged. */
export function wins(record: Buffer, current: Buffer, key: Buffer): boolean {
  if (current.length < RECORD_HEADER_BYTES) return true;
  const order = compareRecords(
    { bytes: record, offset: 0, length: record.length },
    { bytes: current, offset: 0, length: current.length },
  );
  // A damaged version field could hide every write to come, so a record that wins over a new one must prove itself.
  return order > 0 || !(isIntact(current, 0, current.length, key) || isLargeHead(current));
}
