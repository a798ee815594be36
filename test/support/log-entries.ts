/** Entries of the log: a key and, right behind it, its record. */
import { Buffer } from 'node:buffer';
import type { EntryPlace, LogEntry } from '../../src/formats/log.ts';
import { RECORD_HEADER_BYTES, sealRecord } from '../../src/formats/record.ts';
import type { LayerSnapshot } from '../../workers/store/memtable.ts';

export interface SampleEntry {
  readonly key: string;
  readonly source: Buffer;
  readonly place: EntryPlace;
}

/** An entry whose value tells key and version, and is repeated up to `valueBytes`. */
export function sampleEntry(key: string, version: number, valueBytes = 40): SampleEntry {
  const name = Buffer.from(key);
  const record = sampleRecord(key, version, valueBytes);
  const source = Buffer.concat([name, record]);
  return { key, source, place: { keyStart: 0, keyEnd: name.length, end: source.length } };
}

export function sampleRecord(key: string, version: number, valueBytes = 40): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + valueBytes);
  record.fill(`${key}=${version};`, RECORD_HEADER_BYTES);
  sealRecord(record, 0, valueBytes, Buffer.from(key), { version, nodeId: 1, kind: 0 });
  return record;
}

/** What a layer of the memtable shows, in its order. */
export function entriesOf(snapshot: LayerSnapshot, start = '', end?: string): LogEntry[] {
  const next = snapshot.entries(start, end);
  const found: LogEntry[] = [];
  for (let one = next(); one !== undefined; one = next()) found.push(one);
  return found;
}
