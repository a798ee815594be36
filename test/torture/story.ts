/** What is told of a tortured cluster when something is wrong: faults, and the operations of each key, in words. */
import { byKey, describeOperation, type ClientOperation } from './operations.ts';

/** Operations that are shown of a key's history; the others are kept in a file. */
const SHOWN_MAX = 60;

export interface Told {
  readonly operations: readonly ClientOperation[];
  /** Where the times of operations begin. */
  readonly origin: number;
}

/** What is wrong with a key, and the end of its history. */
export function describeViolation(key: string, what: string, { operations, origin }: Told): string {
  const own = sorted(operations.filter((operation) => operation.key === key));
  const lines = own.slice(-SHOWN_MAX).map((operation) => `\n    ${describeOperation(operation, origin)}`);
  return `"${key}": ${what}; of ${own.length} operations the last:${lines.join('')}`;
}

/** Files to be kept, by name. */
export function storyOf({
  operations,
  origin,
  timeline,
  violations,
}: Told & { readonly timeline: readonly string[]; readonly violations: readonly string[] }): Record<string, string> {
  const lines = [...byKey(operations)].flatMap(([key, own]) => [
    `"${key}"`,
    ...sorted(own).map((operation) => `  ${describeOperation(operation, origin)}`),
  ]);
  const beginning = `times begin at ${(origin / 1000).toFixed(2)} s of the faults' clock`;
  return {
    'faults.txt': `${timeline.join('\n')}\n`,
    'operations.txt': `${[beginning, ...lines].join('\n')}\n`,
    'violations.txt': `${violations.join('\n')}\n`,
  };
}

function sorted(operations: readonly ClientOperation[]): ClientOperation[] {
  return [...operations].sort((left, right) => left.begin - right.begin);
}
