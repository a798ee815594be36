/**
 * The workers: a Piscina of one thread for each, their tasks' queues and bounds, and the control port of each. The one
 * place in the main thread that names piscina.
 *
 * One Piscina a worker, so that a task reaches the worker that it is for, and a thread that replaces a dead one gets the
 * same index: both know a worker by it. Facts that this file stands on (piscina 5.3): with the default `atomics` an idle
 * worker reads as fully busy, so they are disabled; aborting a running task kills its thread, so no signal is ever
 * passed; messages to a worker's parent port belong to Piscina, so each worker opens a control port of its own. Piscina
 * allocates one small SharedArrayBuffer per worker even with atomics disabled; our own data path shares no memory:
 * frames are transferred.
 */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { errorCodes, KvorumError, messageOf, type ErrorCode } from '../diagnostics/errors.ts';
import type { MetricFamily } from '../metrics/metrics.ts';
import type { WaitOptions } from '../waits/wait-marks.ts';
import type { WorkerRecording } from '../waits/wait-recording.ts';
import type { Dispatch } from '../domain/modes.ts';
import { digestMsMax, type NodeContents } from '../protocol/repair.ts';
import type { FrameTask } from '../protocol/frame-task.ts';
import {
  answersTo,
  isStandingMessage,
  type PeerOffset,
  type ToldCommand,
  type WorkerCommand,
  type WorkerMessage,
  type WorkerReady,
  type WorkerReport,
} from '../protocol/workers.ts';
import type { Log } from '../diagnostics/log.ts';
import type { TlsMaterial } from '../tls/material.ts';
import type { WorkerData, WorkerSettings } from '../settings/settings.ts';
import { InlinePool, type TaskPool } from './inline-pool.ts';
import type { WorkerPoolHandlers } from './pool-handlers.ts';
import { poolFamilies } from './pool-metrics.ts';
import { TaskBounds, TaskQueue, type Task, type TaskOutcome } from './task-queue.ts';

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
/**
 * Three times what a worker allocates between two scavenges, MiB. With V8's 48 the frames that pass through between two of
 * them add up to so much memory outside the heap that V8 marks all of the heap for it: at 10,000 PUT/s up to four times a
 * second, with 12 MiB once in three seconds at 22,000 (docs/decisions/014).
 */
const YOUNG_GENERATION_MIB = 12;
/** How long measuring the peers' clocks may take, milliseconds: one of them that answers nothing takes a second. */
const CLOCKS_MS_MAX = 1500;
const START_MS_MAX = 30_000;
/** Besides the time for hints. */
const STOP_MS_MAX = 5000;
/** For threads to end that were told to, milliseconds. */
const THREAD_END_MS_MAX = 3000;

/** A worker's place: threads come and go, the place and its index stay. */
interface Place {
  readonly index: number;
  /** What its next thread is started with. */
  readonly data: WorkerData;
  readonly pool: TaskPool;
  readonly tasks: TaskQueue<Uint8Array | undefined>;
  /** The control port of the thread that listens; undefined while there is none. */
  control: MessagePort | undefined;
  /** The id of that thread. */
  threadId: number | undefined;
  /** Whether its log has no room for writes. */
  isBehind: boolean;
  /** That of its last thread while there is none: peers find out by themselves. */
  replicaPort: number | undefined;
}

type State = 'new' | 'starting' | 'running' | 'stopping';

export class WorkerPool {
  /** A version that nothing exceeds which the store held when the workers started, as far as that is known. */
  newestStored = 0;
  readonly #options: WorkerPoolOptions;
  readonly #bounds: TaskBounds;
  readonly #places: Place[] = [];
  readonly #listeners = new Set<(message: WorkerMessage, place: Place) => void>();
  #handlers: WorkerPoolHandlers | undefined;
  #onReady: () => void = () => {};
  #state: State = 'new';
  #isAnnounced = false;
  /** What ended the node, if anything did. */
  #failure: KvorumError | undefined;
  #reports = 0;
  /** What took the place of what the workers started with. */
  #tls: TlsMaterial | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#bounds = new TaskBounds(options.tasksPerWorkerMax, options.queueMax);
  }

  /** Starts the workers; resolves when all listen. Rejects with the error that stopped one of them. */
  start(handlers: WorkerPoolHandlers): Promise<void> {
    this.#state = 'starting';
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#handlers = handlers;
        act();
      };
      const late = `a worker did not start within ${START_MS_MAX} ms`;
      const timer = setTimeout(() => settle(() => reject(new KvorumError('worker-failed', late))), START_MS_MAX);
      this.#handlers = { ...handlers, onFatal: (error) => settle(() => reject(error)) };
      this.#onReady = () => {
        if (this.#state !== 'starting') return;
        // The first worker replays the logs of all, whatever their number was; so the others start when it has.
        if (this.#places.length === 1) this.#openOthers();
        if (this.workers.length < this.#options.settings.workers) return;
        this.#state = 'running';
        settle(resolve);
      };
      this.#places.push(this.#open(0));
    });
  }

  #openOthers(): void {
    for (let index = 1; index < this.#options.settings.workers; index++) this.#places.push(this.#open(index));
  }

  #open(index: number): Place {
    const { settings, dispatch } = this.#options;
    const data = { settings, index, isFirst: index === 0 };
    const pool = dispatch === 'inline' ? new InlinePool(settings) : threadPool(data, this.#options);
    const tasks = new TaskQueue(this.#bounds, ({ frame, sentAt }) =>
      pool.run({ frame, sentAt }, { transferList: [frame.buffer as ArrayBuffer] }),
    );
    const noThread = { control: undefined, threadId: undefined, replicaPort: undefined };
    const place: Place = { index, data, pool, tasks, isBehind: false, ...noThread };
    pool.on('message', (message: unknown) => this.#onParentMessage(message, place));
    pool.on('error', (error: unknown) => this.#fail('worker-failed', messageOf(error)));
    return place;
  }

  /** The replica port of each worker. */
  get replicaPorts(): number[] {
    return this.#places.flatMap(({ replicaPort }) => replicaPort ?? []);
  }

  /** The indexes of the workers that listen. */
  get workers(): number[] {
    return this.#places.flatMap(({ index, control }) => (control === undefined ? [] : [index]));
  }

  /** The index of the worker that has a thread; undefined for a thread of another kind. */
  workerOf(threadId: number): number | undefined {
    return this.#places.find((place) => place.threadId === threadId)?.index;
  }

  /** Sends a command to one worker; the memory in `transfer` moves with it. */
  tell(worker: number, command: ToldCommand, transfer: ArrayBuffer[] = []): void {
    this.#places[worker]?.control?.postMessage(command, transfer);
  }

  /** Every worker, later ones too, shows and trusts this from now on. */
  useTls(material: TlsMaterial): void {
    this.#tls = material;
    for (const { control } of this.#places) control?.postMessage({ kind: 'tls', material } satisfies WorkerCommand);
  }

  /** Whether a task would find a worker or a place in the queue. */
  get hasRoom(): boolean {
    return this.#bounds.hasRoom;
  }

  /** Whether the log of every worker has room for writes. */
  get takesWrites(): boolean {
    return !this.#places.some(({ isBehind }) => isBehind);
  }

  /**
   * Hands a frame to a worker; the frame's memory moves with it. Resolves to the outcomes that have not been given to
   * `onOutcomes`, or to why there are none; never rejects.
   */
  run(worker: number, task: Task): Promise<TaskOutcome<Uint8Array | undefined>> {
    return (this.#places[worker] as Place).tasks.submit(task);
  }

  /** Every worker finds its peers and is found by them, later ones too; resolves when that was tried. */
  async announce(): Promise<void> {
    this.#isAnnounced = true;
    const announceMsMax = START_MS_MAX + this.#options.settings.hintPullMsMax;
    await this.#ask({ kind: 'announce' }, (message) => message.kind === 'announced', announceMsMax);
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
    const messages = await this.#ask({ kind: 'report', id }, answersTo('report', id), REPORT_MS_MAX);
    return messages.flatMap((message) => (message.kind === 'report' ? [message.report] : []));
  }

  /** What the node holds; undefined where that cannot be read now. */
  async digest(): Promise<NodeContents | undefined> {
    const id = ++this.#reports;
    const messages = await this.#ask({ kind: 'digest', id }, answersTo('digest', id), digestMsMax);
    return messages.map((message) => (message.kind === 'digest' ? message.contents : undefined)).find(Boolean);
  }

  /** Has the peers' clocks measured, and tells all of them and all workers the newest version that this node has seen. */
  async measureClocks(newest: number): Promise<PeerOffset[]> {
    const id = ++this.#reports;
    const isMine = (message: WorkerMessage): boolean => message.kind === 'clocks' && message.id === id;
    const messages = await this.#ask({ kind: 'measure-clocks', id, newest }, isMine, CLOCKS_MS_MAX);
    return messages.flatMap((message) => (message.kind === 'clocks' ? message.offsets : []));
  }

  /** How long tasks waited and ran. */
  metrics(): MetricFamily[] {
    return poolFamilies(this.#bounds);
  }

  /**
   * Workers close their listeners and stores, then the threads end. Resolves to whether all of them said that
   * everything is on the disk.
   */
  async stop(): Promise<boolean> {
    const workers = this.workers.length;
    this.#state = 'stopping';
    const stopMsMax = STOP_MS_MAX + this.#options.settings.hintPullMsMax;
    const stopped = await this.#ask({ kind: 'stop' }, (message) => message.kind === 'stopped', stopMsMax);
    for (const { tasks } of this.#places) tasks.close();
    const ended = Promise.all(this.#places.map(({ pool }) => pool.destroy()));
    // A thread that does not end keeps nothing back: it has told whether all is on the disk. `leave.ts` ends the process.
    await Promise.race([ended, sleep(THREAD_END_MS_MAX, undefined, { ref: false })]);
    return this.#failure === undefined && workers > 0 && stopped.length === workers;
  }

  /** Sends a command to every worker and collects one answer from each, as far as they come in time. */
  #ask(
    command: WorkerCommand,
    isAnswer: (message: WorkerMessage) => boolean,
    timeoutMs: number,
  ): Promise<WorkerMessage[]> {
    return new Promise((resolve) => {
      const answers: WorkerMessage[] = [];
      const waiting = new Set(this.#places.filter(({ control }) => control !== undefined));
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(answers);
      };
      const timer = setTimeout(done, timeoutMs);
      const listener = (message: WorkerMessage, place: Place): void => {
        if (!isAnswer(message) || !waiting.delete(place)) return;
        answers.push(message);
        if (waiting.size === 0) done();
      };
      this.#listeners.add(listener);
      if (waiting.size === 0) done();
      for (const { control } of waiting) control?.postMessage(command);
    });
  }

  #onParentMessage(message: unknown, place: Place): void {
    const { kind } = message as { kind?: string };
    if (kind === 'worker-ready') this.#addThread(message as WorkerReady & { control: MessagePort }, place);
    else if (kind === 'worker-failed') this.#onWorkerFailed(message as { code: string; message: string });
  }

  #addThread(
    { threadId, replicaPort, logDamage, newestStored, control }: WorkerReady & { control: MessagePort },
    place: Place,
  ): void {
    place.control = control;
    place.data.isFirst = false;
    place.threadId = threadId;
    place.replicaPort = replicaPort;
    this.newestStored = Math.max(this.newestStored, newestStored);
    control.on('message', (message: WorkerMessage | Uint8Array) => {
      if (message instanceof Uint8Array) this.#handlers?.onOutcomes(asBuffer(message));
      else this.#onMessage(message, place);
    });
    // Not the pool's `workerDestroy`: the thread that it names has no id any more.
    control.on('close', () => this.#onGone(threadId, control, place));
    control.unref();
    for (const other of this.#places) if (other !== place) introduce(place, other);
    if (this.#tls !== undefined) control.postMessage({ kind: 'tls', material: this.#tls } satisfies WorkerCommand);
    this.#handlers?.onWorkerReady(place.index, logDamage);
    if (this.#isAnnounced) control.postMessage({ kind: 'announce' } satisfies WorkerCommand);
    this.#onReady();
  }

  #onGone(threadId: number, control: MessagePort, place: Place): void {
    if (this.#state !== 'stopping') {
      const worker = workerNumber(place);
      this.#options.log.error('a worker thread ended; another one takes its place', { worker, threadId });
    }
    if (place.control === control) place.control = undefined;
    place.isBehind = false;
    this.#handlers?.onWorkerGone(place.index);
  }

  #onMessage(message: WorkerMessage, place: Place): void {
    if (message.kind === 'log') {
      this.#options.log[message.level](message.message, { worker: workerNumber(place), ...message.fields });
    } else if (message.kind === 'peer-silent') {
      for (const other of this.#places) if (other !== place) other.control?.postMessage(message);
    } else if (message.kind === 'behind') {
      place.isBehind = message.isBehind;
    } else if (message.kind === 'clock') {
      this.#handlers?.onVersion(message.newest);
    } else if (message.kind === 'stamp-above') {
      const { id, above } = message;
      this.#handlers?.onStampAbove(above, (version) => {
        place.control?.postMessage({ kind: 'stamp', id, version } satisfies WorkerCommand);
      });
    } else if (message.kind === 'range-page' || message.kind === 'range-end') {
      this.#handlers?.onRange(message);
    } else if (message.kind === 'inspected') {
      this.#handlers?.onInspected(message);
    } else if (isStandingMessage(message)) {
      this.#handlers?.onStanding(message, place.index);
    } else if (message.kind === 'fatal') {
      this.#fail('store-failed', message.message);
    } else {
      for (const listener of this.#listeners) listener(message, place);
    }
  }

  #onWorkerFailed({ code, message }: { code: string; message: string }): void {
    this.#fail(code in errorCodes ? (code as ErrorCode) : 'worker-failed', message);
  }

  #fail(code: ErrorCode, message: string): void {
    this.#failure ??= new KvorumError(code, message);
    this.#handlers?.onFatal(this.#failure);
  }
}

/** As people count, and as metrics and profiles call it. */
function workerNumber({ index }: Place): number {
  return index + 1;
}

/** Opens a channel between two workers that listen. */
function introduce(one: Place, other: Place): void {
  if (one.control === undefined || other.control === undefined) return;
  const { port1, port2 } = new MessageChannel();
  one.control.postMessage({ kind: 'sibling', worker: other.index, port: port1 } satisfies WorkerCommand, [port1]);
  other.control.postMessage({ kind: 'sibling', worker: one.index, port: port2 } satisfies WorkerCommand, [port2]);
}

function threadPool(data: WorkerData, { tasksPerWorkerMax }: WorkerPoolOptions): TaskPool {
  return new Piscina<FrameTask, Uint8Array | undefined>({
    // A path: Piscina would make one of a URL for each task.
    filename: fileURLToPath(new URL('../../bundled/threads/entry.js', import.meta.url)),
    name: 'coordinate',
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: tasksPerWorkerMax,
    atomics: 'disabled',
    recordTiming: false,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    workerData: data,
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
