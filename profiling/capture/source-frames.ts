/**
 * From V8's frames and perf's symbols to frames with TypeScript sources: source maps for our own code, packages and
 * Node's modules by their names.
 *
 * A node's code may lie elsewhere than ours (another directory, another machine), so a file is known by what follows
 * `dist/`, and looked up in our own build, which must be of the same version.
 */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { CallFrame } from '../../src/waits/recording.ts';
import type { Frame } from '../attribution/frame.ts';
import type { ResolveFrame } from '../attribution/stack-tree.ts';

/** This file runs as dist/profiling/capture/source-frames.js. */
const build = new URL('../../', import.meta.url);
const noFrame = { file: '', line: null } as const;

/** Resolves frames and remembers what it has read: one for as many profiles as there are. */
export function frameResolver(): ResolveFrame {
  const maps = new Map<string, SourceMap | undefined>();
  const frames = new Map<string, Frame>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) maps.set(file, readSourceMap(file));
    return maps.get(file);
  };
  return (callFrame) => {
    const { url, lineNumber, columnNumber, functionName } = callFrame;
    const key = `${url}:${lineNumber}:${columnNumber}:${functionName}`;
    const known = frames.get(key);
    if (known !== undefined) return known;
    const frame = resolve(callFrame, mapOf);
    frames.set(key, frame);
    return frame;
  };
}

const v8Names = new Set(['(root)', '(program)', '(idle)', '(garbage collector)']);

function resolve(callFrame: CallFrame, mapOf: (file: string) => SourceMap | undefined): Frame {
  const { url, lineNumber } = callFrame;
  const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName;
  if (url === '') return { name, origin: v8Names.has(name) || isV8State(name) ? 'v8' : 'native', ...noFrame };
  const line = lineNumber < 0 ? null : lineNumber + 1;
  if (url.startsWith('node:')) return { name, origin: 'node', file: url, line };
  const path = pathOf(url);
  const packageAt = path.lastIndexOf('/node_modules/');
  // Kvorum itself may be installed as a package.
  if (packageAt >= 0 && !path.startsWith('kvorum/dist/', packageAt + 14))
    return { name, origin: 'package', file: path.slice(packageAt + 14), line };
  const own = /^.*\/dist\/((?:src|workers|bundled|profiling|test)\/.*)\.js$/.exec(path)?.[1];
  if (own === undefined) return { name, origin: 'other', file: path, line };
  const entry = mapOf(`${own}.js`)?.findEntry(Math.max(0, lineNumber), Math.max(0, callFrame.columnNumber));
  if (entry === undefined || !('originalSource' in entry)) return { name, origin: 'project', file: `${own}.ts`, line };
  // What threads run is bundled: so the source differs by function. The bundler appends a number to a name that is taken.
  const file = entry.originalSource.replace(/^(?:.*\/)?\.\.\//, '');
  const given = 'name' in entry && name.replace(/\d+$/, '') === entry.name ? entry.name : name;
  return { name: given, origin: 'project', file, line: entry.originalLine + 1 };
}

/** V8's heap profiler has more names in brackets: `(BYTECODE_COMPILER)`, `(V8 API)`. */
function isV8State(name: string): boolean {
  return /^\([A-Z0-9_ a-z]+\)$/.test(name) && name !== '(anonymous)';
}

/** A file's path where V8 names it by a URL; all else as it is. */
export function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

/** The map beside a file of our build; undefined where there is none that can be read. */
function readSourceMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(new URL(`${file}.map`, build), 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
