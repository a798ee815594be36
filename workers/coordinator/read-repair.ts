/**
 * Read repair (Dynamo 2007, section 5): after every replica has answered a read, those that have less than the newest
 * record are sent it. Best effort: nobody waits for it and nothing is retried; the next read finds what was missed.
 */
import { allocateFrame, ENTRY_HEADER_BYTES, keyOf, readEntries, writeRecord } from '../../src/formats/frame.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { staleReplicas } from '../../src/domain/resolution.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { PendingOperation } from './pending-frame.ts';

export interface RepairTargets {
  readonly self: number;
  readonly replica: LocalReplica;
  readonly peers: readonly (PeerClient | undefined)[];
}

/** Sends the newest record to the replicas of a complete read that lack it; returns how many those are. */
export function repair(operation: PendingOperation, targets: RepairTargets): number {
  const { newest } = operation;
  if (operation.entry.kind !== operationKinds.read || newest?.code !== replyCodes.record) return 0;
  const stale = staleReplicas(operation.replies, newest);
  if (stale.length === 0) return 0;
  const key = keyOf(operation.entry);
  const record = newest.bytes.subarray(newest.offset, newest.offset + newest.length);
  const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
  writeRecord(bytes, operation.quorum, key, record);
  const ignore = (): void => {};
  for (const node of stale) {
    if (node === targets.self) targets.replica.submit(readEntries(bytes), ignore);
    else targets.peers[node]?.submit({ bytes, count: 1, onReplies: ignore, onFailed: ignore });
  }
  return stale.length;
}
