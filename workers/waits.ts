/**
 * Switches the recording of waits on and off in this worker. The code that records is loaded when it is first asked for;
 * while nothing is recorded the hooks are undefined and nobody listens to undici's channels.
 */
import { tagOf } from '../src/formats/frame.ts';
import type { WaitOptions } from '../src/waits/wait-marks.ts';
import type { WorkerRecording, WorkerWaitsModule, WorkerWaitsRecorder } from '../src/waits/wait-recording.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import type { LocalReplica } from './replica/local-replica.ts';
import { watchSending } from './peers/peer-sending.ts';
import type { PendingOperation } from './coordinator/pending-operation.ts';

export interface WaitsSwitchOptions {
  readonly thread: string;
  readonly sequential: boolean;
  readonly coordinator: Pick<Coordinator, 'waits'>;
  readonly replica: Pick<LocalReplica, 'onRun'>;
}

interface Running {
  readonly recorder: WorkerWaitsRecorder<PendingOperation>;
  readonly stopWatching: () => void;
}

export class WaitsSwitch {
  readonly #options: WaitsSwitchOptions;
  #running: Running | undefined;

  constructor(options: WaitsSwitchOptions) {
    this.#options = options;
  }

  async start(options: WaitOptions, module: string): Promise<void> {
    const { startWorkerWaits } = (await import(module)) as WorkerWaitsModule;
    this.stop();
    const { coordinator, replica, thread, sequential } = this.#options;
    const recorder = startWorkerWaits<PendingOperation>({
      ...options,
      thread,
      sequential,
      tagOf: ({ entry }) => tagOf(entry),
      isSettled: ({ state }) => state !== 'pending',
    });
    coordinator.waits = recorder;
    replica.onRun = recorder.onRun;
    this.#running = { recorder, stopWatching: watchSending() };
  }

  /** Ends the recording; undefined where there is none. */
  stop(): WorkerRecording | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    this.#running = undefined;
    this.#options.coordinator.waits = undefined;
    this.#options.replica.onRun = undefined;
    running.stopWatching();
    return running.recorder.stop();
  }
}
