/** Segments of the log, encoded without the log. */
import { Buffer } from 'node:buffer';
import {
  encodeSegmentHeader,
  GROUP_HEADER_BYTES,
  groupStart,
  sealGroup,
  SEGMENT_HEADER_BYTES,
  writeLogEntry,
  type SegmentHeader,
} from '../../src/formats/log.ts';
import { sampleEntry } from './log-entries.ts';

export interface SampleGroup {
  readonly entries: readonly {
    readonly key: string;
    readonly version: number;
    readonly valueBytes?: number | undefined;
  }[];
  /** How many of the groups before are on the disk when it is written: all but so many. */
  readonly unsynced?: number;
}

export interface SampleSegment {
  readonly bytes: Buffer;
  readonly header: SegmentHeader;
  /** Offsets: where each group starts and ends, and the end of the last one. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly end: number;
}

export const sampleHeader: SegmentHeader = {
  owner: 0,
  sequence: 1,
  base: 0,
  previousEnd: 0,
  runStart: 0,
  segmentBytes: 8192,
};

/** Writes a header and groups into `bytes`, which an earlier use may have filled. */
export function encodeSegment(
  groups: readonly SampleGroup[],
  own: Partial<SegmentHeader> = {},
  bytes = Buffer.alloc(own.segmentBytes ?? sampleHeader.segmentBytes),
): SampleSegment {
  const header = { ...sampleHeader, ...own };
  encodeSegmentHeader(header).copy(bytes);
  const starts: number[] = [];
  const ends: number[] = [];
  let at = SEGMENT_HEADER_BYTES;
  for (const { entries, unsynced = 0 } of groups) {
    const start = groupStart(at);
    at = start + GROUP_HEADER_BYTES;
    for (const { key, version, valueBytes } of entries) {
      const { source, place } = sampleEntry(key, version, valueBytes);
      at = writeLogEntry(bytes, at, source, place);
    }
    const before = ends[ends.length - 1 - unsynced];
    const synced = before === undefined ? header.previousEnd : header.base + before;
    sealGroup(bytes, start, at, { position: header.base + start, synced, entries: entries.length });
    starts.push(start);
    ends.push(at);
  }
  return { bytes, header, starts, ends, end: at };
}
