/** Which engine a run gets. */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { nodeAccess } from '../../src/tls/access.ts';
import { builtInEngine } from './built-in-engine.ts';
import type { LoadEngine } from './engine.ts';
import { findWrk2, wrk2Engine } from './wrk2-engine.ts';

export interface EngineChoice {
  /** `auto`: wrk2 where one is found, else the built-in one. */
  readonly name: 'auto' | 'wrk2' | 'built-in';
  readonly wrk2Path?: string | undefined;
  readonly requestTimeoutMs: number;
}

/**
 * Throws `bad-setting` where wrk2 is asked for and not found, or cannot be used: it knows no authority, and a token of its
 * would stand in the process list.
 */
export function selectEngine({ name, wrk2Path, requestTimeoutMs }: EngineChoice): LoadEngine {
  const { token, ca } = nodeAccess();
  const isForOwnOnly = token !== undefined || ca !== undefined;
  if (isForOwnOnly && name === 'wrk2') {
    throw new KvorumError('bad-setting', 'wrk2 takes neither a token nor an authority for TLS: leave --engine out');
  }
  if (name === 'built-in' || isForOwnOnly) return builtInEngine({ timeoutMs: requestTimeoutMs });
  const found = findWrk2(wrk2Path, { isNeeded: name === 'wrk2' });
  return found === undefined
    ? builtInEngine({ timeoutMs: requestTimeoutMs })
    : wrk2Engine(found, { timeoutMs: requestTimeoutMs });
}
