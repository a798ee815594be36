/**
 * The merge of a cluster scan: out of several sources in key order, the next key and its newest record.
 *
 * Every source is strictly ascending, so the smallest key at any head is the next one of the whole, and all its records
 * stand at the heads that have the same key. Which of them wins is the total order of merge.ts; among equal ones the
 * first source's is taken.
 */
import type { RangeEntry } from '../formats/range-format.ts';
import { compareRecords } from './merge.ts';

/**
 * The index of the entry that comes next, or -1 where there is none; an index without an entry is a source that has
 * ended. `sameKey` is filled with the indexes of all entries with that key, the winner's among them.
 */
export function selectNext(entries: readonly (RangeEntry | undefined)[], sameKey: number[]): number {
  let least = -1;
  sameKey.length = 0;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined) continue;
    const order = least < 0 ? -1 : compareKeys(entry, entries[least] as RangeEntry);
    if (order > 0) continue;
    if (order < 0) {
      least = index;
      sameKey.length = 0;
    } else if (compareRecords(entry, entries[least] as RangeEntry) > 0) {
      least = index;
    }
    sameKey.push(index);
  }
  return least;
}

/** The order of two entries' keys: byte by byte, a prefix first. Most keys are short and differ late. */
export function compareKeys(left: RangeEntry, right: RangeEntry): number {
  const leftBytes = left.keyEnd - left.keyStart;
  const rightBytes = right.keyEnd - right.keyStart;
  const shared = Math.min(leftBytes, rightBytes);
  for (let index = 0; index < shared; index++) {
    const difference = (left.key[left.keyStart + index] as number) - (right.key[right.keyStart + index] as number);
    if (difference !== 0) return difference;
  }
  return leftBytes - rightBytes;
}
