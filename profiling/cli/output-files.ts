/** What a measurement is written as, on stdout and in files; whether these can be written is asked before the run. */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { BenchResult } from '../load/result.ts';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { Option } from '../../src/cli/command.ts';
import { writeNotice } from '../../src/cli/output.ts';
import { choiceFlag } from '../../src/cli/parse.ts';
import type { Flags } from '../../src/settings/sources.ts';

export const junitOption: Option = {
  flag: 'junit',
  placeholder: 'FILE',
  about: 'Write what was asked and whether it was kept as a JUnit file, for CI',
};

const formats = ['table', 'json', 'markdown'] as const;
export type OutputFormat = (typeof formats)[number];

export const reportOutputOption: Option = {
  flag: 'output',
  placeholder: formats.join('|'),
  about: 'What stdout gets: text (table, default), the whole result, or Markdown for a pull request',
};

/** Throws `bad-setting`. */
export function reportFormat(flags: Flags): OutputFormat {
  return choiceFlag(flags, reportOutputOption.flag, formats, 'table');
}

/** By flag. */
export type OutputFiles = Readonly<Record<'json' | 'report' | 'junit', string | undefined>>;

/** Throws `output-unwritable` with the flag and the path of the first file that cannot be written. */
export function assertWritable(files: Readonly<Record<string, string | undefined>>): void {
  for (const [flag, path] of Object.entries(files)) {
    if (path === undefined) continue;
    const isNew = !existsSync(path);
    try {
      closeSync(openSync(path, 'a'));
      if (isNew) rmSync(path);
    } catch (error) {
      throw unwritable(flag, path, error);
    }
  }
}

/** The JSON first: the others can be made of it again. Throws `output-unwritable`. */
export async function writeBenchFiles({ json, junit, report }: OutputFiles, result: BenchResult): Promise<void> {
  if (json !== undefined) writeFile('json', json, `${JSON.stringify(result)}\n`);
  if (junit !== undefined) {
    const { benchJunit } = await import('../report/junit.ts');
    writeFile('junit', junit, benchJunit(result));
  }
  if (report === undefined) return;
  const { renderBenchReport } = await import('../report/bench-report.ts');
  writeFile('report', report, await renderBenchReport([result]));
}

/** Throws `output-unwritable`. */
export function writeFile(flag: string, path: string, text: string | Uint8Array): void {
  try {
    writeFileSync(path, text);
    writeNotice(`Wrote ${path}`);
  } catch (error) {
    throw unwritable(flag, path, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  EISDIR: 'it is a directory',
  ENOTDIR: 'its directory is a file',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
};

function unwritable(flag: string, path: string, error: unknown): KvorumError {
  const reason = reasons[codeOf(error) ?? ''] ?? messageOf(error);
  return new KvorumError('output-unwritable', `Cannot write --${flag} "${path}": ${reason}`, { cause: error });
}
