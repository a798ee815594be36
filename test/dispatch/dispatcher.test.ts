/** The main thread's half of the data path, against a pool that the test answers for. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NodeClock, systemClock, type Reserved } from '../../src/dispatch/clock.ts';
import { Dispatcher, largeFrame, type Asked, type FrameRunner } from '../../src/dispatch/dispatcher.ts';
import type { Task as FrameToRun, TaskOutcome } from '../../src/dispatch/task-queue.ts';
import { outcomeCodes, type OutcomeCode } from '../../src/formats/codes.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { keyOf, readEntries, recordOf, tagOf, type Entry } from '../../src/formats/frame.ts';
import { readVersion } from '../../src/formats/record.ts';
import { FrameWriter, OUTCOME_FRAME_HEADER_BYTES } from '../../src/formats/reply.ts';

const quorum = { acksRequired: 2, replicaCount: 3 };
const tally = { acks: 2, failures: 0 };
type Task = TaskOutcome<Uint8Array | undefined>;
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

class FakePool implements FrameRunner {
  hasRoom = true;
  takesWrites = true;
  readonly frames: {
    worker: number;
    entries: Entry[];
    isWanted: () => boolean;
    end: (outcome: Task) => void;
  }[] = [];

  run(worker: number, { frame, isWanted }: FrameToRun): Promise<Task> {
    return new Promise((end) => this.frames.push({ worker, entries: readEntries(asBuffer(frame)), isWanted, end }));
  }

  get keys(): string[][] {
    return this.frames.map(({ entries }) => entries.map((entry) => keyOf(entry).toString()));
  }
}

const asked = (context: string): Asked<string> => ({ quorum, context, now: performance.now() });

interface StartOptions {
  readonly clock?: NodeClock;
  readonly batching?: boolean;
  readonly workers?: number;
  readonly operationsInFlightMax?: number;
  readonly timeoutMs?: number;
}

interface Started {
  readonly pool: FakePool;
  readonly dispatcher: Dispatcher<string>;
  readonly outcomes: [string, Outcome][];
  readonly errors: string[];
  /** Whose clients have gone. */
  readonly gone: Set<string>;
  readonly read: (key: string) => void;
  readonly write: (key: string, value: string) => void;
}

const time = { source: systemClock, onJump: () => {} };

/** A clock that gives stamps from now on. */
async function steadyClock(): Promise<NodeClock> {
  const clock = new NodeClock({ ...time, reserve: async () => 'reserved' });
  clock.begin({ bound: 0, newestStored: 0 });
  await new Promise((resolve) => {
    clock.whenStampable(resolve);
    clock.measured();
  });
  await new Promise((resolve) => clock.whenStampable(resolve));
  return clock;
}

const steady = await steadyClock();

function start(options: StartOptions = {}): Started {
  const pool = new FakePool();
  const outcomes: [string, Outcome][] = [];
  const errors: string[] = [];
  const gone = new Set<string>();
  const quiet = (): void => {};
  const dispatcher = new Dispatcher<string>({
    pool,
    clock: options.clock ?? steady,
    nodeId: 7,
    batching: options.batching ?? true,
    workers: options.workers ?? 1,
    operationsInFlightMax: options.operationsInFlightMax ?? 100,
    timeoutMs: options.timeoutMs ?? 1000,
    pulse: { isResuming: () => false, hasPausedSince: () => false },
    isWanted: (context) => !gone.has(context),
    onOutcome: (context, outcome) => outcomes.push([context, outcome]),
    log: { error: (message) => errors.push(message), warn: quiet, info: quiet, debug: quiet },
  });
  const read = (key: string): void => dispatcher.read(Buffer.from(key), asked(key));
  const write = (key: string, value: string): void =>
    dispatcher.write(Buffer.from(key), Buffer.from(value), asked(key));
  return { pool, dispatcher, outcomes, errors, gone, read, write };
}

/** An outcome frame for these entries, all with the same code. */
function outcomeFrame(entries: readonly Entry[], code: OutcomeCode, newest = 0): Buffer {
  const writer = new FrameWriter(64, OUTCOME_FRAME_HEADER_BYTES);
  for (const entry of entries) writer.outcome(tagOf(entry), code, tally);
  return writer.finishOutcomes(newest);
}

const done = (entries: readonly Entry[], code: OutcomeCode): Task => ({
  kind: 'done',
  result: outcomeFrame(entries, code),
});

test('the operations of one turn share a frame, those of the next have another', async () => {
  const { pool, read, write } = start();
  read('a');
  write('b', 'value');
  assert.deepEqual(pool.keys, []);
  await nextTurn();
  read('c');
  await nextTurn();
  assert.deepEqual(pool.keys, [['a', 'b'], ['c']]);
});

test('the operations of one turn share a frame for each worker that owns some of their keys, in their order', async () => {
  const { pool, dispatcher, outcomes, read, write } = start({ workers: 3 });
  const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
  for (const [index, key] of keys.entries()) {
    if (index % 2 === 0) read(key);
    else write(key, key);
  }
  await nextTurn();
  assert.deepEqual(new Set(pool.frames.map(({ worker }) => worker)), new Set([0, 1, 2]));
  assert.equal(pool.frames.length, 3);
  for (const { worker, entries, end } of pool.frames) {
    const owned = keys.filter((key) => ownerOf(hashKey(Buffer.from(key), 0, key.length), 3) === worker);
    assert.deepEqual(
      entries.map((entry) => keyOf(entry).toString()),
      owned,
    );
    end(done(entries, outcomeCodes.written));
  }
  await nextTurn();
  assert.deepEqual([outcomes.length, dispatcher.inFlight], [60, 0]);
});

test('without batching each operation goes to its owner, at once; a large write too', async () => {
  const { pool, dispatcher, read } = start({ batching: false, workers: 3 });
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const key of keys) read(key);
  const frame = largeFrame(1, 100_000);
  dispatcher.writeLarge(frame.bytes, Buffer.from('c'), 100_000, asked('large'));
  while (pool.frames.length <= keys.length) await nextTurn();
  assert.deepEqual(
    pool.frames.map(({ worker }) => worker),
    [...keys, 'c'].map((key) => ownerOf(hashKey(Buffer.from(key), 0, 1), 3)),
  );
  assert.equal(new Set(pool.frames.map(({ worker }) => worker)).size, 3);
});

test('without batching each operation has a frame of its own, at once', () => {
  const { pool, read, write } = start({ batching: false });
  read('a');
  write('b', 'value');
  assert.deepEqual(pool.keys, [['a'], ['b']]);
});

test('a frame grows with what a turn brings, and what does not fit in 256 KiB starts the next one', async () => {
  const { pool, write } = start();
  const value = 'x'.repeat(60_000);
  const keys = Array.from({ length: 6 }, (_, index) => `key ${index}`);
  for (const key of keys) write(key, value);
  await nextTurn();
  assert.deepEqual(pool.keys, [keys.slice(0, 4), keys.slice(4)]);
  for (const { entries } of pool.frames) {
    for (const entry of entries) assert.equal(recordOf(entry).subarray(17).toString(), value);
  }
});

test('a large write has a frame of its own', async () => {
  const { pool, dispatcher, read } = start();
  const frame = largeFrame(5, 100_000);
  frame.value.fill('y');
  dispatcher.writeLarge(frame.bytes, Buffer.from('large'), 100_000, asked('large'));
  read('a');
  while (pool.frames.length < 2) await nextTurn();
  assert.deepEqual(pool.keys.flat().sort(), ['a', 'large']);
});

test('writes are stamped in their order, and after the newest version that a worker told', async () => {
  const { pool, dispatcher, write } = start();
  write('a', '1');
  write('b', '2');
  await nextTurn();
  const [a = 0, b = 0] = (pool.frames[0]?.entries ?? []).map((entry) => readVersion(recordOf(entry), 0));
  assert.ok(a < b);
  const seen = b + 500_000;
  dispatcher.deliver(outcomeFrame([], outcomeCodes.written, seen));
  write('c', '3');
  await nextTurn();
  assert.ok(readVersion(recordOf(pool.frames[1]?.entries[0] as Entry), 0) > seen);
});

test('each operation gets its outcome once, with the task or ahead of it', async () => {
  const { pool, dispatcher, outcomes, read, write } = start();
  read('a');
  write('b', 'value');
  await nextTurn();
  const { entries, end } = pool.frames[0] as FakePool['frames'][0];
  const ahead = outcomeFrame(entries.slice(1), outcomeCodes.written);
  dispatcher.deliver(ahead);
  assert.deepEqual([outcomes, dispatcher.inFlight], [[['b', { kind: 'written' }]], 1]);
  dispatcher.deliver(ahead);
  end(done(entries, outcomeCodes.missing));
  await nextTurn();
  assert.deepEqual(outcomes.slice(1), [['a', { kind: 'missing' }]]);
  assert.equal(dispatcher.inFlight, 0);
});

test('an outcome that comes after its slot was given to another operation is dropped', async () => {
  const { pool, dispatcher, outcomes, read } = start();
  read('a');
  await nextTurn();
  const late = pool.frames[0]?.entries ?? [];
  dispatcher.deliver(outcomeFrame(late, outcomeCodes.missing));
  read('b');
  await nextTurn();
  dispatcher.deliver(outcomeFrame(late, outcomeCodes.missing));
  assert.deepEqual([outcomes.length, dispatcher.inFlight], [1, 1]);
});

test('what the pool refuses is overloaded, and no error; what its worker failed is', async () => {
  const { pool, outcomes, errors, read } = start();
  read('a');
  read('b');
  await nextTurn();
  read('c');
  await nextTurn();
  pool.frames[0]?.end({ kind: 'refused' });
  await nextTurn();
  assert.deepEqual(
    outcomes.map(([key, { kind }]) => [key, kind]),
    [
      ['a', 'overloaded'],
      ['b', 'overloaded'],
    ],
  );
  assert.deepEqual(errors, []);
  // An error whose text speaks of a queue is a failure all the same.
  pool.frames[1]?.end({ kind: 'failed', error: new Error('no queue') });
  await nextTurn();
  assert.deepEqual(outcomes.at(-1), ['c', { kind: 'failed' }]);
  assert.deepEqual(errors, ['a pool task failed']);
});

test('no more is admitted than the bound and the pool have room for', () => {
  const { pool, dispatcher, read } = start({ operationsInFlightMax: 2 });
  const refusal = (): unknown => dispatcher.refusal('read', performance.now());
  read('a');
  assert.equal(refusal(), undefined);
  pool.hasRoom = false;
  assert.equal(refusal(), 'too-many');
  pool.hasRoom = true;
  read('b');
  assert.equal(refusal(), 'too-many');
});

test('a frame that waited for its turn is wanted while the client of one of its operations is there', async () => {
  const { pool, gone, read } = start();
  read('a');
  read('b');
  await nextTurn();
  const { isWanted } = pool.frames[0] as FakePool['frames'][0];
  assert.equal(isWanted(), true);
  gone.add('a');
  assert.equal(isWanted(), true);
  gone.add('b');
  assert.equal(isWanted(), false);
});

/** A clock whose first stamp waits until the disk has been asked, and `reserved` says what came of that. */
function waitingClock(): { clock: NodeClock; reserved: (how: Reserved) => Promise<void> } {
  let end!: (how: Reserved) => void;
  const clock = new NodeClock({ ...time, reserve: () => new Promise((resolve) => (end = resolve)) });
  clock.begin({ bound: 0, newestStored: 0 });
  clock.measured();
  const reserved = async (how: Reserved): Promise<void> => {
    end(how);
    // One turn for the clock, and one for the frame.
    await nextTurn();
    await nextTurn();
  };
  return { clock, reserved };
}

test('a write waits for its stamp with bytes of its own, in order and in flight, and reads go on', async () => {
  const { clock, reserved } = waitingClock();
  const { pool, dispatcher, read, write } = start({ clock, timeoutMs: 60_000 });
  const reused = Buffer.from('first');
  dispatcher.write(Buffer.from('a'), reused, asked('a'));
  reused.fill('x');
  write('b', 'second');
  read('c');
  await nextTurn();
  assert.deepEqual([pool.keys, dispatcher.inFlight], [[['c']], 3]);
  await reserved('reserved');
  assert.deepEqual([pool.keys, dispatcher.inFlight], [[['c'], ['a', 'b']], 3]);
  const [first] = pool.frames[1]?.entries ?? [];
  assert.ok(first !== undefined && recordOf(first).toString().endsWith('first'));
});

test('a write without a stamp is answered why, is sent nowhere, and is in flight no more', async () => {
  for (const how of ['full', 'failed'] as const) {
    const { clock, reserved } = waitingClock();
    const { pool, dispatcher, outcomes, write } = start({ clock });
    write('a', 'value');
    await reserved(how);
    assert.deepEqual(
      outcomes.map(([, { kind }]) => kind),
      [how],
    );
    assert.deepEqual([pool.frames.length, dispatcher.inFlight], [0, 0]);
  }
});

test('a write that waited for its stamp is not begun if its client has gone, or its deadline is over', async () => {
  const { clock, reserved } = waitingClock();
  const { pool, dispatcher, outcomes, gone, write } = start({ clock, timeoutMs: 60_000 });
  write('gone', 'value');
  dispatcher.write(Buffer.from('late'), undefined, { ...asked('late'), now: performance.now() - 60_000 });
  gone.add('gone');
  await reserved('reserved');
  assert.deepEqual(outcomes, [
    ['gone', { kind: 'overloaded' }],
    ['late', { kind: 'overloaded' }],
  ]);
  assert.deepEqual([pool.frames.length, dispatcher.inFlight], [0, 0]);
});

test('a write that was let in before the clock was found wrong is refused, and says why', async () => {
  const clock = await steadyClock();
  const { pool, dispatcher, outcomes, write } = start({ clock });
  clock.skew = '300.0 s slow';
  write('a', 'value');
  const large = largeFrame(1, 10);
  dispatcher.writeLarge(large.bytes, Buffer.from('b'), 10, asked('b'));
  await nextTurn();
  const outcome = { kind: 'clockSkew', detail: '300.0 s slow' };
  assert.deepEqual(outcomes, [
    ['a', outcome],
    ['b', outcome],
  ]);
  assert.deepEqual([pool.frames.length, dispatcher.inFlight, dispatcher.clockSkew], [0, 0, '300.0 s slow']);
});
