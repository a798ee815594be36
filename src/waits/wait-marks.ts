/**
 * Where sampled operations leave their marks while somebody records waits: the hooks that the data path calls, and what
 * they note. Without a recording the hooks are undefined, and each costs a branch.
 *
 * Marks are milliseconds of `performance.now()` in the thread that made them; 0 if the point was not reached. How far
 * each thread's clock stands from the machine's monotonic one is part of the recording, so marks of several threads can
 * be put in one order. Between machines no clocks are compared: a peer tells durations (`remoteDurations`).
 *
 * Which operations are sampled follows from their tags, which travel anyway: frames carry nothing more.
 */

/** What is recorded. */
export interface WaitOptions {
  /** One operation in so many. */
  readonly every: number;
  /** Sampled operations per node; those after them are counted and not kept. */
  readonly operationsMax: number;
}

/** Tags are a generation above a slot of so many bits (dispatcher.ts). */
export const slotBits = 20;

/**
 * Whether an operation is sampled. Both halves of its tag count: operations that come together have different slots, and
 * those that use a slot one after another have different generations.
 */
export function isSampled(tag: number, every: number): boolean {
  return ((tag >>> slotBits) + (tag & ((1 << slotBits) - 1))) % every === 0;
}

/** What the main thread notes of an operation. */
export interface MainMarks {
  readonly tag: number;
  readonly method: string;
  /** The first bytes of the request came. */
  readonly arrivedAt: number;
  /** Its head was parsed and it was admitted. */
  readonly admittedAt: number;
  /** It is whole, and goes into a frame. */
  readonly dispatchedAt: number;
  /** The frame went to the pool. */
  flushedAt: number;
  /** The pool posted it to a worker. */
  postedAt: number;
  /** The message with its outcome came. */
  deliveredAt: number;
  /** The answer was given to the socket. */
  answeredAt: number;
}

/** The writes of one turn, or a run of reads, of a replica. */
export interface RunMarks {
  startedAt: number;
  /** The writes were compared with what is there, and the newer ones stand in a group of the log. */
  mergedAt: number;
  /** The group was given to the system. */
  writtenAt: number;
  /** It is as durable as the durability says, and reads see it. */
  durableAt: number;
}

/** What a replica notes of a frame. */
export interface ReplicaMarks {
  submittedAt: number;
  /** Undefined for a large value, which is written or read in steps. */
  run: RunMarks | undefined;
  repliedAt: number;
}

/** One batch to a peer. */
export interface BatchMarks {
  /** Given to undici, or to the link. */
  sentAt: number;
  /** Written to a socket. */
  headersAt: number;
  repliedAt: number;
  /** What the peer says of it (`remoteDurations`); undefined if it said nothing. */
  remote: string | undefined;
}

/** What was asked of a peer for a frame; `batch` is undefined until it is sent. */
export interface PeerMarks {
  batch: BatchMarks | undefined;
}

/** One question to a replica, on the way to an operation's outcome. */
export type AskMarks =
  | { readonly kind: 'self'; readonly askedAt: number; readonly replica: ReplicaMarks }
  | { readonly kind: 'peer'; readonly askedAt: number; readonly peer: PeerMarks };

/** What a worker notes of an operation. */
export interface WorkerMarks {
  readonly tag: number;
  /** The task with its frame began. */
  readonly startedAt: number;
  /** Only what the outcome waited for: one question, or in mode `sync` one after another. */
  readonly path: readonly AskMarks[];
  /** Whether the last question of the path decided; false if the deadline did. */
  readonly isDecided: boolean;
  /** The outcome left for the main thread. */
  readonly leftAt: number;
}

/** The dispatcher's hooks. */
export interface DispatchWaits<Context> {
  taken(tag: number, context: Context): void;
  /** A frame goes to the pool; returns what to call when the pool posts it, if the frame has sampled operations. */
  flushed(tags: readonly number[]): (() => void) | undefined;
  /** A message with outcomes has come. */
  delivered(): void;
  answered(tag: number): void;
}

/** The coordinator's hooks. */
export interface CoordinatorWaits<Operation> {
  /** The trace of a frame that has sampled operations. */
  trace(operations: readonly Operation[], startedAt: number): FrameTrace<Operation> | undefined;
}

/** What is noted of one frame with sampled operations. */
export interface FrameTrace<Operation> {
  /** Undefined if none of the operations is sampled. */
  askSelf(node: number, operations: readonly Operation[]): ReplicaMarks | undefined;
  askPeer(node: number, operations: readonly Operation[]): PeerMarks | undefined;
  /** Outcomes are about to leave. `node` is the one whose reply decided; undefined if the deadline did. */
  leaving(node: number | undefined): void;
}

/** The replica's hook: called for every run, sampled or not. */
export type OnRun = (run: RunMarks) => void;

export function replicaMarks(submittedAt: number): ReplicaMarks {
  return { submittedAt, run: undefined, repliedAt: 0 };
}

/** A run that has only started: steps that it skips take no time. */
export function runMarks(startedAt: number): RunMarks {
  return { startedAt, mergedAt: startedAt, writtenAt: startedAt, durableAt: startedAt };
}

/** The marks of a batch, for all of its parts that are marked; undefined if none is. */
export function batchMarks(
  parts: readonly { readonly marks?: PeerMarks | undefined }[],
  sentAt: number,
): BatchMarks | undefined {
  let batch: BatchMarks | undefined;
  for (const { marks } of parts) {
    if (marks === undefined) continue;
    batch ??= { sentAt, headersAt: 0, repliedAt: 0, remote: undefined };
    marks.batch = batch;
  }
  return batch;
}

/** Field of a request to a replica port that asks for durations, and of the reply that tells them. */
export const waitsField = 'kvorum-waits';

/** What a peer says of its part, microseconds. For a large value only the first and the last are told. */
export interface RemoteDurations {
  readonly receiveUs: number;
  readonly turnUs: number;
  readonly mergeUs: number;
  readonly writeUs: number;
  readonly durableUs: number;
  /** After that: reads and the reply; all of it for a large value. */
  readonly answerUs: number;
  readonly isLarge: boolean;
}

/** A peer's durations as the value of `waitsField`: whole microseconds with commas between. */
export function encodeRemote(receivedAt: number, { submittedAt, run, repliedAt }: ReplicaMarks): string {
  const marks =
    run === undefined
      ? [receivedAt, submittedAt, repliedAt]
      : [receivedAt, submittedAt, run.startedAt, run.mergedAt, run.writtenAt, run.durableAt, repliedAt];
  return marks
    .slice(1)
    .map((at, index) => Math.max(0, Math.round((at - (marks[index] as number)) * 1000)))
    .join(',');
}

/** The durations that a peer tells; undefined if the text is not of `encodeRemote`. */
export function decodeRemote(text: string | undefined): RemoteDurations | undefined {
  if (text === undefined || !/^\d{1,12}(?:,\d{1,12}){1,5}$/.test(text)) return undefined;
  const parts = text.split(',').map(Number);
  const [receiveUs = 0, second = 0, mergeUs = 0, writeUs = 0, durableUs = 0, answerUs = 0] = parts;
  if (parts.length === 6) return { receiveUs, turnUs: second, mergeUs, writeUs, durableUs, answerUs, isLarge: false };
  if (parts.length !== 2) return undefined;
  return { receiveUs, turnUs: 0, mergeUs: 0, writeUs: 0, durableUs: 0, answerUs: second, isLarge: true };
}
