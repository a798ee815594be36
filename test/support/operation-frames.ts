/** Operation frames as the main thread makes them, and what an outcome frame says. */
import { Buffer } from 'node:buffer';
import { operationKinds, type OutcomeCode } from '../../src/formats/codes.ts';
import { allocateFrame, entryBytes, valueOffset, writeRead, writeWrite } from '../../src/formats/frame.ts';
import { recordKinds } from '../../src/formats/record.ts';
import { visitOutcomes } from '../../src/formats/reply.ts';

const quorum = { acksRequired: 1, replicaCount: 1 };

/** A frame with one read. */
export function readFrame(tag: number, key: string): Buffer {
  const bytes = allocateFrame(entryBytes(Buffer.byteLength(key), undefined));
  writeRead(bytes, 0, { tag, kind: operationKinds.read, quorum }, Buffer.from(key));
  return bytes;
}

/** A frame with one write, stamped by the wall clock. */
export function writeFrame(tag: number, key: string, value: string): Buffer {
  const [keyBytes, valueBytes] = [Buffer.from(key), Buffer.from(value)];
  const bytes = allocateFrame(entryBytes(keyBytes.length, valueBytes.length));
  bytes.set(valueBytes, valueOffset(0, keyBytes.length));
  const stamp = { version: Date.now() * 1000, nodeId: 1, kind: recordKinds.value };
  const head = { tag, kind: operationKinds.write, quorum };
  writeWrite(bytes, 0, head, keyBytes, { stamp, valueBytes: valueBytes.length });
  return bytes;
}

export interface ReadOutcome {
  readonly tag: number;
  readonly code: OutcomeCode;
  readonly value: string;
}

export function outcomesIn(bytes: Uint8Array): ReadOutcome[] {
  const found: ReadOutcome[] = [];
  visitOutcomes(Buffer.from(bytes), (tag, code, _tally, value) => found.push({ tag, code, value: value.toString() }));
  return found;
}
