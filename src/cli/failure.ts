/**
 * Turns what a command threw into one line on stderr and an exit code. NODE_DEBUG=kvorum adds the stack of unexpected
 * errors.
 */
import { debuglog } from 'node:util';
import { codeOf, KvorumError, messageOf } from '../diagnostics/errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice } from './output.ts';

const debug = debuglog('kvorum');

export function reportFailure(error: unknown): ExitCode {
  if (!(error instanceof KvorumError)) debug('%s', error instanceof Error ? error.stack : error);
  const isOutOfFiles = codeOf(error) === 'EMFILE' || codeOf(error) === 'ENFILE';
  writeNotice(
    `kvorum: ${printable(messageOf(error))}${isOutOfFiles ? '; raise the limit of open files (ulimit -n)' : ''}`,
  );
  return exitCodeOf[codeOf(error) ?? ''] ?? exitCodes.failure;
}

const exitCodeOf: Readonly<Record<string, ExitCode>> = {
  'bad-setting': exitCodes.usage,
  'node-unreachable': exitCodes.unreachable,
};
