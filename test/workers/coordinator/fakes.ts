/** A coordinator among replicas that say what a test tells them to, at a time that the test sets. */
import { Buffer } from 'node:buffer';
import { replyCodes } from '../../../src/formats/codes.ts';
import type { ReadRepair } from '../../../src/domain/modes.ts';
import { isLargeRead, readEntries, type Entry } from '../../../src/formats/frame.ts';
import { FrameWriter, type Reply } from '../../../src/formats/reply.ts';
import type { Segment } from '../../../workers/peers/segment-queue.ts';
import type { Time } from '../../../workers/ground/time.ts';
import { Coordinator } from '../../../workers/coordinator/coordinator.ts';
import type { CoordinatorOptions } from '../../../workers/coordinator/coordinator-options.ts';
import { outcomesIn, versionsUpTo, type Settled } from './samples.ts';

/** Time that stands still until it is told to go on. */
export class FakeTime implements Time {
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly wallMs = this.now;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((one) => one !== timer));
  };

  get timers(): number {
    return this.#timers.length;
  }

  /** Goes on by so many milliseconds, from timer to timer. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }
}

/** What a replica was asked. */
export interface Asked {
  readonly node: number;
  readonly entries: readonly Entry[];
  readonly isLarge: boolean;
  /** Replies; undefined: the replica cannot be asked. */
  readonly reply: (replies: readonly Reply[] | undefined) => void;
}

export interface FakeClusterOptions {
  readonly nodes?: number;
  readonly self?: number;
  readonly sequential?: boolean;
  readonly batching?: boolean;
  readonly readRepair?: ReadRepair;
}

export const timeoutMs = 1000;

export class FakeCluster {
  readonly time = new FakeTime();
  readonly coordinator: Coordinator;
  /** What replicas were asked and have not been told to answer, in order. */
  readonly asked: Asked[] = [];
  /** Peers that fail what they are asked at once. */
  readonly down = new Set<number>();
  /** Outcomes that left ahead of their task. */
  readonly ahead: Settled[] = [];
  /** Stamps that are wished for, and not given. */
  readonly stampWishes: { readonly above: number; readonly give: (version: number | undefined) => void }[] = [];
  /** Of the processes that answer. */
  start = 1;
  turns = 0;
  flushes = 0;

  constructor({
    nodes = 3,
    self = 0,
    sequential = false,
    batching = true,
    readRepair = 'background',
  }: FakeClusterOptions = {}) {
    const ids = Array.from({ length: nodes }, (_, index) => index);
    const options: CoordinatorOptions = {
      topology: { nodes: ids.map((id) => ({ id: id + 1, url: `http://node-${id}` })), selfIndex: self },
      replica: { submit: (entries, respond) => this.#askSelf(self, entries, respond) },
      peers: ids.map((id) => (id === self ? undefined : this.#peer(id))),
      sequential,
      turn: batching ? { schedule: () => void this.turns++ } : undefined,
      versions: versionsUpTo(100),
      time: this.time,
      timeoutMs,
      readRepair,
      stampAbove: (above, give) => void this.stampWishes.push({ above, give }),
      pause: () => Promise.resolve(),
      sendOutcomes: (outcomes) => void this.ahead.push(...outcomesIn(outcomes)),
    };
    this.coordinator = new Coordinator(options);
  }

  /** The nodes that are asked now, in order. */
  get nodesAsked(): number[] {
    return this.asked.map(({ node }) => node);
  }

  /** Takes the question to a node out of `asked`, and has it answered. */
  answer(node: number, ...replies: readonly Reply[]): void {
    const index = this.asked.findIndex((one) => one.node === node);
    if (index < 0) throw new Error(`Node ${node} is not asked`);
    this.asked.splice(index, 1)[0]?.reply(replies);
  }

  #peer(node: number): CoordinatorOptions['peers'][number] {
    const submit = ({ bytes, onReplies, onFailed, isLarge }: Segment): void => {
      if (this.down.has(node)) return onFailed();
      const reply: Asked['reply'] = (replies) =>
        replies === undefined ? onFailed() : onReplies(replies, 0, this.start);
      this.asked.push({ node, entries: readEntries(bytes), isLarge: isLarge === true, reply });
      return undefined;
    };
    return { submit, flush: () => void this.flushes++, expire: () => {} };
  }

  #askSelf(node: number, entries: readonly Entry[], respond: (replies: Buffer) => void): void {
    const isLarge = entries.some(isLargeRead);
    const reply: Asked['reply'] = (replies) => respond(frameOf(replies ?? entries.map(() => failed)));
    this.asked.push({ node, entries, isLarge, reply });
  }
}

const failed: Reply = { code: replyCodes.failed, bytes: Buffer.alloc(0), offset: 0, length: 0 };

/** The reply frame that a replica would send. */
function frameOf(replies: readonly Reply[]): Buffer {
  const writer = new FrameWriter(0);
  for (const { code, bytes, offset, length } of replies) {
    const record = bytes.subarray(offset, offset + length);
    if (code === replyCodes.record) writer.replyRecord(record, length);
    else if (code === replyCodes.recoveringRecord) writer.replyRecord(record, length, code);
    else if (code === replyCodes.superseded) writer.replySuperseded(record.readDoubleLE(0), record.readUInt32LE(8));
    else if (code === replyCodes.large) writer.replyLarge(record, record.readUInt32LE(length - 4));
    else writer.reply(code);
  }
  return writer.finish();
}
