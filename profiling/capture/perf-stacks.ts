/**
 * perf's samples of CPU as stacks by thread: JavaScript frames (from the maps that `--perf-basic-prof` writes), native ones
 * and those of the kernel.
 */
import type { Frame } from '../attribution/frame.ts';
import type { ResolveFrame, WeightedStack } from '../attribution/stack-tree.ts';
import type { PerfFrame, PerfLost, PerfSample } from './perf-script.ts';

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

interface Collected {
  readonly pid: number;
  readonly tid: number;
  readonly stacks: Map<string, { frames: readonly Frame[]; weight: number }>;
  samples: number;
}

export async function stacksByThread(
  events: AsyncIterable<PerfSample | PerfLost>,
  resolve: ResolveFrame,
): Promise<PerfStacks> {
  const threads = new Map<string, Collected>();
  const numbers = new Map<PerfFrame, number>();
  const frames: Frame[] = [];
  const numberOf = (frame: PerfFrame): number => {
    const known = numbers.get(frame);
    if (known !== undefined) return known;
    numbers.set(frame, frames.length);
    return frames.push(scriptFrame(frame.symbol, resolve) ?? nativeFrame(frame)) - 1;
  };
  let [firstUs, lastUs] = [Infinity, 0];
  for await (const event of events) {
    if (event.kind === 'lost') continue;
    firstUs = Math.min(firstUs, event.timeUs);
    lastUs = Math.max(lastUs, event.timeUs);
    const thread = threadOf(event, threads);
    thread.samples++;
    const stack = event.frames.map(numberOf);
    const key = stack.join();
    const known = thread.stacks.get(key);
    if (known !== undefined) known.weight++;
    else thread.stacks.set(key, { frames: stack.map((number) => frames[number] as Frame).toReversed(), weight: 1 });
  }
  return {
    threads: [...threads.values()].map((thread) => ({ ...thread, stacks: [...thread.stacks.values()] })),
    seconds: Math.max(0, lastUs - firstUs) / 1e6,
  };
}

function threadOf({ pid, tid }: PerfSample, threads: Map<string, Collected>): Collected {
  const key = `${pid}/${tid}`;
  const thread = threads.get(key) ?? { pid, tid, stacks: new Map(), samples: 0 };
  threads.set(key, thread);
  return thread;
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

function nativeFrame({ symbol, file }: PerfFrame): Frame {
  const isKernel = file.startsWith('[kernel') || file === '[guest.kernel.kallsyms]' || file.endsWith('.ko');
  return { name: symbol, origin: isKernel ? 'kernel' : 'native', file: isKernel ? '' : file, line: null };
}
