/**
 * What a read finds that was deleted so long ago that its tombstone is gone: a replica has it from a late frame, an old copy or an
 * old list. So many others are without the key and have a floor above it (src/domain/purge.ts) that every quorum has one
 * of them; one alone may have lost the key. Then it is missing, and whoever holds it is sent a tombstone of the same stamp.
 */
import { Buffer } from 'node:buffer';
import { isDeletedBy } from '../../src/domain/purge.ts';
import { replyCodes } from '../../src/formats/codes.ts';
import { keyOf } from '../../src/formats/frame.ts';
import { readNodeId, readVersion, RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';
import { absentFloor, tellsRecord, type Reply } from '../../src/formats/reply.ts';
import type { PendingOperation } from './pending-operation.ts';

export interface Burial {
  readonly nodes: readonly number[];
  readonly record: Reply;
}

/** How many replicas are without the key and have a floor above the record: they have removed what deleted it, or lost it. */
export function contradictions({ replies }: PendingOperation, record: Reply): number {
  let count = 0;
  for (const { reply } of replies) if (contradicts(reply, record)) count++;
  return count;
}

/** Which replicas these are. */
export function contradicting({ replies }: PendingOperation, record: Reply): number[] {
  return replies.filter(({ reply }) => contradicts(reply, record)).map(({ node }) => node);
}

function contradicts(reply: Reply, { bytes, offset }: Reply): boolean {
  const floor = absentFloor(reply);
  return floor > 0 && floor > readVersion(bytes, offset);
}

/** Whether a record that so many replicas contradict was deleted. */
export function isBuriedBy(removed: number, { quorum: { replicaCount } }: PendingOperation): boolean {
  return isDeletedBy(removed, replicaCount);
}

/** Whether the newest record that a read found was deleted. */
export function isBuried(operation: PendingOperation): boolean {
  const { newest } = operation;
  return newest !== undefined && tellsRecord(newest) && isBuriedBy(contradictions(operation, newest), operation);
}

/** The tombstone in the place of such a record, and the nodes that hold it or are damaged there. */
export function burialOf({ entry, replies }: PendingOperation, { bytes, offset }: Reply): Burial {
  const tombstone = Buffer.alloc(RECORD_HEADER_BYTES);
  const stamp = { version: readVersion(bytes, offset), nodeId: readNodeId(bytes, offset), kind: recordKinds.tombstone };
  sealRecord(tombstone, 0, 0, keyOf(entry), stamp);
  const holders = replies.filter(({ reply }) => tellsRecord(reply) || reply.code === replyCodes.damaged);
  const record: Reply = { code: replyCodes.record, bytes: tombstone, offset: 0, length: tombstone.length };
  return { nodes: holders.map(({ node }) => node), record };
}
