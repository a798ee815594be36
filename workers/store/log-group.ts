/** A log's segments, and the groups of writes that become durable together. */
import type { Buffer } from 'node:buffer';
import type { LogFile } from './log-files.ts';

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
  /** Keys and the offsets of their entries in the segment's image, in the order of appending. */
  readonly keys: string[];
  readonly offsets: number[];
  /** Called when it has ended, after `onGroup`. */
  readonly ends: ((end: GroupEnd, group: Group) => void)[];
  /** When its `write` began and ended, `performance.now()`; 0 before. */
  startedAt: number;
  writtenAt: number;
}

export type GroupEnd = 'durable' | 'full';

/** A group that nothing was appended to yet. */
export function emptyGroup(segment: Segment | undefined): Group {
  return { segment, keys: [], offsets: [], ends: [], startedAt: 0, writtenAt: 0 };
}
