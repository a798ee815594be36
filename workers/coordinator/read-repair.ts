/**
 * Read repair (Dynamo 2007, section 5): replicas that have less than the newest record are sent it. Best effort: nobody
 * waits for it and nothing is retried; the next read finds what was missed.
 */
import { allocateFrame, ENTRY_HEADER_BYTES, keyOf, readEntries, writeRepair } from '../../src/formats/frame.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Repair } from './pending-frame.ts';
import type { PendingOperation } from './pending-operation.ts';

export interface RepairTargets {
  readonly self: number;
  readonly replica: Pick<LocalReplica, 'submit'>;
  readonly peers: readonly (Pick<PeerClient, 'submit'> | undefined)[];
}

/** Sends the record that an operation read to the replicas that lack it. */
export function repair(operation: PendingOperation, { nodes, record }: Repair, targets: RepairTargets): void {
  const key = keyOf(operation.entry);
  const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
  writeRepair(bytes, operation.quorum, key, record.bytes.subarray(record.offset, record.offset + record.length));
  const ignore = (): void => {};
  for (const node of nodes) {
    if (node === targets.self) targets.replica.submit(readEntries(bytes), ignore);
    else targets.peers[node]?.submit({ bytes, count: 1, onReplies: ignore, onFailed: ignore });
  }
}
