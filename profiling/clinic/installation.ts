/**
 * Where clinic is, and how it gets there. It is pinned, since what is known of it here (see run-clinic.ts) is known of this
 * version: it is no longer developed. Its 700 packages stand in a folder of their own with a lockfile of their own, so that
 * only who asks for it waits for them.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';

export const clinicVersion = '13.0.0';

/** This file runs as dist/profiling/clinic/installation.js. */
const folderDefault = fileURLToPath(new URL('../../../profiling/clinic/tool/', import.meta.url));
/** By npm's own defaults it tries for more than a minute where there is no network. */
const patience = { npm_config_fetch_retries: '1', npm_config_fetch_retry_mintimeout: '1000' };

export interface InstallOptions {
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** Where it is installed; for tests. */
  readonly folder?: string;
}

/** Clinic's program, which `node` runs: what is installed already, else after an installation. Throws `profile-failed`. */
export async function installedClinic(options: InstallOptions = {}): Promise<string> {
  const { folder = folderDefault, onProgress, signal } = options;
  const found = findClinic(folder);
  if (found !== undefined) return found;
  onProgress?.(`Installing clinic ${clinicVersion} into "${folder}", once (700 packages, 155 MB)`);
  const failure = await npmCi(folder, signal);
  signal?.throwIfAborted();
  const installed = failure === undefined ? findClinic(folder) : undefined;
  if (installed !== undefined) return installed;
  const byHand = `try again with a network, or install it yourself: npm install --save-dev clinic@${clinicVersion}`;
  throw new KvorumError('profile-failed', `Cannot install clinic: ${failure ?? 'npm left no program'}; ${byHand}`);
}

/** The user's own clinic, beside this package or in the directory that the command was called in; else ours. */
export function findClinic(folder = folderDefault): string | undefined {
  const own = [import.meta.filename, join(process.cwd(), 'package.json')];
  // npm writes this file last: without it an installation was broken off.
  const isWhole = existsSync(join(folder, 'node_modules/.package-lock.json'));
  const places = isWhole ? [...own, join(folder, 'package.json')] : own;
  return places.map(programFrom).find((program) => program !== undefined);
}

function programFrom(place: string): string | undefined {
  try {
    const program = join(dirname(createRequire(place).resolve('clinic/package.json')), 'bin.js');
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where it went well, else why not, in npm's words. */
async function npmCi(folder: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  // As npm calls itself, where it has called us.
  const script = process.env['npm_execpath'];
  const [command, ...before] =
    script?.endsWith('npm-cli.js') === true ? ([process.execPath, script] as const) : (['npm'] as const);
  const args = [...before, 'ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  try {
    const child = spawn(command, args, {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...patience, ...process.env },
      shell: process.platform === 'win32',
      ...(signal && { signal }),
    });
    const code = new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    const [ended, said] = await Promise.all([code, text(child.stderr)]);
    return ended === 0 ? undefined : reasonOf(said);
  } catch (error) {
    return messageOf(error);
  }
}

/** npm explains at length; the first line that is more than a code says it. */
function reasonOf(said: string): string {
  const lines = said.split('\n').map((line) => line.replace(/^npm (?:error|ERR!)\s*/, '').trim());
  return lines.find((line) => / /.test(line) && !/^(?:code|errno|syscall|path) /.test(line)) ?? 'npm ci failed';
}
