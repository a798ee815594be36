/**
 * The instruments, one per kind of recording: what to tell a thread's inspector session at the start and at the end.
 */
import type { ThreadKind } from '../../src/waits/recording.ts';
import { watchCollections, watchPromises, type Watch } from './in-thread.ts';
import type { ThreadSession } from './thread-sessions.ts';

export interface Instrument {
  /** Switches it on in one thread; resolves to what switches it off and gives the JSON text of what was recorded. */
  start(thread: ThreadSession, interval: number): Promise<() => Promise<string>>;
}

const cpu: Instrument = {
  async start(thread, interval) {
    await thread.post('Profiler.enable');
    await thread.post('Profiler.setSamplingInterval', { interval });
    await thread.post('Profiler.start');
    return async () => {
      const result = await thread.post('Profiler.stop');
      await thread.post('Profiler.disable');
      return memberOf(result, 'profile');
    };
  },
};

/** What the collector has taken counts too: the question is what was allocated, not what survived. */
const heap: Instrument = {
  async start(thread, samplingInterval) {
    await thread.post('HeapProfiler.startSampling', {
      samplingInterval,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    return async () => memberOf(await thread.post('HeapProfiler.stopSampling'), 'profile');
  },
};

const gc: Instrument = { start: (thread) => startWatch(thread, watchCollections) };
const promises: Instrument = { start: (thread) => startWatch(thread, watchPromises) };

export const instruments: Readonly<Record<ThreadKind, Instrument>> = { cpu, heap, gc, promises };

/** Calls a function of `in-thread.ts` in the thread and resolves to the JSON text of its result. */
export async function callInThread(thread: ThreadSession, call: () => unknown): Promise<string> {
  const expression = `(${call.toString()})()`;
  return valueOf(await thread.post('Runtime.evaluate', { expression, returnByValue: true }));
}

async function startWatch(thread: ThreadSession, watch: () => Watch<unknown>): Promise<() => Promise<string>> {
  const evaluated = JSON.parse(await thread.post('Runtime.evaluate', { expression: `(${watch.toString()})()` })) as {
    result: { objectId?: string };
  };
  const { objectId } = evaluated.result;
  if (objectId === undefined) throw new Error('the thread cannot run the instrument');
  return async () => {
    const functionDeclaration = 'function () { return this.stop(); }';
    const answer = await thread.post('Runtime.callFunctionOn', { objectId, functionDeclaration, returnByValue: true });
    await thread.post('Runtime.releaseObject', { objectId });
    return valueOf(answer);
  };
}

/** The text of `{"name":TEXT}`: what V8 wraps its profiles in. */
function memberOf(text: string, name: string): string {
  const head = `{"${name}":`;
  if (!text.startsWith(head)) throw new Error(`the inspector gave no ${name}`);
  return text.slice(head.length, -1);
}

function valueOf(text: string): string {
  const { result, exceptionDetails } = JSON.parse(text) as {
    result: { value?: unknown };
    exceptionDetails?: { text: string; exception?: { description?: string } };
  };
  if (exceptionDetails !== undefined) {
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }
  return JSON.stringify(result.value);
}
