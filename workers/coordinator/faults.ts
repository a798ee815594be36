/**
 * Which replicas kept an operation from its quorum, and why. Noted as replies come, only of those that are no
 * acknowledgements, and put in words only where an operation fails: what succeeds pays nothing for it.
 */
import type { Buffer } from 'node:buffer';
import { replyWeights } from '../../src/domain/quorum.ts';
import {
  isShortfall,
  operationKinds,
  outcomeCodes,
  replyCodes,
  type OutcomeCode,
  type ReplyCode,
} from '../../src/formats/codes.ts';
import { encodeFaults, faultKinds, type Fault, type FaultKind } from '../../src/formats/faults.ts';
import { failedReply, type Reply } from '../../src/formats/reply.ts';
import { hasAcked, type PendingOperation } from './pending-operation.ts';

/** What is asked of others to say more. */
export interface FaultRules {
  readonly replicasOf: (operation: PendingOperation) => readonly number[];
  /** Why a node cannot be asked now; undefined where nothing is known against it. */
  readonly whyDown: (node: number) => string | undefined;
}

/** A node and why, as one number: most operations have none of them. */
const NODES_MAX = 256;

const kindOfReply: Partial<Readonly<Record<ReplyCode, FaultKind>>> = {
  [replyCodes.damaged]: 'damaged',
  [replyCodes.recovering]: 'recovering',
  [replyCodes.recoveringRecord]: 'recovering',
  [replyCodes.recoveringLarge]: 'recovering',
  [replyCodes.full]: 'full',
  [replyCodes.refusedClock]: 'clock',
  [replyCodes.superseded]: 'superseded',
};

/** Notes a reply that acknowledges nothing. */
export function noteFaultyReply(operation: PendingOperation, node: number, reply: Reply): void {
  noteFault(operation, node, reply === failedReply ? 'unreached' : (kindOfReply[reply.code] ?? 'refused'));
}

export function noteFault(operation: PendingOperation, node: number, kind: FaultKind): void {
  (operation.faults ??= []).push(faultKinds.indexOf(kind) * NODES_MAX + node);
}

/** What an outcome says of the replicas; undefined where it was reached. */
export function faultsOf(
  operation: PendingOperation,
  code: OutcomeCode,
  rules: FaultRules | undefined,
): Buffer | undefined {
  if (rules === undefined || !isShortfall(code)) return undefined;
  const noted = (operation.faults ?? []).map((one) => ({
    node: one % NODES_MAX,
    kind: faultKinds[Math.floor(one / NODES_MAX)] as FaultKind,
  }));
  const silent = code === outcomeCodes.timedOut ? silentReplicas(operation, rules) : [];
  const faults = [...new Map([...silent, ...noted].map((one) => [one.node, one])).values()];
  return encodeFaults(faults.map((one): Fault => ({ ...one, detail: detailOf(one, rules) })));
}

function silentReplicas(operation: PendingOperation, { replicasOf }: FaultRules) {
  const isWrite = operation.entry.kind === operationKinds.write;
  const hasVoted = (node: number): boolean =>
    isWrite
      ? hasAcked(operation, node)
      : operation.replies.some((one) => one.node === node && replyWeights[one.reply.code] === 'ack');
  return replicasOf(operation)
    .filter((node) => !hasVoted(node))
    .map((node) => ({ node, kind: 'silent' as const }));
}

function detailOf({ node, kind }: Pick<Fault, 'node' | 'kind'>, { whyDown }: FaultRules): string {
  return kind === 'unreached' || kind === 'silent' ? (whyDown(node) ?? '') : '';
}
