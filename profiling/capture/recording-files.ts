/**
 * The raw files of a profile: `.cpuprofile` and `.heapprofile` as V8 made them (Chrome DevTools and speedscope open both),
 * collapsed stacks with TypeScript frames, and one index over them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { RecordingKind, ThreadRecording } from '../../src/waits/recording.ts';
import { foldedText } from '../attribution/folded.ts';
import { treeOfCpuProfile, treeOfHeapProfile, type ResolveFrame, type StackTree } from '../attribution/stack-tree.ts';
import type { ProfileFile } from '../result/profile.ts';
import type { NodeRecording } from './record.ts';

export const profileFilesSchema = 'kvorum-profile-files/1';
export const indexName = 'index.json';

export interface ProfileIndex {
  readonly schema: typeof profileFilesSchema;
  readonly files: readonly ProfileFile[];
}

export interface FilesOptions {
  readonly directory: string;
  /** A folder of this name takes the files. */
  readonly op: string;
  readonly resolve: ResolveFrame;
}

/** Writes the profiles of CPU and heap recordings; other kinds have none. Throws `profile-failed`. */
export function writeRecordingFiles(recordings: readonly NodeRecording[], options: FilesOptions): ProfileFile[] {
  return recordings.flatMap(({ node, recording }) =>
    recording.threads.flatMap((thread) => threadFiles(node, thread, options)),
  );
}

/** Writes collapsed stacks of perf: one file per node and thread. */
export function writePerfFiles(
  threads: readonly { readonly node: string; readonly thread: string; readonly tree: StackTree }[],
  { directory, op }: FilesOptions,
): ProfileFile[] {
  return threads.map(({ node, thread, tree }) => {
    const path = `${op}/${fileStem(node, thread)}.perf.folded`;
    writeText(directory, path, foldedText(tree, thread));
    return { path, op, kind: 'perf', format: 'folded', node, thread };
  });
}

export function writeIndex(directory: string, files: readonly ProfileFile[]): void {
  const index: ProfileIndex = { schema: profileFilesSchema, files };
  writeText(directory, indexName, `${JSON.stringify(index, undefined, 2)}\n`);
}

/** What a file of a profile holds. Throws `profile-failed`. */
export function readProfileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The same of one that holds JSON. */
export function readProfileJson(path: string): unknown {
  const text = readProfileText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** `n1-worker-1`. */
export function fileStem(node: string, thread: string): string {
  return `${node}-${thread}`.replace(/[^\w.-]+/g, '-');
}

/** The stacks of a thread's CPU or heap profile; undefined where it has neither. */
export function treeOf({ cpu, heap }: ThreadRecording, resolve: ResolveFrame): StackTree | undefined {
  if (cpu !== undefined) return treeOfCpuProfile(cpu, resolve);
  return heap === undefined ? undefined : treeOfHeapProfile(heap, resolve);
}

function threadFiles(node: string, thread: ThreadRecording, { directory, op, resolve }: FilesOptions): ProfileFile[] {
  const kind: RecordingKind = thread.cpu === undefined ? 'heap' : 'cpu';
  const tree = treeOf(thread, resolve);
  if (tree === undefined) return [];
  const stem = `${op}/${fileStem(node, thread.thread)}`;
  const raw = kind === 'cpu' ? 'cpuprofile' : 'heapprofile';
  const folded = kind === 'cpu' ? `${stem}.folded` : `${stem}.heap.folded`;
  writeText(directory, `${stem}.${raw}`, JSON.stringify(thread[kind]));
  writeText(directory, folded, foldedText(tree, thread.thread));
  const common = { op, kind, node, thread: thread.thread } as const;
  return [
    { path: `${stem}.${raw}`, format: raw, ...common },
    { path: folded, format: 'folded', ...common },
  ];
}

function unreadable(path: string, cause: unknown): KvorumError {
  return new KvorumError('profile-failed', `Cannot read profile "${path}": ${messageOf(cause)}`, { cause });
}

function writeText(directory: string, path: string, text: string): void {
  const file = join(directory, path);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } catch (error) {
    throw new KvorumError('profile-failed', `Cannot write "${file}": ${messageOf(error)}`, { cause: error });
  }
}
