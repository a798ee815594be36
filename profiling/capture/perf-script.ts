/**
 * The text of `perf script`, read line by line into stacks by thread: JavaScript frames (from the maps that
 * `--perf-basic-prof` writes), native ones and those of the kernel.
 *
 * A sample is a line `node 71/72`, then a line for each frame from the leaf on, `7f3a2c0 symbol (object)`, then an empty
 * line. That is what `perf script -F comm,pid,tid,ip,sym,dso` prints.
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

/** Frames of a stack that are kept, from the leaf on. */
const framesMax = 256;
const samplePattern = /^(.*?)\s+(\d+)\/(\d+)\s*$/;
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
): Promise<PerfThread[]> {
  const threads = new Map<string, Collected>();
  const frames = new Map<string, Frame>();
  let current: Collected | undefined;
  let stack: string[] = [];
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
      current = threadOf(line, threads);
    }
  }
  finish();
  return [...threads.values()].map(({ pid, tid, stacks, samples }) => ({
    pid,
    tid,
    stacks: [...stacks.values()],
    samples,
  }));
}

function threadOf(line: string, threads: Map<string, Collected>): Collected | undefined {
  const [, , pid, tid] = samplePattern.exec(line) ?? [];
  if (pid === undefined || tid === undefined) return undefined;
  const key = `${pid}/${tid}`;
  let thread = threads.get(key);
  if (thread === undefined) {
    thread = { pid: Number(pid), tid: Number(tid), stacks: new Map(), samples: 0 };
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
    /^(.*?) ?((?:file|node|wasm|evalmachine)[^ ]*?):(\d+):(\d+)$/.exec(script) ?? [];
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
