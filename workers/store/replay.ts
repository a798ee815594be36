/**
 * What a start finds of the log: the segments that are not checkpointed, their newest records, and what of them is damaged.
 * It reads files and decides; nothing is written.
 */
import type { Buffer } from 'node:buffer';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import {
  baseByGroups,
  damageOf,
  readSegment,
  readSegmentHeader,
  salvageHole,
  SEGMENT_HEADER_BYTES,
  type Hole,
  type SegmentHeader,
  type SegmentReading,
} from '../../src/formats/log.ts';
import { parseLogFileName, type LogFiles } from './log-files.ts';
import type { LogNote } from './log-notes.ts';
import { NewestRecords } from './newest-records.ts';
import type { Checkpointed } from './store-writer.ts';

/** One segment as it was found. */
export interface FoundSegment {
  readonly name: string;
  readonly bytes: Buffer;
  readonly header: SegmentHeader;
  readonly reading: SegmentReading;
}

/** What one owner's log was found to be. */
export interface FoundLog {
  readonly owner: number;
  /** By ascending sequence, those that are not checkpointed. */
  readonly segments: readonly FoundSegment[];
  /** Damaged stretches, by positions. */
  readonly damage: readonly Hole[];
  /** Files that hold nothing which is needed once the segments are checkpointed. */
  readonly files: readonly string[];
  /** Of these, the files without a header that can be read: they must not be used again as they are. */
  readonly strangers: readonly string[];
  /** The greatest sequence found or checkpointed, and a position that no segment reaches. */
  readonly sequence: number;
  readonly base: number;
}

/** Reads the logs of all owners, or of one. `checkpointed` says which segments LMDB has already. Throws what the system says. */
export function findLogs(files: LogFiles, checkpointed: (owner: number) => number, only?: number): FoundLog[] {
  const begun = files.begun();
  const isMeant = (owner: number): boolean => only === undefined || owner === only;
  // An owner whose files are all gone has a log, too, and it goes on behind what was checkpointed.
  const names = new Map([...begun.keys(), only ?? 0].filter(isMeant).map((owner) => [owner, [] as string[]]));
  for (const name of files.list().sort()) {
    const owner = parseLogFileName(name)?.owner;
    if (owner === undefined || !isMeant(owner)) continue;
    names.set(owner, [...(names.get(owner) ?? []), name]);
  }
  return [...names].map(([owner, own]) =>
    findLog(files, own, { owner, sequence: checkpointed(owner), note: begun.get(owner) ?? nothingNoted }),
  );
}

const nothingNoted: LogNote = { sequence: 0, position: 0 };

/** What is known of an owner's log without a look at it. */
interface Known extends Checkpointed {
  readonly note: LogNote;
}

function findLog(files: LogFiles, names: readonly string[], { owner, sequence, note }: Known): FoundLog {
  const found: FoundSegment[] = [];
  const strangers = new Map<string, Buffer>();
  let fileBytes = 0;
  for (const name of names) {
    const bytes = files.read(name);
    const header = readSegmentHeader(bytes);
    if (header === undefined || header.owner !== owner) strangers.set(name, bytes);
    else found.push({ name, bytes, header, reading: readSegment(bytes, header, () => undefined) });
    fileBytes += bytes.length;
  }
  found.sort((left, right) => left.header.sequence - right.header.sequence);
  const headless = [...strangers].flatMap(([name, bytes]) => findHeadless(name, bytes, found, { owner, sequence }));
  const lost = headless.map(({ header: { base } }) => ({ from: base, to: base + SEGMENT_HEADER_BYTES }));
  found.push(...headless);
  found.sort((left, right) => left.header.sequence - right.header.sequence);
  const gone = [...lost, ...cutShort(found, sequence), ...missingAtEnd(found, { sequence, note })];
  return {
    owner,
    segments: found.filter(({ header }) => header.sequence > sequence),
    damage: [...damageOf(found, sequence), ...gone],
    files: names,
    strangers: [...strangers.keys()],
    sequence: Math.max(sequence, note.sequence, found.at(-1)?.header.sequence ?? 0),
    // Segments whose headers a crash kept from the disk may have left groups in files that show an older header. There are
    // no more of them than files, so no position of theirs is used again.
    base: Math.max(0, ...found.map(({ header, bytes }) => header.base + bytes.length)) + fileBytes,
  };
}

/**
 * A file without a header: one that was made ahead is no loss, even if a crash kept its header from the disk and not the
 * groups behind it. Where groups say that more than its base was synced, it is a segment that lost its header, which is
 * damage; its place among those that were found is told by its groups' positions.
 */
function findHeadless(
  name: string,
  bytes: Buffer,
  found: readonly FoundSegment[],
  { owner, sequence: checkpointed }: Checkpointed,
): FoundSegment[] {
  const base = baseByGroups(bytes);
  if (base === undefined) return [];
  const next = found.find(({ header }) => header.base > base)?.header;
  const newest = Math.max(checkpointed, found.at(-1)?.header.sequence ?? 0);
  const sequence = next === undefined ? newest + 1 : next.sequence - (next.base - base) / next.segmentBytes;
  if (!Number.isInteger(sequence) || sequence <= checkpointed) return [];
  const runStart = (next ?? found.at(-1)?.header)?.runStart ?? base;
  const header = { owner, sequence, base, previousEnd: base, runStart, segmentBytes: bytes.length };
  const reading = readSegment(bytes, header, () => undefined);
  const synced = Math.max(reading.synced, ...found.map((one) => one.reading.synced));
  return synced > base ? [{ name, bytes, header, reading }] : [];
}

/** Files get their whole length when they are made, so one that is shorter has lost something. */
function cutShort(found: readonly FoundSegment[], checkpointed: number): Hole[] {
  return found
    .filter(({ header, bytes }) => header.sequence > checkpointed && bytes.length < header.segmentBytes)
    .map(({ header: { base, segmentBytes }, bytes }) => ({ from: base + bytes.length, to: base + segmentBytes }));
}

/** What was noted to be there and is behind all that is: files are gone, or nothing in them can be read, or they are older copies. */
function missingAtEnd(found: readonly FoundSegment[], { sequence, note }: Omit<Known, 'owner'>): Hole[] {
  if (note.sequence <= sequence) return [];
  const last = found.findLast(({ reading }) => reading.groups > 0);
  const missing = note.sequence - Math.max(sequence, last?.header.sequence ?? 0);
  const { base, segmentBytes } = last?.header ?? { base: 0, segmentBytes: SEGMENT_HEADER_BYTES };
  if (missing > 0) return [{ from: base + segmentBytes, to: base + (missing + 1) * segmentBytes }];
  const end = Math.max(0, ...found.map(({ reading }) => reading.end));
  return note.position > end ? [{ from: end, to: note.position }] : [];
}

/** The newest record of each key in all segments, those that can be saved out of damaged stretches among them. */
export function newestRecords(logs: readonly FoundLog[]): NewestRecords {
  const newest = new NewestRecords();
  for (const { segments, damage } of logs) {
    for (const { bytes, header } of segments) {
      readSegment(bytes, header, ({ entry }) => newest.add(bytes, entry));
      for (const hole of damage) {
        const isHere = hole.from >= header.base && hole.from < header.base + bytes.length;
        if (isHere) salvageHole(bytes, header, hole, ({ entry }) => newest.add(bytes, entry));
      }
    }
  }
  return newest;
}

/** Whether logs hold keys that belong to other owners now: the node had another number of workers when they were written. */
export function haveForeignKeys(logs: readonly FoundLog[], workers: number): boolean {
  return logs.some(({ owner, segments }) =>
    segments.some(({ bytes, header }) => {
      let isForeign = false;
      readSegment(bytes, header, ({ keyStart, keyEnd }) => {
        isForeign ||= ownerOf(hashKey(bytes, keyStart, keyEnd), workers) !== owner;
      });
      return isForeign;
    }),
  );
}

/** Says what is damaged, for people. */
export function describeDamage(logs: readonly FoundLog[]): string | undefined {
  const damaged = logs.filter(({ damage }) => damage.length > 0);
  if (damaged.length === 0) return undefined;
  return damaged
    .map(({ owner, damage }) => {
      const bytes = damage.reduce((sum, { from, to }) => sum + to - from, 0);
      return `${damage.length} stretches of ${bytes} bytes in the log of worker ${owner + 1}`;
    })
    .join(', ');
}
