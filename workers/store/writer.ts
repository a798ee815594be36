/**
 * A worker's end of the thread that writes to LMDB for it (writer-thread.ts). The thread lives and dies with the worker:
 * Node ends it, and waits for it, before the worker's own thread has ended.
 */
import { Buffer } from 'node:buffer';
import { isMainThread, Worker, type WorkerOptions as WorkerThreadOptions } from 'node:worker_threads';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type {
  CheckpointJob,
  FoundDamage,
  Job,
  JobEnd,
  LetGoJob,
  PurgeJob,
  WriterMessage,
  WriterOptions,
  WriterReady,
} from './writer-protocol.ts';

/** The job without the number that this file gives it. */
type JobToDo = Job extends infer One ? (One extends Job ? Omit<One, 'id'> : never) : never;

/**
 * What came of a job; `closed`: it came too late, and nothing of it is there. Where the disk fails, its promise is rejected
 * and the node must end.
 */
export type WriterEnd = Exclude<JobEnd, { kind: 'failed' }> | { readonly kind: 'closed' };

export interface WriterEvents {
  /** The thread has ended before `close`: its worker must end, too, so that another one takes up the log. */
  readonly onDied: (error: Error) => void;
  /** A record in LMDB is damaged. */
  readonly onDamaged: (key: Buffer) => void;
}

interface Waiting {
  readonly resolve: (end: WriterEnd) => void;
  readonly reject: (error: Error) => void;
}

/** The young generation of the thread, MiB: it makes short-lived views of records, and nobody waits for it. */
const YOUNG_GENERATION_MIB = 4;

/** Inline, for profilers that see one isolate: what they load into the process is not to be loaded into this thread, too. */
function unobserved(): WorkerThreadOptions {
  return { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } };
}

export class Writer {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #jobs = 0;
  #isClosing = false;

  private constructor(worker: Worker, { onDied, onDamaged }: WriterEvents) {
    this.#worker = worker;
    // It keeps the process only while somebody waits for it.
    worker.unref();
    worker.on('message', (message: JobEnd | FoundDamage) => {
      if (message.kind === 'damaged') onDamaged(Buffer.from(message.key));
      else this.#take(message);
    });
    let error = new KvorumError('worker-failed', 'The thread that writes to the store has ended');
    worker.on('error', (cause) => (error = new KvorumError('worker-failed', messageOf(cause), { cause })));
    worker.on('exit', () => {
      for (const { resolve, reject } of this.#waiting.values()) {
        if (this.#isClosing) resolve({ kind: 'closed' });
        else reject(error);
      }
      if (!this.#isClosing) onDied(error);
    });
  }

  /**
   * Starts the thread and resolves when it has replayed the log. Rejects with what keeps it from that.
   */
  static async open(
    options: WriterOptions,
    events: WriterEvents,
  ): Promise<{ readonly writer: Writer; readonly ready: WriterReady }> {
    // Bundled; this file may be, too (scripts/bundle.mjs).
    const worker = new Worker(new URL('../../bundled/threads/writer-thread.js', import.meta.url), {
      workerData: options,
      name: `store writer ${options.owner + 1}`,
      ...(isMainThread ? unobserved() : {}),
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    const ready = await new Promise<WriterReady>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => reject(new KvorumError('store-unusable', 'The thread that opens the store has ended')));
      worker.once('message', (message: WriterMessage) => {
        if (message.kind === 'writer-ready') resolve(message);
        else if (message.kind === 'writer-failed') reject(new KvorumError(message.code, message.message));
      });
    }).catch(async (error: unknown) => {
      await worker.terminate();
      throw error;
    });
    worker.removeAllListeners('error').removeAllListeners('exit');
    return { writer: new Writer(worker, events), ready };
  }

  /** Brings a full segment into LMDB; the offsets' memory moves to the thread. */
  checkpoint(segment: CheckpointJob): Promise<WriterEnd> {
    const { newest, replacedHeads } = segment.offsets;
    return this.#ask({ kind: 'checkpoint', ...segment }, [
      newest.buffer as ArrayBuffer,
      replacedHeads.buffer as ArrayBuffer,
    ]);
  }

  /** Lets the checkpoints that were asked for end as soon as they can. */
  hurry(): void {
    if (!this.#isClosing) this.#worker.postMessage({ kind: 'hurry', id: ++this.#jobs } satisfies Job);
  }

  /** Puts chunks of a set on the disk; their memory moves to the thread, so each must own its. */
  putChunks(setId: Buffer, first: number, chunks: readonly Buffer[]): Promise<WriterEnd> {
    return this.#ask(
      { kind: 'chunks', setId, first, chunks },
      chunks.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  /** Removes a set that no head names. On a full disk it stays until the next start. */
  removeSet(setId: Buffer): Promise<WriterEnd> {
    return this.#ask({ kind: 'remove-set', setId });
  }

  /** Removes a damaged record that no replica has. */
  dropDamaged(key: Buffer): Promise<WriterEnd> {
    return this.#ask({ kind: 'drop-damaged', key });
  }

  /** Has the digests built anew; they cannot be compared meanwhile. */
  rebuildDigests(): Promise<WriterEnd> {
    return this.#ask({ kind: 'rebuild-digests' });
  }

  /** Removes tombstones and expired values, when there is time; resolves when they are gone. */
  purge(job: PurgeJob): Promise<WriterEnd> {
    return this.#ask({ kind: 'purge', ...job });
  }

  /** Removes copies of keys that are none of this node's any more, when there is time; resolves when they are gone. */
  letGo(job: LetGoJob): Promise<WriterEnd> {
    return this.#ask({ kind: 'let-go', ...job });
  }

  /** Ends the thread when it has done what it was asked for; all that it wrote is on the disk. */
  async close(): Promise<void> {
    const closed = this.#ask({ kind: 'close' });
    this.#isClosing = true;
    await closed;
    await this.#worker.terminate();
  }

  #ask(job: JobToDo, transfer: ArrayBuffer[] = []): Promise<WriterEnd> {
    if (this.#isClosing) return Promise.resolve({ kind: 'closed' });
    const id = ++this.#jobs;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...job, id }, transfer);
    });
  }

  #take(end: JobEnd): void {
    const waiting = this.#waiting.get(end.id);
    this.#waiting.delete(end.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (end.kind === 'failed') waiting?.reject(new Error(end.message));
    else waiting?.resolve(end);
  }
}
