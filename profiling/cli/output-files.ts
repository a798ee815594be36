/** The files of `--json` and `--report`: whether they can be written is asked before the run, not after it. */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { BenchResult } from '../load/result.ts';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { writeNotice } from '../../src/cli/output.ts';

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

export async function writeFiles(
  { jsonFile, reportFile }: { readonly jsonFile: string | undefined; readonly reportFile: string | undefined },
  result: BenchResult,
): Promise<void> {
  if (jsonFile !== undefined) writeFile('json', jsonFile, `${JSON.stringify(result)}\n`);
  if (reportFile === undefined) return;
  const { renderBenchReport } = await import('../report/bench-report.ts');
  writeFile('report', reportFile, await renderBenchReport([result]));
}

/** Throws `output-unwritable`. */
export function writeFile(flag: string, path: string, text: string): void {
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
