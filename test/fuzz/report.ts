/** What a fuzzer is told, and what it tells. */

export interface FuzzOptions {
  readonly seed: number;
  /** Whether another case is to be tried; asked before each one, with how many there were. */
  readonly goOn: (cases: number) => boolean;
  /** The case to begin with. */
  readonly first?: number;
}

export interface FuzzReport {
  cases: number;
  /** What happened how often, by name. */
  readonly counts: Map<string, number>;
  /** One text for each case that failed: what went wrong, the bytes, and how to repeat it. */
  readonly failures: string[];
}

export function emptyReport(): FuzzReport {
  return { cases: 0, counts: new Map(), failures: [] };
}

export function count({ counts }: FuzzReport, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** After so many failures a run ends: they are mostly one. */
export const failuresMax = 20;

export function failure(what: string, bytes: string, again: string): string {
  return `${what}\n    bytes: ${JSON.stringify(bytes)}\n    again: npm run fuzz -- ${again}`;
}
