/**
 * Where in a store's files bytes may be flipped so that the store's promises hold: in the log only what some group knows to
 * have been on the disk (what stands behind that is a write that a crash cut off, and may be gone), in LMDB's file only the
 * inside of values (its pages have no checksums, so that damage to them ends the node).
 */
import type { Buffer } from 'node:buffer';
import { readSegment, readSegmentHeader, type LogEntry } from '../../src/formats/log.ts';
import type { Random } from '../support/random.ts';
import { oneOf } from './plan.ts';

export interface Flip {
  readonly file: string;
  readonly offset: number;
}

/** Looks so often for a place. */
const TRIES = 400;
/** So many bytes around one inside a value are all text, as the values of the torture are. */
const AROUND_BYTES = 64;

/** A byte of a synced group's entry; undefined where there is none. `files` are the log's. */
export function flipInLog(files: ReadonlyMap<string, Buffer>, random: Random): Flip | undefined {
  const entries: { readonly file: string; readonly entry: LogEntry; readonly end: number; readonly run: string }[] = [];
  const synced = new Map<string, number>();
  for (const [file, bytes] of files) {
    const header = readSegmentHeader(bytes);
    if (header === undefined) continue;
    const run = `${header.owner} ${header.runStart}`;
    const reading = readSegment(bytes, header, (entry) =>
      entries.push({ file, entry, end: header.base + entry.end, run }),
    );
    synced.set(run, Math.max(synced.get(run) ?? 0, reading.synced));
  }
  const onDisk = entries.filter(({ run, end }) => end <= (synced.get(run) ?? 0));
  if (onDisk.length === 0) return undefined;
  const { file, entry } = oneOf(random, onDisk);
  return { file, offset: entry.keyStart + random.below(entry.end - entry.keyStart) };
}

/** A byte inside a value of LMDB's file; undefined where none was found. */
export function flipInValue(file: string, bytes: Buffer, random: Random): Flip | undefined {
  for (let tried = 0; tried < TRIES && bytes.length > AROUND_BYTES; tried++) {
    const offset = AROUND_BYTES / 2 + random.below(bytes.length - AROUND_BYTES);
    const around = bytes.toString('latin1', offset - AROUND_BYTES / 2, offset + AROUND_BYTES / 2);
    if (/^[ -~]+$/.test(around) && around.includes('=')) return { file, offset };
  }
  return undefined;
}
