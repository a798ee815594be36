/**
 * The Piscina pool, its bounds per mode, and the control port of each worker. The one place in the main thread that
 * names piscina.
 *
 * Facts that this file stands on (piscina 5.3): with the default `atomics` an idle worker reads as fully busy, so they
 * are disabled; aborting a running task kills its thread, so no signal is ever passed; messages to a worker's parent
 * port belong to Piscina, so each worker opens a control port of its own. Piscina allocates one small SharedArrayBuffer
 * per worker even with atomics disabled; our own data path shares no memory: frames are transferred.
 */
import { Buffer } from 'node:buffer';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { errorCodes, KvorumError, messageOf, type ErrorCode } from '../diagnostics/errors.ts';
import { family, type MetricFamily } from '../metrics/metrics.ts';
import type { WaitOptions } from '../waits/wait-marks.ts';
import type { WorkerRecording } from '../waits/wait-recording.ts';
import type { Dispatch } from '../domain/modes.ts';
import type {
  RangeCommand,
  RangeMessage,
  WorkerCommand,
  WorkerMessage,
  WorkerReady,
  WorkerReport,
} from '../protocol/workers.ts';
import type { Log } from '../diagnostics/log.ts';
import type { WorkerSettings } from '../settings/settings.ts';
import { InlinePool, type TaskPool } from './inline-pool.ts';

export interface WorkerPoolOptions {
  readonly settings: WorkerSettings;
  /** `inline`: one worker on the main thread, no Piscina. */
  readonly dispatch: Dispatch;
  /** Tasks that may wait for a worker. */
  readonly queueMax: number;
  /** Tasks under way per worker; 1 in mode `sync`, as a Java executor's thread has it. */
  readonly tasksPerWorkerMax: number;
  readonly log: Log;
}

/** How long a worker may take to report, milliseconds; a scrape goes on without those that take longer. */
const REPORT_MS_MAX = 1000;
/** How long a worker may take to hand over what it recorded, milliseconds. */
const WAITS_MS_MAX = 10_000;
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5000;

/** A worker thread that has started. */
interface Thread {
  readonly threadId: number;
  readonly replicaPort: number;
  readonly control: MessagePort;
}

export class WorkerPool {
  /** Takes outcome frames that leave ahead of their task. */
  onOutcomes: (frame: Buffer) => void = () => {};
  /** A worker has seen a version that is ahead of the wall clock. */
  onVersion: (newest: number) => void = () => {};
  /** Takes what the workers' scans say. */
  onRange: (message: RangeMessage) => void = () => {};
  /** A worker has ended, and its scans with it. */
  onWorkerGone: (worker: number) => void = () => {};
  /** The node cannot go on: a store failed or a worker does not start. */
  onFatal: (error: KvorumError) => void = () => {};
  readonly #pool: TaskPool;
  readonly #options: WorkerPoolOptions;
  readonly #threads = new Map<number, Thread>();
  readonly #listeners = new Set<(message: WorkerMessage, thread: Thread) => void>();
  #onReady: () => void = () => {};
  #reports = 0;
  #failed = false;
  #isAnnounced = false;
  #isStopping = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#pool = options.dispatch === 'inline' ? inlinePool(options) : threadPool(options);
    this.#pool.on('message', (message: unknown) => this.#onParentMessage(message));
    this.#pool.on('error', (error: unknown) => this.#fail('worker-failed', messageOf(error)));
  }

  /** Resolves when all workers listen. Rejects with the error that stopped one of them. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = `a worker did not start within ${START_MS_MAX} ms`;
      const timer = setTimeout(() => reject(new KvorumError('worker-failed', late)), START_MS_MAX);
      const onFatal = this.onFatal;
      this.onFatal = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#onReady = () => {
        if (this.#threads.size < this.#options.settings.workers) return;
        clearTimeout(timer);
        this.onFatal = onFatal;
        resolve();
      };
    });
  }

  /** One replica port per worker. */
  get replicaPorts(): number[] {
    return [...this.#threads.values()].map((thread) => thread.replicaPort);
  }

  /** The workers by the numbers that `tell` and `onWorkerGone` know them by. */
  get workers(): number[] {
    return [...this.#threads.keys()];
  }

  /** Sends a range command to one worker; the memory in `transfer` moves with it. */
  tell(worker: number, command: RangeCommand, transfer: ArrayBuffer[] = []): void {
    this.#threads.get(worker)?.control.postMessage(command, transfer);
  }

  /** Whether a task would find a worker or a place in the queue. */
  get hasRoom(): boolean {
    return this.#pool.queueSize < this.#options.queueMax;
  }

  /**
   * Hands a frame to a worker; the frame's memory moves with it. Resolves to the outcomes that have not been given to
   * `onOutcomes`; rejects where the queue is full or the worker died. `onPosted` is called when a worker gets the frame.
   */
  async run(frame: Buffer, onPosted?: () => void): Promise<Buffer | undefined> {
    const memory = frame.buffer as ArrayBuffer;
    const transferList = onPosted === undefined ? [memory] : notingTransfer(memory, onPosted);
    const outcomes = await this.#pool.run(frame, { transferList });
    return outcomes === undefined ? undefined : asBuffer(outcomes);
  }

  /** Every worker finds its peers and is found by them, later ones too; resolves when that was tried. */
  async announce(): Promise<void> {
    this.#isAnnounced = true;
    await this.#ask({ kind: 'announce' }, (message) => message.kind === 'announced', START_MS_MAX);
  }

  /** Workers load `module` and record waits with it; resolves when they do. */
  async startWaits(options: WaitOptions, module: string): Promise<void> {
    const command = { kind: 'waits-start', options, module } as const;
    await this.#ask(command, (message) => message.kind === 'waits-started', WAITS_MS_MAX);
  }

  /** Ends the workers' recording and collects it. */
  async stopWaits(): Promise<WorkerRecording[]> {
    const isRecording = (message: WorkerMessage): boolean => message.kind === 'waits';
    const messages = await this.#ask({ kind: 'waits-stop' }, isRecording, WAITS_MS_MAX);
    const recordings = messages.map((message) => (message.kind === 'waits' ? message.recording : undefined));
    return recordings.filter((recording) => recording !== undefined);
  }

  /** What each worker says of itself. */
  async report(): Promise<WorkerReport[]> {
    const id = ++this.#reports;
    const isMine = (message: WorkerMessage): boolean => message.kind === 'report' && message.id === id;
    const messages = await this.#ask({ kind: 'report', id }, isMine, REPORT_MS_MAX);
    return messages.flatMap((message) => (message.kind === 'report' ? [message.report] : []));
  }

  /** The pool's own accounting: how long tasks waited and ran. */
  metrics(): MetricFamily[] {
    const { histogram, queueSize, completed } = this.#pool;
    return [
      family('gauge', 'kvorum_pool_queue_tasks', 'Tasks that wait for a worker', queueSize),
      family('counter', 'kvorum_pool_tasks_total', 'Tasks completed', completed),
      quantiles(
        'kvorum_pool_wait_seconds',
        'Time that tasks waited in the pool queue, since start',
        histogram.waitTime,
      ),
      quantiles('kvorum_pool_run_seconds', 'Time from handing a task to a worker to its end', histogram.runTime),
    ];
  }

  /**
   * Workers close their listeners and stores, then the threads end. Resolves to whether all of them said that
   * everything is on the disk.
   */
  async stop(): Promise<boolean> {
    const workers = this.#threads.size;
    this.#isStopping = true;
    const stopped = await this.#ask({ kind: 'stop' }, (message) => message.kind === 'stopped', STOP_MS_MAX);
    await this.#pool.destroy();
    return !this.#failed && workers > 0 && stopped.length === workers;
  }

  /** Sends a command to every worker and collects one answer from each, as far as they come in time. */
  #ask(
    command: WorkerCommand,
    isAnswer: (message: WorkerMessage) => boolean,
    timeoutMs: number,
  ): Promise<WorkerMessage[]> {
    return new Promise((resolve) => {
      const answers: WorkerMessage[] = [];
      const waiting = new Set(this.#threads.values());
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(answers);
      };
      const timer = setTimeout(done, timeoutMs);
      const listener = (message: WorkerMessage, thread: Thread): void => {
        if (!isAnswer(message) || !waiting.delete(thread)) return;
        answers.push(message);
        if (waiting.size === 0) done();
      };
      this.#listeners.add(listener);
      if (waiting.size === 0) done();
      for (const thread of waiting) thread.control.postMessage(command);
    });
  }

  #onParentMessage(message: unknown): void {
    const { kind } = message as { kind?: string };
    if (kind === 'worker-ready') this.#addThread(message as WorkerReady & { control: MessagePort });
    else if (kind === 'worker-failed') this.#onWorkerFailed(message as { code: string; message: string });
  }

  #addThread({ threadId, replicaPort, control }: WorkerReady & { control: MessagePort }): void {
    const thread = { threadId, replicaPort, control };
    this.#threads.set(threadId, thread);
    control.on('message', (message: WorkerMessage | Uint8Array) => {
      if (message instanceof Uint8Array) this.onOutcomes(asBuffer(message));
      else this.#onMessage(message, thread);
    });
    // Not the pool's `workerDestroy`: the thread that it names has no id any more.
    control.on('close', () => this.#onGone(threadId));
    control.unref();
    if (this.#isAnnounced) control.postMessage({ kind: 'announce' } satisfies WorkerCommand);
    this.#onReady();
  }

  #onGone(threadId: number): void {
    if (!this.#isStopping) this.#options.log.error('a worker thread ended; another one takes its place', { threadId });
    this.#threads.delete(threadId);
    this.onWorkerGone(threadId);
  }

  #onMessage(message: WorkerMessage, thread: Thread): void {
    if (message.kind === 'log') {
      this.#options.log[message.level](message.message, { worker: thread.threadId, ...message.fields });
    } else if (message.kind === 'peer-silent') {
      for (const other of this.#threads.values()) if (other !== thread) other.control.postMessage(message);
    } else if (message.kind === 'clock') {
      this.onVersion(message.newest);
    } else if (message.kind === 'range-page' || message.kind === 'range-end') {
      this.onRange(message);
    } else if (message.kind === 'fatal') {
      this.#fail('store-failed', message.message);
    } else {
      for (const listener of this.#listeners) listener(message, thread);
    }
  }

  #onWorkerFailed({ code, message }: { code: string; message: string }): void {
    this.#fail(code in errorCodes ? (code as ErrorCode) : 'worker-failed', message);
  }

  #fail(code: ErrorCode, message: string): void {
    this.#failed = true;
    this.onFatal(new KvorumError(code, message));
  }
}

function threadPool({ settings, tasksPerWorkerMax, queueMax }: WorkerPoolOptions): TaskPool {
  return new Piscina<Uint8Array, Uint8Array | undefined>({
    filename: new URL('../../workers/entry.js', import.meta.url).href,
    name: 'coordinate',
    minThreads: settings.workers,
    maxThreads: settings.workers,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: tasksPerWorkerMax,
    maxQueue: queueMax,
    atomics: 'disabled',
    workerData: settings,
  });
}

function inlinePool({ settings, tasksPerWorkerMax, queueMax }: WorkerPoolOptions): TaskPool {
  return new InlinePool({ settings, tasksMax: tasksPerWorkerMax, queueMax });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A transfer list that tells when it is read, which is when the task is posted: Piscina says that of no task otherwise.
 */
function notingTransfer(memory: ArrayBuffer, onRead: () => void): ArrayBuffer[] {
  const get = (): ArrayBuffer => {
    onRead();
    return memory;
  };
  return Object.defineProperty<ArrayBuffer[]>([], 0, { get });
}

/** Piscina's percentiles, in milliseconds there and seconds here. */
function quantiles(name: string, help: string, summary: { p50: number; p99: number; max: number }): MetricFamily {
  const samples = (['p50', 'p99', 'max'] as const).map((key) => ({
    labels: { quantile: { p50: '0.5', p99: '0.99', max: '1' }[key] },
    value: summary[key] / 1000,
  }));
  return { type: 'gauge', name, help, samples };
}
