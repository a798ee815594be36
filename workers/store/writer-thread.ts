/**
 * The thread that writes to LMDB for one worker (writer.ts is the worker's end). It replays the log when it starts, then
 * takes jobs: a segment to checkpoint, chunks of a large value. Chunks go first, between two transactions of a checkpoint,
 * since a client waits for them.
 */
import { Buffer } from 'node:buffer';
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { putFile } from '../../src/files/durable.ts';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { logDamageFile } from '../../src/protocol/workers.ts';
import { osThreadId } from '../../src/metrics/thread-metrics.ts';
import { runInBackground, type BackgroundWork } from './background.ts';
import { StoreEnvironment } from './environment.ts';
import { openLogFiles, type LogFiles } from './log-files.ts';
import { NewestRecords, SortMemory } from './newest-records.ts';
import { describeDamage, findLogs, haveForeignKeys, newestRecords, type FoundLog } from './replay.ts';
import { isDiskFull } from './room.ts';
import { StoreWriter } from './store-writer.ts';
import { verify } from './verification.ts';
import type {
  CheckpointJob,
  FoundDamage,
  Job,
  JobEnd,
  LetGoJob,
  PurgeJob,
  Replayed,
  WriterFailed,
  WriterOptions,
  WriterReady,
} from './writer-protocol.ts';

const port = parentPort as MessagePort;
const options = workerData as WriterOptions;

/** How much nicer than its worker the thread is: a third of the CPU that it would get beside it. */
const NICER_BY = 5;

/** Bytes of a transaction that met a full disk, when LMDB says no more than "Input/output error". */
const TRANSACTION_BYTES = 4 * 1024 * 1024;

/** From one look through the store for damage to the next, at least, milliseconds. */
const VERIFY_MS_MIN = 3_600_000;

let endBackground: (() => void)[] = [];

async function main(): Promise<void> {
  const environment = await StoreEnvironment.open(options);
  if (options.replay === 'all') environment.cutToUsed();
  const writer = new StoreWriter(environment, options);
  if (options.replay === 'all') writer.digests.prepare();
  const files = openLogFiles(join(options.directory, 'log'));
  const replayed = replay(files, writer);
  const nowMicros = Date.now() * 1000;
  if (options.replay === 'all') writer.lists.open(options.placement, { newest: replayed.newest, nowMicros });
  giveWay();
  const isSettled = replayed.logs.every(({ waiting }) => waiting.length === 0);
  new Jobs({ files, writer, environment, isSettled }).listen();
  if (options.owner === 0) beginBackground(environment, writer);
  const floors = writer.floors(options);
  const lists = { history: writer.lists.of(options.placement), isSurplusGone: writer.lists.isDone(options) };
  port.postMessage({ kind: 'writer-ready', replayed, bound: writer.bound, floors, ...lists } satisfies WriterReady);
}

/**
 * Lets the threads that serve somebody go first where cores are short: a checkpoint takes about half a second of CPU, and
 * nobody waits for it. Linux has a priority for each thread; elsewhere this changes nothing.
 */
function giveWay(): void {
  const thread = osThreadId(readlinkSync);
  if (thread === null) return;
  try {
    setPriority(thread, Math.min(19, getPriority(thread) + NICER_BY));
  } catch {
    // Not permitted: then all threads are equal.
  }
}

/** Of all workers' threads the first one's does it. What it cannot do now it does after the next start. */
function beginBackground(environment: StoreEnvironment, writer: StoreWriter): void {
  endBackground = [runInBackground(buildDigests(writer), () => {})];
  const { verifyBytesPerSecondMax: bytesPerSecondMax } = options;
  if (bytesPerSecondMax === 0) return;
  const onDamaged = (key: Buffer): void => port.postMessage({ kind: 'damaged', key } satisfies FoundDamage);
  const verification = verify(environment, {
    bytesPerSecondMax,
    passMsMin: VERIFY_MS_MIN,
    onDamaged,
    now: () => performance.now(),
  });
  endBackground.push(runInBackground(verification, () => {}));
}

function* buildDigests({ digests }: StoreWriter): Generator<number, void> {
  for (const _ of digests.build(options.owner)) yield 0;
}

/**
 * Brings what the log holds into LMDB. On a full disk nothing is lost: the segments are handed back as they were found.
 * Where records that were on the disk are gone, that is noted on the disk before the checkpoint removes the trace of it.
 */
function replay(files: LogFiles, writer: StoreWriter): Replayed {
  const started = performance.now();
  const only = options.replay === 'all' ? undefined : options.owner;
  const logs = findLogs(files, (owner) => writer.checkpointed(owner), only);
  const damage = describeDamage(logs);
  if (damage !== undefined) noteDamage(options.directory);
  const newest = newestRecords(logs);
  const isFull = !withRoom(() => checkpoint(writer, newest, logs));
  // What waits is read by its log's owner, so keys that another worker owns now would be missing.
  if (isFull && haveForeignKeys(logs, options.workers)) throw noRoomForReplay(options.directory);
  if (!isFull && options.replay === 'all') {
    withRoom(() => writer.removeUnfinished());
    for (const { owner, files: names } of logs)
      if (owner >= options.workers) names.forEach((name) => files.remove(name));
  }
  return {
    logs: logs.map(({ owner, sequence, base, files: names, strangers, segments }) => {
      return {
        owner,
        sequence,
        base,
        files: names,
        strangers,
        waiting: isFull ? segments.map(({ name }) => name) : [],
      };
    }),
    records: newest.entries,
    seconds: (performance.now() - started) / 1000,
    damage,
    newest: Math.max(writer.bound ?? 0, isFull ? newest.newestVersion() : 0),
  };
}

function checkpoint(writer: StoreWriter, newest: NewestRecords, logs: readonly FoundLog[]): void {
  // What is missing is noted as gone, too, or the next start would miss it again.
  if (newest.size === 0 && logs.every(({ segments, damage }) => segments.length + damage.length === 0)) return;
  for (const _ of writer.checkpoint(newest, { upTo: logs, areNewest: false }));
}

/** Does something, as far as the disk has room for it; false where it has not. */
function withRoom(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isDiskFull(error, options.directory, TRANSACTION_BYTES)) return false;
    throw error;
  }
}

/** The main thread takes the note away when it has kept what follows from it. */
function noteDamage(directory: string): void {
  putFile(join(directory, logDamageFile), Buffer.alloc(0));
}

function noRoomForReplay(directory: string): KvorumError {
  const text =
    'its disk has no room for what waits in the log, and that was written with another number of workers; make room, or ' +
    'start the node with --workers as before';
  return new KvorumError('store-unusable', `Cannot open store "${directory}": ${text}`);
}

/** A checkpoint that is under way. */
interface RunningCheckpoint {
  readonly job: Job & { readonly kind: 'checkpoint' };
  readonly steps: Generator<number, void>;
  readonly records: number;
  readonly startedAt: number;
  /** Which share of it is done. */
  done: number;
}

interface JobsParts {
  readonly files: LogFiles;
  readonly writer: StoreWriter;
  readonly environment: StoreEnvironment;
  /** Whether no segment is in LMDB in part. */
  readonly isSettled: boolean;
}

/** From one look whether a purge may go on to the next, while checkpoints are under way, milliseconds. */
const PURGE_PAUSE_MS = 50;

/** The jobs that wait, and the checkpoint that is under way. */
class Jobs {
  readonly #files: LogFiles;
  readonly #writer: StoreWriter;
  readonly #environment: StoreEnvironment;
  readonly #urgent: Job[] = [];
  readonly #checkpoints: (Job & { readonly kind: 'checkpoint' })[] = [];
  #underWay: RunningCheckpoint | undefined;
  #rest: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  /** Checkpoints whose number is below this one do not take their time. */
  #hurried = 0;
  #isSettled: boolean;
  /** The bytes of a segment, in the same memory each time: what comes new for each the allocator does not give back. */
  #segment: Buffer = Buffer.alloc(0);
  readonly #memory = new SortMemory();
  #endPurge: (() => void) | undefined;

  constructor({ files, writer, environment, isSettled }: JobsParts) {
    this.#files = files;
    this.#writer = writer;
    this.#environment = environment;
    this.#isSettled = isSettled;
  }

  listen(): void {
    port.on('message', (job: Job) => {
      if (job.kind === 'hurry') this.#hurried = job.id;
      else if (job.kind === 'checkpoint') this.#checkpoints.push(job);
      else this.#urgent.push(job);
      this.#schedule();
    });
  }

  /** Goes on with what waits, in a turn of its own, so that jobs which came meanwhile are seen. */
  #schedule(): void {
    clearTimeout(this.#rest);
    clearImmediate(this.#next);
    if (this.#urgent.length + this.#checkpoints.length === 0 && this.#underWay === undefined) return;
    const restMs = this.#urgent.length > 0 ? 0 : this.#restMs();
    if (restMs > 0) this.#rest = setTimeout(() => this.#step(), restMs);
    else this.#next = setImmediate(() => this.#step());
  }

  /** How long the checkpoint that is under way is to rest, so that its work is spread evenly, milliseconds. */
  #restMs(): number {
    if (this.#underWay === undefined || this.#underWay.job.id < this.#hurried) return 0;
    const { job, startedAt, done } = this.#underWay;
    return Math.max(0, startedAt + job.spreadMs * done - performance.now());
  }

  #step(): void {
    const urgent = this.#urgent.shift();
    if (urgent?.kind === 'close') return void this.#close(urgent);
    if (urgent !== undefined) this.#run(urgent, () => this.#do(urgent));
    else if (this.#underWay !== undefined) this.#run(this.#underWay.job, () => this.#goOn());
    else this.#begin(this.#checkpoints.shift());
    return this.#schedule();
  }

  /** Tells the end of a job, or what made it fail. */
  #run(job: Job, work: () => JobEnd | undefined): void {
    let end: JobEnd | undefined;
    try {
      end = work();
    } catch (error) {
      if (this.#underWay?.job === job) this.#underWay = undefined;
      end = failedEnd(job, error);
    }
    if (end !== undefined) port.postMessage(end);
  }

  #do(job: Job): JobEnd | undefined {
    if (job.kind === 'purge') return this.#inBackground(job, this.#purging(job));
    if (job.kind === 'let-go') return this.#inBackground(job, this.#lettingGo(job));
    if (job.kind === 'chunks') this.#writer.putChunks(Buffer.from(job.setId), job.first, job.chunks);
    if (job.kind === 'remove-set') this.#writer.removeSet(Buffer.from(job.setId));
    if (job.kind === 'drop-damaged') this.#writer.dropDamaged(Buffer.from(job.key));
    if (job.kind === 'rebuild-digests') this.#rebuildDigests();
    return { id: job.id, kind: 'done', records: 0, seconds: 0 };
  }

  #rebuildDigests(): void {
    this.#writer.digests.reset();
    endBackground.push(runInBackground(buildDigests(this.#writer), () => {}));
  }

  /** The worker asks for one removal at a time. */
  #inBackground(job: Job, work: BackgroundWork): undefined {
    this.#endPurge = runInBackground(work, (error) => port.postMessage(failedEnd(job, error)));
    return undefined;
  }

  *#lettingGo(job: Job & LetGoJob): BackgroundWork {
    const started = performance.now();
    while (!this.#isSettled || this.#checkpoints.length > 0) yield PURGE_PAUSE_MS;
    const records = this.#writer.letGo(job, options);
    const seconds = (performance.now() - started) / 1000;
    port.postMessage({ id: job.id, kind: 'done', records, seconds } satisfies JobEnd);
  }

  *#purging(job: Job & PurgeJob): BackgroundWork {
    const { owner, workers } = options;
    const owns = (key: Buffer): boolean => workers === 1 || ownerOf(hashKey(key, 0, key.length), workers) === owner;
    let records = 0;
    const started = performance.now();
    const steps = this.#writer.purge({ ...job, owner, workers, owns });
    for (;;) {
      while (!this.#isSettled || this.#checkpoints.length > 0) yield PURGE_PAUSE_MS;
      const step = steps.next();
      if (step.done === true) break;
      records += step.value;
      yield 0;
    }
    const seconds = (performance.now() - started) / 1000;
    port.postMessage({ id: job.id, kind: 'done', records, seconds } satisfies JobEnd);
  }

  #begin(job: (Job & { readonly kind: 'checkpoint' }) | undefined): void {
    if (job === undefined) return;
    this.#run(job, () => {
      const startedAt = performance.now();
      const newest = this.#recordsOf(job);
      const upTo = [{ owner: options.owner, sequence: job.sequence }];
      const steps = this.#writer.checkpoint(newest, { upTo, areNewest: true });
      this.#isSettled = false;
      this.#underWay = { job, steps, records: newest.size, startedAt, done: 0 };
      return undefined;
    });
  }

  #goOn(): JobEnd | undefined {
    const { job, steps, records, startedAt } = this.#underWay as RunningCheckpoint;
    const step = steps.next();
    if (step.done !== true) {
      (this.#underWay as RunningCheckpoint).done = step.value;
      return undefined;
    }
    this.#underWay = undefined;
    this.#isSettled = true;
    return { id: job.id, kind: 'done', records, seconds: (performance.now() - startedAt) / 1000 };
  }

  #recordsOf({ name, offsets: { newest, replacedHeads } }: CheckpointJob): NewestRecords {
    this.#segment = this.#files.read(name, this.#segment);
    const bytes = this.#segment;
    const records = new NewestRecords(this.#memory);
    records.addNewest(bytes, newest);
    for (const offset of replacedHeads) records.addReplacedHead(bytes, offset);
    return records;
  }

  async #close(job: Job): Promise<void> {
    for (const end of endBackground) end();
    this.#endPurge?.();
    await this.#environment.close();
    port.postMessage({ id: job.id, kind: 'done', records: 0, seconds: 0 } satisfies JobEnd);
    port.close();
  }
}

function failedEnd({ id }: Job, error: unknown): JobEnd {
  const isFull = isDiskFull(error, options.directory, TRANSACTION_BYTES);
  return isFull ? { id, kind: 'full' } : { id, kind: 'failed', message: messageOf(error) };
}

try {
  await main();
} catch (error) {
  const code = error instanceof KvorumError ? error.code : 'store-unusable';
  port.postMessage({ kind: 'writer-failed', code, message: messageOf(error) } satisfies WriterFailed);
}
