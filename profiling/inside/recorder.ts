/**
 * Records what this node's threads do, one recording at a time. Loaded when a recording is first asked for, and holds
 * nothing while there is none: the inspector sessions open with a recording and close with it.
 *
 * A recording that nobody stops ends by itself after `durationMsMax`, and what it saw is thrown away: a profiler that was
 * forgotten must neither slow the node for ever nor fill its memory.
 */
import {
  intervals,
  recordingSchema,
  type ProfilerPhase,
  type ProfilerState,
  type RecordingKind,
  type ThreadKind,
} from '../../src/waits/recording.ts';
import { messageOf } from '../../src/diagnostics/errors.ts';
import type { WaitPoints, WaitRecording } from '../../src/waits/wait-recording.ts';
import { osThreadId } from './in-thread.ts';
import { callInThread, instruments } from './instruments.ts';
import { ThreadSessions, type ThreadSession } from './thread-sessions.ts';
import { startWaits } from './waits.ts';

export interface RecorderOptions {
  /** The node's URL, for whoever reads the recording. */
  readonly url: string;
  /**
   * From 0, the worker whose thread this is; undefined for a thread that is no worker's. Threads are numbered on and on when
   * one is replaced, workers are not.
   */
  readonly workerOf: (threadId: number) => number | undefined;
  readonly durationMsMax: number;
  readonly waits: WaitPoints;
}

/** What one thread's instrument was started with. */
interface ThreadTrack {
  /** The members that all kinds have, as JSON text without the closing brace. */
  readonly head: string;
  /** Resolves to the JSON text of what was recorded. */
  readonly stop: () => Promise<string>;
}

interface Running {
  readonly kind: RecordingKind;
  readonly interval: number | undefined;
  readonly startedAt: string;
  readonly startedMs: number;
  readonly tracks: readonly ThreadTrack[];
  /** Of kind `waits` only, which has no tracks. */
  readonly stopWaits: (() => Promise<WaitRecording>) | undefined;
  readonly timer: NodeJS.Timeout;
}

export class Recorder {
  readonly #options: RecorderOptions;
  #phase: ProfilerPhase = 'off';
  #running: Running | undefined;
  #sessions: ThreadSessions | undefined;
  #forgotten = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  state(): ProfilerState {
    return {
      state: this.#phase,
      kind: this.#running?.kind ?? null,
      interval: this.#running?.interval ?? null,
      startedAt: this.#running?.startedAt ?? null,
      durationMsMax: this.#options.durationMsMax,
      pid: process.pid,
      sessions: this.#sessions?.threads.length ?? 0,
      forgotten: this.#forgotten,
    };
  }

  /** Begins a recording in all threads; false where there is one already. Rejects where no thread can be observed. */
  async start(kind: RecordingKind, interval = intervals[kind]?.default): Promise<boolean> {
    if (this.#phase !== 'off') return false;
    this.#phase = 'starting';
    try {
      this.#running = await this.#begin(kind, interval);
      this.#phase = 'recording';
      return true;
    } catch (error) {
      await this.#leaveThreads();
      throw error;
    }
  }

  /** Ends the recording: pieces of JSON text that are a `Recording` together. Undefined where there is none. */
  async stop(): Promise<string[] | undefined> {
    const running = this.#running;
    if (this.#phase !== 'recording' || running === undefined) return undefined;
    this.#phase = 'stopping';
    clearTimeout(running.timer);
    const durationMs = performance.now() - running.startedMs;
    try {
      const threads = await Promise.all(running.tracks.map((track) => finish(track, running.kind)));
      return this.#assemble(running, durationMs, threads, await running.stopWaits?.());
    } finally {
      await this.#leaveThreads();
    }
  }

  async #begin(kind: RecordingKind, interval: number | undefined): Promise<Running> {
    const tracks = kind === 'waits' ? [] : await this.#trackAll(kind, interval ?? 0);
    const stopWaits = kind === 'waits' ? await startWaits(this.#options.waits, interval ?? 1) : undefined;
    // unref: a node that stops does not wait for it.
    const timer = setTimeout(() => void this.#forget(), this.#options.durationMsMax).unref();
    return {
      kind,
      interval,
      startedAt: new Date().toISOString(),
      startedMs: performance.now(),
      tracks,
      stopWaits,
      timer,
    };
  }

  async #trackAll(kind: ThreadKind, interval: number): Promise<ThreadTrack[]> {
    const sessions = await ThreadSessions.open();
    this.#sessions = sessions;
    return Promise.all(sessions.threads.map((thread) => this.#track(thread, kind, interval)));
  }

  async #track(thread: ThreadSession, kind: ThreadKind, interval: number): Promise<ThreadTrack> {
    const { threadId } = thread;
    const name = threadName(thread, this.#options.workerOf(threadId));
    const head = (id: string): string => `{"thread":${JSON.stringify(name)},"threadId":${threadId},"osThreadId":${id}`;
    try {
      const id = await callInThread(thread, osThreadId);
      return { head: head(id), stop: await instruments[kind].start(thread, interval) };
    } catch (error) {
      return { head: head('null'), stop: () => Promise.reject(toError(error)) };
    }
  }

  #assemble(
    running: Running,
    durationMs: number,
    threads: readonly string[],
    waits: WaitRecording | undefined,
  ): string[] {
    const head = JSON.stringify({
      schema: recordingSchema,
      kind: running.kind,
      url: this.#options.url,
      pid: process.pid,
      startedAt: running.startedAt,
      durationMs,
      interval: running.interval ?? null,
    });
    const pieces = threads.map((thread, index) => (index === 0 ? thread : `,${thread}`));
    const last = waits === undefined ? '' : `,"waits":${JSON.stringify(waits)}`;
    return [`${head.slice(0, -1)},"threads":[`, ...pieces, `]${last}}\n`];
  }

  async #forget(): Promise<void> {
    this.#forgotten++;
    await this.stop();
  }

  async #leaveThreads(): Promise<void> {
    const sessions = this.#sessions;
    this.#running = undefined;
    this.#sessions = undefined;
    await sessions?.close();
    this.#phase = 'off';
  }
}

/** `main`, `worker 1`, or what a worker has named a thread of its own: `store writer 1`. */
function threadName({ threadId, title }: ThreadSession, worker: number | undefined): string {
  if (threadId === 0) return 'main';
  if (worker !== undefined) return `worker ${worker + 1}`;
  return /store writer \d+/.exec(title)?.[0] ?? `thread ${threadId}`;
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

async function finish({ head, stop }: ThreadTrack, kind: RecordingKind): Promise<string> {
  try {
    return `${head},"${kind}":${await stop()}}`;
  } catch (error) {
    return `${head},"failure":${JSON.stringify(messageOf(error))}}`;
  }
}
