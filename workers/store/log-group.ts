/** A log's segments, and the groups of writes that become durable together. */
import type { Buffer } from 'node:buffer';
import { KeyTable, type TableKey } from './key-table.ts';
import type { LogFile } from './log-files.ts';
import type { LoggedEntry } from './memtable.ts';

/** A file that is being filled, or full and not checkpointed. */
export interface Segment {
  readonly file: LogFile;
  readonly sequence: number;
  readonly base: number;
  /** The file's bytes, as far as they are written or will be. */
  readonly image: Buffer;
}

/** Writes that become durable together. */
export interface Group {
  /** Undefined only before the log's first entry. */
  readonly segment: Segment | undefined;
  /** Where the entries stand in the segment's image, in the order of appending. */
  readonly offsets: number[];
  /** Called when it has ended, after `onGroup`. */
  readonly ends: ((end: GroupEnd, group: Group) => void)[];
  /** When its `write` began and ended, `performance.now()`; 0 before. */
  startedAt: number;
  writtenAt: number;
  /** Its entries by key, as far as somebody looked for one, and how many of them are there. */
  table: KeyTable | undefined;
  indexed: number;
}

export type GroupEnd = 'durable' | 'full';

/** A group that nothing was appended to yet. */
export function emptyGroup(segment: Segment | undefined): Group {
  return { segment, offsets: [], ends: [], startedAt: 0, writtenAt: 0, table: undefined, indexed: 0 };
}

/** The sequence of the segment that is being filled, if something in it ends at this position at the latest; else 0. */
export function begunUpTo(segment: Segment | undefined, end: number): number {
  return segment !== undefined && end > segment.base ? segment.sequence : 0;
}

/** The newest entry under a key in lists of groups, each of which has its newest last; the newest list stands first. */
export function findInGroups(lists: readonly (readonly Group[])[], key: TableKey): LoggedEntry | undefined {
  for (const groups of lists) {
    for (let index = groups.length - 1; index >= 0; index--) {
      const group = groups[index] as Group;
      const offset = findInGroup(group, key);
      if (offset !== 0) return { image: (group.segment as Segment).image, offset };
    }
  }
  return undefined;
}

/**
 * The offset of a group's newest entry under a key; 0 where there is none. Few merges have to look, so the group's table is
 * made when the first one does.
 */
function findInGroup(group: Group, key: TableKey): number {
  const { segment, offsets } = group;
  if (segment === undefined || offsets.length === 0) return 0;
  const table = (group.table ??= new KeyTable(segment.image));
  while (group.indexed < offsets.length) table.put(offsets[group.indexed++] as number);
  return table.find(key);
}
