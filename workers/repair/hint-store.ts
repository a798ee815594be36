/**
 * The hints that one worker keeps, for all nodes: a queue of files for each, in the directory `hints` beside the store. Bounded
 * by `bytesMax`; what does not fit is dropped and counted, and brought to its node by anti-entropy.
 *
 * What one event of the thread brings is written together, by one `write` for each node, before its outcomes leave the thread;
 * so a hint survives the process. All files are synced once a second at most. A hint is no acknowledgement: a disk that
 * takes none costs hints, never a write.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { roomFor, type HintDrop, type HintsKept } from '../../src/domain/hints.ts';
import { hintBytes, type Hint } from '../../src/formats/hint.ts';
import { HintQueue } from './hint-queue.ts';
import { HintSegment } from './hint-segment.ts';

export interface HintStoreOptions {
  /** Of the store. */
  readonly directory: string;
  /** The worker's index. */
  readonly owner: number;
  /** Workers of the node; the first one takes over what those past them have left. */
  readonly workers: number;
  /** URLs of the other nodes. */
  readonly targets: readonly string[];
  /** Of this worker's files together; 0: nothing is kept. */
  readonly bytesMax: number;
  readonly log: (level: 'warn' | 'error', message: string, fields: Record<string, unknown>) => void;
}

/** Between two syncs, milliseconds. */
const SYNC_MS = 1000;
/** Between two lines of the log about a disk that takes no hints, milliseconds. */
const TELL_MS = 10_000;
/** A file is an eighth of all, so that dropping one drops little; a hint with its record fits into the least. */
const SEGMENT_BYTES_MIN = 256 * 1024;
const SEGMENT_BYTES_MAX = 2 * 1024 * 1024;
const FOLDER = 'hints';

export class HintStore {
  /** Hints that were not delivered, by why. */
  readonly dropped: Record<HintDrop, number> = { bound: 0, disk: 0, gone: 0, large: 0, left: 0, refused: 0 };
  readonly #options: HintStoreOptions;
  readonly #folder: string;
  readonly #queues = new Map<string, HintQueue>();
  #fileNumber = 0;
  #isToFlush = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;

  private constructor(options: HintStoreOptions) {
    this.#options = options;
    this.#folder = join(options.directory, FOLDER);
  }

  /** Opens what a worker keeps. Hints for nodes that have left the topology are dropped, and that is said. Throws what the system says. */
  static open(options: HintStoreOptions): HintStore {
    const store = new HintStore(options);
    mkdirSync(store.#folder, { recursive: true, mode: 0o700 });
    const left = new Map<string, number>();
    for (const { name, number, owner } of filesIn(store.#folder)) {
      const isOwn = owner === options.owner || (options.owner === 0 && owner >= options.workers);
      if (!isOwn) continue;
      if (owner === options.owner) store.#fileNumber = Math.max(store.#fileNumber, number);
      const path = join(store.#folder, name);
      const segment = HintSegment.find(path);
      if (segment !== undefined && options.targets.includes(segment.target)) {
        store.queueOf(segment.target).adopt(segment);
        continue;
      }
      if (segment !== undefined) left.set(segment.target, (left.get(segment.target) ?? 0) + segment.count);
      rmSync(path, { force: true });
    }
    for (const [target, hints] of left) {
      store.dropped.left += hints;
      options.log('warn', 'hints for a node that is not in the cluster any more are dropped', { target, hints });
    }
    return store;
  }

  /** What is kept, by target. */
  get kept(): HintsKept[] {
    return [...this.#queues.values()].map(({ kept }) => kept);
  }

  /** Keeps a hint for a node until `HintQueue.advance` lets it go; false where it is dropped instead. */
  keep(target: string, hint: Hint): boolean {
    const queue = this.queueOf(target);
    if (queue.knows(hint)) return true;
    if (!this.#makeRoom(hintBytes(hint))) {
      this.drop('bound', 1);
      return false;
    }
    if (!queue.keep(hint)) {
      this.drop('disk', 1);
      return false;
    }
    this.#flushSoon();
    return true;
  }

  /** What is kept for a node. */
  queueOf(target: string): HintQueue {
    const known = this.#queues.get(target);
    if (known !== undefined) return known;
    const queue = new HintQueue({
      target,
      create: () => HintSegment.create(this.#nextPath(), target, this.#segmentBytes),
      onDropped: (reason, count) => this.drop(reason, count),
      onFailed: (error) => this.#tell(error),
    });
    this.#queues.set(target, queue);
    return queue;
  }

  /** Counts hints that are not kept. */
  drop(reason: HintDrop, count: number): void {
    this.dropped[reason] += count;
  }

  /** Writes what was kept. */
  flush(): void {
    this.#isToFlush = false;
    for (const queue of this.#queues.values()) queue.flush();
    this.#syncTimer ??= setTimeout(() => void this.#sync(), SYNC_MS).unref();
  }

  /** Makes everything durable and closes the files. */
  async close(): Promise<void> {
    clearTimeout(this.#syncTimer);
    for (const queue of this.#queues.values()) await queue.close();
  }

  /** Once for all that the event brings which is handled now. */
  #flushSoon(): void {
    if (this.#isToFlush) return;
    this.#isToFlush = true;
    queueMicrotask(() => this.flush());
  }

  async #sync(): Promise<void> {
    this.#syncTimer = undefined;
    for (const queue of this.#queues.values()) await queue.sync();
  }

  /** False where there is no room, and nothing that could go for it. */
  #makeRoom(bytes: number): boolean {
    const queues = [...this.#queues.values()];
    for (;;) {
      const taken = queues.map(({ roomTaken }) => roomTaken);
      const room = roomFor(bytes, this.#options.bytesMax, taken);
      if (room.do !== 'drop-oldest') return room.do === 'keep';
      queues[room.of]?.dropOldest();
    }
  }

  get #segmentBytes(): number {
    return Math.min(SEGMENT_BYTES_MAX, Math.max(SEGMENT_BYTES_MIN, Math.floor(this.#options.bytesMax / 8)));
  }

  #nextPath(): string {
    return join(this.#folder, `${this.#options.owner}-${++this.#fileNumber}.hints`);
  }

  #tell(error: unknown): void {
    const now = performance.now();
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.#options.log('error', 'hints cannot be kept on the disk; those concerned are dropped', {
      error: messageOf(error),
    });
  }
}

interface HintFile {
  readonly name: string;
  readonly owner: number;
  readonly number: number;
}

/** The files of hints in a folder, in the order in which they were made. */
function filesIn(folder: string): HintFile[] {
  const files = readdirSync(folder).flatMap((name) => {
    const [, owner, number] = /^(\d{1,6})-(\d{1,15})\.hints$/.exec(name) ?? [];
    return owner === undefined ? [] : [{ name, owner: Number(owner), number: Number(number) }];
  });
  return files.sort((left, right) => left.number - right.number);
}
