/**
 * Whether tombstones of the memtable stand in rows: a range has to pass over each of them and over what it hides in LMDB, so a
 * segment with many is checkpointed before it is full. Deletes that are strewn among values that stay cost a range nothing, and
 * their checkpoint is cheaper the more of them it brings.
 */
import { Buffer } from 'node:buffer';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { entryRecord } from '../../src/formats/log.ts';
import { isTombstone } from '../../src/formats/record.ts';
import type { LoggedEntry } from './memtable.ts';

/** Tombstones in rows that may wait in a node's open segments: 3 to 10 ms for a range that passes over them. */
export const loggedTombstonesMax = 2048;

/** How a row is looked for: in LMDB from a few tombstones on. */
export interface RowsOptions {
  /** Keys of values in LMDB in their order, all owners' values, from a key on; at most so many. */
  readonly keysFrom: (start: Buffer, limit: number) => Iterable<Buffer>;
  /** What the owner's memtable holds under a key. */
  readonly find: (key: Buffer) => LoggedEntry | undefined;
  /** Whose memtable that is, of so many. */
  readonly owner: number;
  readonly workers: number;
}

/** Values of the owner in LMDB that are looked at behind each tombstone: some 20 us. */
const ROW_KEYS = 16;

/** Whether LMDB's values behind at least half of these tombstones are hidden, of those that the owner can hide. */
export function standInRows(tombstones: readonly Buffer[], { keysFrom, find, owner, workers }: RowsOptions): boolean {
  const isHidden = (shown: Buffer): boolean => {
    const key = Buffer.from(shown);
    if (ownerOf(hashKey(key, 0, key.length), workers) !== owner) return true;
    const logged = find(key);
    return logged !== undefined && isTombstone(entryRecord(logged.image, logged.offset), 0);
  };
  const inRow = tombstones.filter((start) => Array.from(keysFrom(start, ROW_KEYS * workers)).every(isHidden));
  return tombstones.length > 0 && 2 * inRow.length >= tombstones.length;
}
