/**
 * The text of `perf script`, read line by line into stacks by thread: JavaScript frames (from the maps that
 * `--perf-basic-prof` writes), native ones and those of the kernel.
 *
 * A sample is a line `node 71/72 12.345678:` (seconds of the system's clock), then a line for each frame from the leaf on, `7f3a2c0 symbol (object)`, then an empty
 * line. That is what `perf script -F comm,pid,tid,time,ip,sym,dso` prints.
 */
import type { Frame } from '../attribution/frame.ts';
import type { ResolveFrame, WeightedStack } from '../attribution/stack-tree.ts';

export interface PerfThread {
  readonly pid: number;
  readonly tid: number;
  /** Each stack once, from the root to the leaf; the weight is the number of samples. */
  readonly stacks: readonly WeightedStack[];
  readonly samples: number;
}

export interface PerfStacks {
  readonly threads: readonly PerfThread[];
  /** From the first sample to the last, seconds. */
  readonly seconds: number;
}

/** Frames of a stack that are kept, from the leaf on. */
const framesMax = 256;
const samplePattern = /^(.*?)\s+(\d+)\/(\d+)\s+(\d+\.\d+):/;
const framePattern = /^\s+([0-9a-f]+)\s+(.*?)(?:\s+\(([^()]*|.*\.so[^()]*|\[.*\])\))?$/;

interface Collected {
  readonly pid: number;
  readonly tid: number;
  readonly stacks: Map<string, { frames: readonly Frame[]; weight: number }>;
  samples: number;
}

export async function readPerfScript(
  lines: AsyncIterable<string> | Iterable<string>,
  resolve: ResolveFrame,
): Promise<PerfStacks> {
  const threads = new Map<string, Collected>();
  const frames = new Map<string, Frame>();
  let current: Collected | undefined;
  let stack: string[] = [];
  let [first, last] = [Infinity, 0];
  const finish = (): void => {
    if (current !== undefined) count(current, stack, (text) => frameOf(text, frames, resolve));
    current = undefined;
    stack = [];
  };
  for await (const line of lines) {
    if (line === '') finish();
    else if (/^\s/.test(line)) {
      if (stack.length < framesMax) stack.push(line);
    } else {
      finish();
      const sample = samplePattern.exec(line);
      if (sample === null) continue;
      first = Math.min(first, Number(sample[4]));
      last = Math.max(last, Number(sample[4]));
      current = threadOf(Number(sample[2]), Number(sample[3]), threads);
    }
  }
  finish();
  return {
    threads: [...threads.values()].map((thread) => ({ ...thread, stacks: [...thread.stacks.values()] })),
    seconds: Math.max(0, last - first),
  };
}

function threadOf(pid: number, tid: number, threads: Map<string, Collected>): Collected {
  const key = `${pid}/${tid}`;
  let thread = threads.get(key);
  if (thread === undefined) {
    thread = { pid, tid, stacks: new Map(), samples: 0 };
    threads.set(key, thread);
  }
  return thread;
}

function count(thread: Collected, lines: readonly string[], toFrame: (line: string) => Frame): void {
  thread.samples++;
  // Addresses differ from call to call, so a stack is known by its symbols.
  const key = lines.map((line) => line.trimStart().replace(/^[0-9a-f]+ /, '')).join('\n');
  const known = thread.stacks.get(key);
  if (known !== undefined) known.weight++;
  else thread.stacks.set(key, { frames: lines.map(toFrame).toReversed(), weight: 1 });
}

function frameOf(line: string, frames: Map<string, Frame>, resolve: ResolveFrame): Frame {
  const [, , symbol = '[unknown]', object = ''] = framePattern.exec(line) ?? [];
  const key = `${symbol}\n${object}`;
  const known = frames.get(key);
  if (known !== undefined) return known;
  const frame = scriptFrame(symbol, resolve) ?? nativeFrame(symbol, object);
  frames.set(key, frame);
  return frame;
}

/**
 * `JS:*name file:///a.js:12:34`: the mark says how far it is compiled (`~` interpreted, `^` baseline, `+` and `*`
 * optimized), and lines and columns count from 1. Undefined where it is no JavaScript.
 */
function scriptFrame(symbol: string, resolve: ResolveFrame): Frame | undefined {
  const script = /^(?:JS|Script|Function|Eval|LazyCompile|InterpretedFunction):[~^+*]*(.*)$/.exec(symbol)?.[1];
  if (script === undefined) return undefined;
  const [, functionName, url, line, column] =
    /^(.*?) ?((?:file:|node:|wasm:|evalmachine|\/)[^ ]*?):(\d+):(\d+)$/.exec(script) ?? [];
  if (url === undefined) return { name: script.trim() || '(anonymous)', origin: 'other', file: '', line: null };
  return resolve({
    functionName: functionName ?? '',
    scriptId: '0',
    url,
    lineNumber: Number(line) - 1,
    columnNumber: Number(column) - 1,
  });
}

function nativeFrame(symbol: string, object: string): Frame {
  const name = symbol.replace(/\+0x[0-9a-f]+$/, '');
  const isKernel = object.startsWith('[kernel') || object === '[guest.kernel.kallsyms]' || object.endsWith('.ko');
  return { name, origin: isKernel ? 'kernel' : 'native', file: isKernel ? '' : object, line: null };
}
