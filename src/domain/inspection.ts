/**
 * What each replica of a key holds, for people who look after a cluster: out of the replies to a read that has the whole record
 * checked where it lies and announces it. Pure.
 */
import { replyCodes } from '../formats/codes.ts';
import type { Fault } from '../formats/faults.ts';
import {
  headerBytesOf,
  readExpiry,
  readStamp,
  recordKinds,
  type NodeId,
  type RecordKind,
  type Version,
} from '../formats/record.ts';
import { announcedBytes, announcesRecord, tellsRecord, type Reply } from '../formats/reply.ts';
import { replyWeights } from './quorum.ts';

/** A record whose checksum is right. */
export interface HeldRecord {
  readonly kind: 'value' | 'tombstone';
  readonly version: Version;
  /** The node that stamped it. */
  readonly nodeId: NodeId;
  readonly valueBytes: number;
  /** When it expires, milliseconds since 1970; 0: never. */
  readonly expiresAt: number;
}

/** What one replica said, or why it said nothing. */
export interface Holding {
  /** Index of its node in the topology. */
  readonly node: number;
  readonly record: HeldRecord | undefined;
  /** Whether what it says is a vote: it knows what it has and what it has not. */
  readonly isVote: boolean;
  /** Why it is no vote. */
  readonly fault: Fault | undefined;
}

/** What an inspection found. */
export interface Inspection {
  readonly holdings: readonly Holding[];
  /** Nodes that were sent the newest record and hold it, or something newer, now. */
  readonly repaired: readonly number[];
}

const kindNames: Readonly<Record<RecordKind, HeldRecord['kind']>> = {
  [recordKinds.value]: 'value',
  [recordKinds.tombstone]: 'tombstone',
  [recordKinds.expiring]: 'value',
};

/** What a node's reply says; `fault` explains a reply of failure. */
export function holdingOf(node: number, reply: Reply, fault: Pick<Fault, 'kind' | 'detail'>): Holding {
  const record = tellsRecord(reply) ? recordIn(reply) : undefined;
  const isVote = replyWeights[reply.code] === 'ack';
  return { node, record, isVote, fault: isVote ? undefined : { node, ...faultIn(reply, fault) } };
}

function recordIn(reply: Reply): HeldRecord {
  const { version, nodeId, kind } = readStamp(reply.bytes, reply.offset);
  const recordBytes = announcesRecord(reply.code) ? announcedBytes(reply) : reply.length;
  const valueBytes = recordBytes - headerBytesOf(reply.bytes, reply.offset);
  return { kind: kindNames[kind], version, nodeId, valueBytes, expiresAt: readExpiry(reply.bytes, reply.offset) };
}

function faultIn({ code }: Reply, otherwise: Pick<Fault, 'kind' | 'detail'>): Pick<Fault, 'kind' | 'detail'> {
  if (code === replyCodes.damaged) return { kind: 'damaged', detail: '' };
  const isRecovering =
    code === replyCodes.recovering || code === replyCodes.recoveringRecord || code === replyCodes.recoveringLarge;
  return isRecovering ? { kind: 'recovering', detail: '' } : otherwise;
}

/** The newest record that any replica holds; undefined where none holds any. */
export function newestHeld(holdings: readonly Holding[]): HeldRecord | undefined {
  return holdings
    .flatMap(({ record }) => record ?? [])
    .reduce<HeldRecord | undefined>((best, one) => (best === undefined || isNewer(one, best) ? one : best), undefined);
}

/** Whether a replica said anything of what it holds. */
export function isKnown({ record, isVote, fault }: Holding): boolean {
  return record !== undefined || isVote || fault?.kind === 'damaged' || fault?.kind === 'recovering';
}

/** Whether a replica does not hold the newest record that some other one does; undefined of one that does not say. */
export function lacks(holding: Holding, newest: HeldRecord | undefined): boolean | undefined {
  if (!isKnown(holding)) return undefined;
  return newest !== undefined && (holding.record === undefined || isNewer(newest, holding.record));
}

/** By stamps, as replicas merge (merge.ts): no two writes share one. */
function isNewer(left: HeldRecord, right: HeldRecord): boolean {
  return left.version > right.version || (left.version === right.version && left.nodeId > right.nodeId);
}
