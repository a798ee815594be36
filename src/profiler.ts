/**
 * A node's profiler as the client port sees it. The code that records is loaded with the first recording, so a node that
 * is never profiled pays nothing. The one file of the node that names `profiling/`.
 */
import type { Recorder, RecorderOptions } from '../profiling/inside/recorder.ts';
import type { ProfilerState, RecordingKind } from './waits/recording.ts';

export class Profiler {
  readonly #options: RecorderOptions;
  #recorder: Promise<Recorder> | undefined;
  #loaded: Recorder | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  state(): ProfilerState {
    if (this.#loaded !== undefined) return this.#loaded.state();
    const { durationMsMax } = this.#options;
    const none = { kind: null, interval: null, startedAt: null };
    return { state: 'off', ...none, durationMsMax, pid: process.pid, sessions: 0, forgotten: 0 };
  }

  /** Begins a recording; false where there is one already. Rejects where threads cannot be observed. */
  async start(kind: RecordingKind, interval: number | undefined): Promise<boolean> {
    this.#recorder ??= import('../profiling/inside/recorder.ts').then(({ Recorder }) => new Recorder(this.#options));
    this.#loaded = await this.#recorder;
    return this.#loaded.start(kind, interval);
  }

  /** Ends the recording: JSON text in pieces. Undefined where there is none. */
  async stop(): Promise<string[] | undefined> {
    return this.#loaded?.stop();
  }

  /** The node stops, and a recording with it. */
  async close(): Promise<void> {
    await this.#loaded?.stop();
  }
}
