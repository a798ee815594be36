/** What clients saw, and the stamps that their writes were given, noted where replicas are asked. */
import { operationKinds } from '../../src/formats/codes.ts';
import { recordOf, tagOf, type Entry } from '../../src/formats/frame.ts';
import { readNodeId, readVersion } from '../../src/formats/record.ts';
import type { HistoryOperation } from '../histories/checks.ts';

export type OperationKind = 'read' | 'write' | 'delete';

export interface ClientOperation {
  readonly id: number;
  readonly kind: OperationKind;
  readonly key: string;
  readonly node: number;
  readonly acksRequired: number;
  readonly isStrict: boolean;
  readonly begin: number;
  end: number;
  /** Of a write that was acknowledged, or a read that was answered. */
  isDone: boolean;
  saw: number | 'missing';
  /** Stamps as [version, node id], in the order in which they were given. */
  readonly stamps: (readonly [version: number, nodeId: number])[];
}

export class History {
  readonly operations: ClientOperation[] = [];

  /** A tag is the id of the operation and one, so that 0 is nobody's. */
  of(tag: number): ClientOperation | undefined {
    return this.operations[tag - 1];
  }

  /** By key, with ranks in the place of stamps; reads that were not answered tell nothing. */
  byKey(): Map<string, HistoryOperation[]> {
    const stamps = this.operations.flatMap((operation) => operation.stamps);
    stamps.sort((left, right) => left[0] - right[0] || left[1] - right[1]);
    const ranks = new Map(stamps.map((stamp, index) => [String(stamp), index + 1]));
    const keys = new Map<string, HistoryOperation[]>();
    for (const operation of this.operations) {
      const { key, kind, id, begin, end, isDone, saw } = operation;
      if (kind === 'read' && !isDone) continue;
      const history = keys.get(key) ?? [];
      keys.set(key, history);
      if (kind === 'read') history.push({ kind, begin, end, saw });
      else {
        const ranked = operation.stamps.map((stamp) => ranks.get(String(stamp)) as number);
        history.push({ kind, id, begin, end: isDone ? end : Infinity, isAcknowledged: isDone, stamps: ranked });
      }
    }
    return keys;
  }
}

/** Notes the stamps of the clients' writes among these entries; repairs are nobody's. */
export function noteStamps(history: History, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const operation = entry.kind === operationKinds.write ? history.of(tagOf(entry)) : undefined;
    if (operation === undefined) continue;
    const record = recordOf(entry);
    const stamp = [readVersion(record, 0), readNodeId(record, 0)] as const;
    if (!operation.stamps.some(([version, nodeId]) => version === stamp[0] && nodeId === stamp[1])) {
      operation.stamps.push(stamp);
      operation.stamps.sort((left, right) => left[0] - right[0]);
    }
  }
}
