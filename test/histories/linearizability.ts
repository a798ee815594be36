/**
 * Whether a history of one key is linearizable: whether there is an order of its operations, each at some moment between
 * its beginning and its end, in which a register that one client at a time uses would have answered the same.
 *
 * The search is Wing and Gong's (1993) with Lowe's memory of what was tried (2017), as in Porcupine: the state is which
 * operations have taken place and what the register holds then. An operation without an acknowledgement may take place at
 * any moment after it began, or never.
 */
import type { HistoryOperation } from './checks.ts';

/** Operations that one search takes: they are bits of one number. */
export const operationsMax = 30;

/** Throws where the history is longer than `operationsMax`. */
export function isLinearizable(history: readonly HistoryOperation[]): boolean {
  if (history.length > operationsMax) throw new Error(`${history.length} operations are more than ${operationsMax}`);
  const operations = history.map((operation) => ({ operation, mustHappen: isCertain(operation) }));
  const certain = operations.reduce((bits, { mustHappen }, index) => (mustHappen ? bits | (1 << index) : bits), 0);
  const tried = new Set<string>();
  const search = (done: number, register: number | 'missing'): boolean => {
    if ((done & certain) === certain) return true;
    const name = `${done} ${register}`;
    if (tried.has(name)) return false;
    tried.add(name);
    let earliestEnd = Infinity;
    operations.forEach(({ operation, mustHappen }, index) => {
      if ((done & (1 << index)) === 0 && mustHappen) earliestEnd = Math.min(earliestEnd, operation.end);
    });
    return operations.some(({ operation }, index) => {
      if ((done & (1 << index)) !== 0 || operation.begin > earliestEnd) return false;
      const after = apply(operation, register);
      return after !== undefined && search(done | (1 << index), after);
    });
  };
  return search(0, 'missing');
}

function isCertain(operation: HistoryOperation): boolean {
  return operation.kind === 'read' || operation.isAcknowledged;
}

/** What the register holds after the operation; undefined where it would have answered otherwise. */
function apply(operation: HistoryOperation, register: number | 'missing'): number | 'missing' | undefined {
  if (operation.kind === 'read') return operation.saw === register ? register : undefined;
  return operation.kind === 'write' ? operation.id : 'missing';
}
