/** Which engine a run gets. */
import { builtInEngine } from './built-in-engine.ts';
import type { LoadEngine } from './engine.ts';
import { findWrk2, wrk2Engine } from './wrk2-engine.ts';

export interface EngineChoice {
  /** `auto`: wrk2 where one is found, else the built-in one. */
  readonly name: 'auto' | 'wrk2' | 'built-in';
  readonly wrk2Path?: string | undefined;
  readonly requestTimeoutMs: number;
}

/** Throws `bad-setting` where wrk2 is asked for and not found. */
export function selectEngine({ name, wrk2Path, requestTimeoutMs }: EngineChoice): LoadEngine {
  if (name === 'built-in') return builtInEngine({ timeoutMs: requestTimeoutMs });
  const found = findWrk2(wrk2Path, { isNeeded: name === 'wrk2' });
  return found === undefined
    ? builtInEngine({ timeoutMs: requestTimeoutMs })
    : wrk2Engine(found, { timeoutMs: requestTimeoutMs });
}
