/**
 * Files that a command is asked to leave behind. Looked at before the work begins, so that a mistyped path does not cost
 * an hour of measuring, and written whole at its end.
 */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { Flags } from '../config.ts';
import { KvorumError, messageOf } from '../domain/errors.ts';

export interface OutputFile {
  readonly path: string;
  /** Throws `output-unwritable`. */
  write(text: string): void;
}

/** The file that a flag names; undefined where it is not given. Throws `output-unwritable`. */
export function outputFile(flags: Flags, flag: string): OutputFile | undefined {
  const given = flags.get(flag);
  if (given === undefined) return undefined;
  const path = String(given);
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch (error) {
      const message = `Cannot write --${flag} "${path}": ${messageOf(error)}`;
      throw new KvorumError('output-unwritable', message, { cause: error });
    }
  };
  attempt(() => {
    const isNew = !existsSync(path);
    closeSync(openSync(path, 'a'));
    if (isNew) rmSync(path);
  });
  return { path, write: (text) => attempt(() => writeFileSync(path, text)) };
}
