/**
 * The one error type of the project and the one table of its codes.
 *
 * Errors are thrown only for bad configuration, corrupt bytes and broken invariants. What can normally happen to a
 * request is an `Outcome` (outcome.ts), never an exception. Callers match on `code`; the text is for people.
 */

/** Every code that a `KvorumError` can carry, and what it means. */
export const errorCodes = {
  'bad-request': 'the request is malformed; nothing was done',
  'bad-setting': 'a setting has a value outside its bound or of the wrong type',
  'corrupt-frame': 'bytes between threads or nodes do not parse',
  'store-locked': 'another process has this data directory open',
  'store-unusable': 'the data directory cannot be created, read or written',
  'store-newer': 'the data directory was written by a newer format',
  'store-unclean': 'a store without a log, of durability commit, met an unclean stop and then a reboot',
  'store-foreign': 'the data directory belongs to another node',
  'listen-failed': 'a port cannot be listened on',
  'disk-full': 'the data directory has no room for the write',
  'store-failed': 'the operating system failed a storage call',
  'backup-damaged': 'a backup is cut or damaged, or is none',
  'profile-failed': 'a node cannot be profiled, or what was recorded of it cannot be read',
  'worker-failed': 'a worker thread did not start or died',
  'node-unreachable': 'no node answers at a URL, or it does not serve',
  'output-unwritable': 'a file that was asked for cannot be written',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** An error with a stable `code` out of `errorCodes`. */
export class KvorumError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KvorumError';
    this.code = code;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of anything thrown, where it has one: a KvorumError's, or the operating system's (`ENOSPC`). */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What to do with a store that cannot be opened any more. */
export const refillAdvice = 'move the data directory away, and the node gets its data from its peers';
