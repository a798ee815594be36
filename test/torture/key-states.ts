/**
 * What clients know of a key whose operations come one after another, and so what a read may see of it. Pure. Where an operation got
 * no answer nobody knows, from then on; the checker of histories (test/histories) says then what is wrong.
 */
import { EXPIRY_SLACK_MS, type ClientOperation } from './operations.ts';

export interface KeyState {
  /** The last write or deletion that was acknowledged. */
  readonly last: ClientOperation | undefined;
  /** Whether all were acknowledged, or have certainly done nothing. */
  readonly isCertain: boolean;
}

/** What was seen of a key, and between when and when. */
export interface Seen {
  readonly begin: number;
  readonly end: number;
  /** The number of the write whose value it was. */
  readonly saw: number | 'missing';
}

export const neverWritten: KeyState = { last: undefined, isCertain: true };

/** The state of a key after a write or a deletion. */
export function stateAfter(state: KeyState, operation: ClientOperation): KeyState {
  const { kind } = operation.outcome;
  if (kind === 'acknowledged') return { ...state, last: operation };
  return kind === 'refused' ? state : { ...state, isCertain: false };
}

/** Whether a key has a value at a moment and from then on, as far as that is known. */
export function isKept({ last, isCertain }: KeyState): boolean {
  return isCertain && last?.kind === 'write' && last.ttlMs === undefined;
}

/** Whether readers have to find nothing under a key, from a moment on. */
export function isGoneAt({ last, isCertain }: KeyState, moment: number): boolean {
  if (!isCertain || last === undefined) return false;
  return last.kind === 'delete' || moment > expiresBy(last);
}

/** What is wrong with what was seen of a key after its last operation; undefined where nothing is. */
export function wrongWith(state: KeyState, { begin, end, saw }: Seen): string | undefined {
  const { last, isCertain } = state;
  if (!isCertain || last === undefined) return undefined;
  if (last.kind === 'delete') return saw === 'missing' ? undefined : `what was deleted is back: write ${saw}`;
  if (saw === 'missing') return end < expiresFrom(last) ? `write ${last.id} is lost` : undefined;
  if (saw !== last.id) return `write ${saw} is seen and not ${last.id}, which came after it`;
  return begin > expiresBy(last) ? `write ${saw} has expired and is seen` : undefined;
}

function expiresFrom({ begin, ttlMs = Infinity }: ClientOperation): number {
  return begin + ttlMs - EXPIRY_SLACK_MS;
}

function expiresBy({ end, ttlMs = Infinity }: ClientOperation): number {
  return end + ttlMs + EXPIRY_SLACK_MS;
}
