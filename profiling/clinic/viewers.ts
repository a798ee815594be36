/**
 * Our own recordings in clinic's viewers. Clinic itself records the main thread only, but its pages draw whatever has
 * their form, so each thread's profile gets the page that clinic would have made of it.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { CpuProfile, HeapProfile, HeapProfileNode } from '../../src/waits/recording.ts';
import { readProfileJson } from '../capture/recording-files.ts';
import { pathOf } from '../capture/source-frames.ts';
import { clinicTicks } from './flame-data.ts';
import { clinicInstall, clinicVersion, findClinic, type ClinicInstallation } from './installation.ts';
import { toolTraits } from './tools.ts';
import { visualize } from './visualize.ts';

export type ClinicViewResult =
  | { readonly kind: 'done'; readonly html: string }
  | { readonly kind: 'not-installed'; readonly install: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ClinicViewOptions {
  readonly signal?: AbortSignal;
  /** For tests; found where it is not given. */
  readonly installation?: ClinicInstallation | null;
}

/** Clinic calls the code of this directory by the directory's name, and all other code by its package. */
const projectDirectory = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** Draws a `.cpuprofile` as clinic flame does, into the file `outHtml`. Throws only where `signal` aborts. */
export function clinicFlameOf(
  path: string,
  outHtml: string,
  options: ClinicViewOptions = {},
): Promise<ClinicViewResult> {
  return view('flame', path, outHtml, options, (data) => {
    const ticks = clinicTicks(readProfileJson(path) as CpuProfile);
    if (ticks.length === 0) throw new KvorumError('profile-failed', `"${path}" holds no sample that is not idle`);
    writeFlameData(data, ticks);
  });
}

/** Draws a `.heapprofile` as clinic heapprofiler does, into the file `outHtml`. Throws only where `signal` aborts. */
export function clinicHeapOf(
  path: string,
  outHtml: string,
  options: ClinicViewOptions = {},
): Promise<ClinicViewResult> {
  return view('heapprofiler', path, outHtml, options, (data) => {
    const { head, samples = [] } = readProfileJson(path) as HeapProfile;
    writeFileSync(data, JSON.stringify({ head: withPaths(head), samples }));
  });
}

async function view(
  tool: 'flame' | 'heapprofiler',
  path: string,
  outHtml: string,
  options: ClinicViewOptions,
  write: (data: string) => void,
): Promise<ClinicViewResult> {
  const installation = options.installation === undefined ? findClinic() : options.installation;
  if (installation === undefined || installation === null) return { kind: 'not-installed', install: clinicInstall };
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-clinic-'));
  try {
    const name = basename(path).replace(/\.(?:cpu|heap)profile$/, '');
    const data = join(directory, `${name}${toolTraits[tool].suffix}`);
    write(data);
    const page = await visualize({ tool, program: installation.program, data, signal: options.signal });
    mkdirSync(dirname(outHtml), { recursive: true });
    copyFileSync(page, outHtml);
    return { kind: 'done', html: outHtml };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (codeOf(error) === undefined) throw error;
    return { kind: 'failed', reason: messageOf(error) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function writeFlameData(data: string, ticks: unknown): void {
  const file = join(data, basename(data));
  const system = {
    mainDirectory: projectDirectory,
    pathSeparator: '/',
    nodeVersions: process.versions,
    toolVersion: clinicVersion,
  };
  mkdirSync(data);
  writeFileSync(`${file}-samples`, JSON.stringify(ticks));
  writeFileSync(`${file}-systeminfo`, JSON.stringify(system));
  writeFileSync(`${file}-inlinedfunctions`, '{}');
}

function withPaths(node: HeapProfileNode): HeapProfileNode {
  const callFrame = { ...node.callFrame, url: pathOf(node.callFrame.url) };
  return { ...node, callFrame, children: node.children.map(withPaths) };
}
