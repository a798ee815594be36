/**
 * From what a damaged record is mended: of so many other replicas as every quorum has one among, the newest that they have. Then
 * no acknowledged write is newer (`entryFlags.vouched`), and the replica whose record was damaged may vote for it.
 */
import { announcesRecord, tellsRecord } from '../formats/reply.ts';
import { majority, replyWeights } from './quorum.ts';
import { newerReply, type ReplicaReply } from './resolution.ts';

/**
 * `write`: this is to be written. `read`: the node announces it, and is to be asked for it. `nothing`: the others have no record.
 * `wait`: too few of them say what they know.
 */
export type Mending =
  ({ readonly kind: 'write' | 'read' } & ReplicaReply) | { readonly kind: 'nothing' } | { readonly kind: 'wait' };

/** What to do when the other replicas of a key with `replicas` copies have replied so to a read of it. */
export function mendFrom(replies: readonly ReplicaReply[], replicas: number): Mending {
  const votes = replies.filter(({ reply }) => replyWeights[reply.code] === 'ack');
  if (replicas < 2 || votes.length < replicas - majority(replicas) + 1) return { kind: 'wait' };
  const newest = replies.reduce((best, one) => (newerReply(best.reply, one.reply) === best.reply ? best : one));
  if (!tellsRecord(newest.reply)) return { kind: 'nothing' };
  return { kind: announcesRecord(newest.reply.code) ? 'read' : 'write', ...newest };
}
