/** What all replicas of a key say of it, this node's own among them: which version each has, not the record. */
import type { Buffer } from 'node:buffer';
import { isDeletedBy } from '../../src/domain/purge.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { entryFlags, readEntries } from '../../src/formats/frame.ts';
import { isReplyTo } from '../../src/formats/peer-entry.ts';
import type { Version } from '../../src/formats/record.ts';
import { absentFloor, failedReply, type Reply } from '../../src/formats/reply.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { Replica } from '../replica/owned-replica.ts';
import { askPeer, readsOf, submit } from './pull.ts';

export interface RepliesOptions {
  readonly placement: Placement;
  /** By index among the nodes; undefined at this one's own. */
  readonly peers: readonly (Pick<PeerClient, 'submit' | 'flush'> | undefined)[];
  /** All workers' together. */
  readonly replica: Replica;
  readonly timeoutMs: number;
}

/** In the order of the preference list; a replica that does not answer in time has `failed`. */
export function repliesOf(key: Buffer, { placement, peers, replica, timeoutMs }: RepliesOptions): Promise<Reply[]> {
  const replicas = preferenceList(hashKey(key, 0, key.length), placement.nodeIds, placement.replicationFactor);
  return Promise.all(
    replicas.map(async (node) => {
      const frame = readsOf([{ key }], entryFlags.announceOnly);
      const peer = peers[node];
      const replies = peer === undefined ? submit(readEntries(frame), replica) : askPeer(frame, { peer, timeoutMs });
      const [reply] = (await replies) ?? [];
      return reply !== undefined && isReplyTo(operationKinds.read, reply) ? reply : failedReply;
    }),
  );
}

/** Whether so many of a key's replicas have removed what deleted a record of this version as every quorum has one of. */
export async function isDeleted(key: Buffer, version: Version, options: RepliesOptions): Promise<boolean> {
  const replies = await repliesOf(key, options);
  return isDeletedBy(replies.filter((reply) => absentFloor(reply) > version).length, replies.length);
}
