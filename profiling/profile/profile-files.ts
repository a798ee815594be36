/**
 * The directory of a profile: `profile.json` (all figures), `profile.md` (the tables), `report.html`, a folder for each
 * operation with the raw files, and `clinic/`.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { profileSchema, type ProfileResult } from '../result/profile.ts';
import { profileMarkdown, renderProfileReport, type StoredProfile } from '../report/profile-report.ts';

const profileFileNames = { json: 'profile.json', markdown: 'profile.md', report: 'report.html' } as const;

/**
 * Makes the directory, and tries whether it can be written to; one that holds files is refused, so that nothing of them is
 * lost. `flag` is who asks. Throws `output-unwritable`.
 */
export function makeProfileDirectory(directory: string, flag = 'out'): void {
  const refuse = (why: string, cause?: unknown): KvorumError =>
    new KvorumError('output-unwritable', `Cannot write --${flag} "${directory}": ${why}`, { cause });
  let isEmpty: boolean;
  try {
    mkdirSync(directory, { recursive: true });
    isEmpty = readdirSync(directory).length === 0;
    rmSync(mkdtempSync(join(directory, '.trial-')), { recursive: true });
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (!isEmpty) throw refuse('it is not empty; choose a new directory');
}

/** The profile in a directory. Throws `bad-setting`. */
export function readBaseline(directory: string): StoredProfile {
  const path = join(directory, profileFileNames.json);
  const bad = (why: string, cause?: unknown): KvorumError =>
    new KvorumError('bad-setting', `Bad --baseline "${directory}": ${why}`, { cause });
  if (!existsSync(path)) throw bad(`it holds no "${profileFileNames.json}"`);
  let result: Partial<ProfileResult>;
  try {
    result = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProfileResult>;
  } catch (error) {
    throw bad(`"${profileFileNames.json}" cannot be read: ${messageOf(error)}`, error);
  }
  if (result.schema !== profileSchema) throw bad(`its schema is "${result.schema}", known is "${profileSchema}"`);
  return { directory, result: result as ProfileResult };
}

/** The JSON first: the others can be made of it again. Resolves to what was written. Throws `output-unwritable`. */
export async function writeProfile(
  directory: string,
  result: ProfileResult,
  baseline: StoredProfile | undefined,
): Promise<string[]> {
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw new KvorumError('output-unwritable', `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
    }
    return path;
  };
  return [
    write(profileFileNames.json, `${JSON.stringify(result)}\n`),
    write(profileFileNames.markdown, profileMarkdown(result)),
    write(profileFileNames.report, await renderProfileReport({ directory, result }, baseline)),
  ];
}
