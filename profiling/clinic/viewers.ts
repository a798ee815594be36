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
import { clinicVersion } from './installation.ts';
import { visualize } from './step.ts';
import { toolTraits } from './tools.ts';

export type ClinicViewResult =
  { readonly kind: 'done'; readonly html: string } | { readonly kind: 'failed'; readonly reason: string };

/** What is drawn: a profile of ours, by clinic's `program`, into the file `html`. */
export interface ClinicView {
  readonly program: string;
  readonly path: string;
  readonly html: string;
  readonly signal?: AbortSignal;
}

/** Clinic calls the code of this directory by the directory's name, and all other code by its package. */
const projectDirectory = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** Draws a `.cpuprofile` as clinic flame does. Throws only where `signal` aborts. */
export function clinicFlameOf(wanted: ClinicView): Promise<ClinicViewResult> {
  return view('flame', wanted, (data) => {
    const ticks = clinicTicks(readProfileJson(wanted.path) as CpuProfile);
    if (ticks.length === 0)
      throw new KvorumError('profile-failed', `"${wanted.path}" holds no sample that is not idle`);
    writeFlameData(data, ticks);
  });
}

/** Draws a `.heapprofile` as clinic heapprofiler does. Throws only where `signal` aborts. */
export function clinicHeapOf(wanted: ClinicView): Promise<ClinicViewResult> {
  return view('heapprofiler', wanted, (data) => {
    const { head, samples = [] } = readProfileJson(wanted.path) as HeapProfile;
    writeFileSync(data, JSON.stringify({ head: withPaths(head), samples }));
  });
}

async function view(
  tool: 'flame' | 'heapprofiler',
  { program, path, html, signal }: ClinicView,
  write: (data: string) => void,
): Promise<ClinicViewResult> {
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-clinic-'));
  try {
    const name = basename(path).replace(/\.(?:cpu|heap)profile$/, '');
    const data = join(directory, `${name}${toolTraits[tool].suffix}`);
    write(data);
    const page = await visualize({ tool, program, data, signal });
    mkdirSync(dirname(html), { recursive: true });
    copyFileSync(page, html);
    return { kind: 'done', html };
  } catch (error) {
    signal?.throwIfAborted();
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
