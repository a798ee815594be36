import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AskMarks, MainMarks, WorkerMarks } from '../../src/waits/wait-marks.ts';
import { belong, operationTimes, waitStages, type StageTimes } from '../../src/waits/wait-stages.ts';

/** A clock that only goes forward: each reading is some steps after the last one. */
class Ticks {
  #now = 1000;
  readonly #steps: Iterator<number>;

  constructor(steps: Iterable<number>) {
    this.#steps = steps[Symbol.iterator]();
  }

  next(): number {
    this.#now += this.#steps.next().value ?? 0;
    return this.#now;
  }
}

type Kind = 'self' | 'self-large' | 'peer' | 'peer-silent' | 'failed';

/** One operation as it goes through a node, its worker's clock `skewMs` ahead of the main thread's. */
function operation(ticks: Ticks, kinds: readonly Kind[], skewMs: number): { main: MainMarks; worker: WorkerMarks } {
  const started = {
    tag: 7,
    method: 'PUT',
    arrivedAt: ticks.next(),
    admittedAt: ticks.next(),
    dispatchedAt: ticks.next(),
    flushedAt: ticks.next(),
    postedAt: ticks.next(),
  };
  const startedAt = ticks.next() + skewMs;
  const path = kinds.map((kind) => ask(ticks, kind, skewMs));
  const leftAt = ticks.next() + skewMs;
  const worker = { tag: 7, startedAt, path, isDecided: path.length > 0, leftAt };
  return { main: { ...started, deliveredAt: ticks.next(), answeredAt: ticks.next() }, worker };
}

function ask(ticks: Ticks, kind: Kind, skewMs: number): AskMarks {
  const next = (): number => ticks.next() + skewMs;
  const askedAt = next();
  if (kind === 'failed') return { kind: 'peer', askedAt, peer: { batch: undefined } };
  if (kind === 'self-large') {
    return { kind: 'self', askedAt, replica: { submittedAt: askedAt, run: undefined, repliedAt: next() } };
  }
  if (kind === 'self') {
    const run = { startedAt: next(), mergedAt: next(), writtenAt: next(), durableAt: next() };
    return { kind: 'self', askedAt, replica: { submittedAt: askedAt, run, repliedAt: next() } };
  }
  const [sentAt, headersAt] = [next(), next()];
  const parts = Array.from({ length: 7 }, next);
  const durations = parts.slice(1).map((at, index) => Math.round((at - (parts[index] as number)) * 1000));
  const remote = kind === 'peer' ? durations.join() : undefined;
  return { kind: 'peer', askedAt, peer: { batch: { sentAt, headersAt, repliedAt: next(), remote } } };
}

const steps = fc.array(fc.nat(5000), { minLength: 60, maxLength: 60 });
const kinds = fc.array(fc.constantFrom<Kind>('self', 'self-large', 'peer', 'peer-silent', 'failed'), { maxLength: 3 });

function sumOf(stages: StageTimes): number {
  return waitStages.reduce((sum, stage) => sum + stages[stage], 0);
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-3 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);
}

test('the stages of any path add up to the latency, nothing is unaccounted and nothing negative', () => {
  fc.assert(
    fc.property(steps, kinds, fc.integer({ min: -900, max: 900 }), (ticks, path, skewMs) => {
      const { main, worker } = operation(new Ticks(ticks), path, skewMs);
      const { totalUs, stages } = operationTimes(main, worker, { mainMs: 50, workerMs: 50 - skewMs });
      near(totalUs, (main.answeredAt - main.arrivedAt) * 1000);
      near(sumOf(stages), totalUs);
      assert.ok(Math.abs(stages.unaccounted) < 1, `${stages.unaccounted} us unaccounted`);
      for (const stage of waitStages) assert.ok(stage === 'unaccounted' || stages[stage] >= 0, stage);
    }),
  );
});

test('each stage has its own time: powers of two show which went where', () => {
  const doubling = Array.from({ length: 40 }, (_, index) => 2 ** index);
  const { main, worker } = operation(new Ticks(doubling), ['peer'], 0);
  const { stages, decider } = operationTimes(main, worker, { mainMs: 0, workerMs: 0 });
  assert.equal(decider, 'peer');
  const order = ['read', 'body', 'turn', 'poolQueue', 'toWorker', 'coordinate', 'peerBatch', 'peerConnection'] as const;
  for (const [index, stage] of order.entries()) near(stages[stage], 2 ** (index + 1) * 1000);
  const remote = ['peerReceive', 'peerTurn', 'peerMerge', 'peerWrite', 'peerDurable', 'peerAnswer'] as const;
  for (const [index, stage] of remote.entries()) near(stages[stage], 2 ** (index + 10) * 1000);
  // On the way to the peer and back.
  near(stages.network, (2 ** 9 + 2 ** 16) * 1000);
  near(stages.outcome, 2 ** 17 * 1000);
  near(stages.toMain, 2 ** 18 * 1000);
  near(stages.answer, 2 ** 19 * 1000);
});

test('the own replica is split into turn, lock, body, commit and reply', () => {
  const { main, worker } = operation(new Ticks(Array.from({ length: 40 }, (_, index) => 2 ** index)), ['self'], 0);
  const { stages, decider } = operationTimes(main, worker, { mainMs: 0, workerMs: 0 });
  assert.equal(decider, 'self');
  const own = ['ownTurn', 'ownMerge', 'ownWrite', 'ownDurable', 'ownAnswer', 'outcome'] as const;
  for (const [index, stage] of own.entries()) near(stages[stage], 2 ** (index + 7) * 1000);
});

test('an operation without marks of a worker is unaccounted in between, and decided by nobody', () => {
  const { main } = operation(new Ticks(Array.from({ length: 40 }, () => 1)), ['self'], 0);
  const { stages, decider, totalUs } = operationTimes(main, undefined, { mainMs: 0, workerMs: 0 });
  assert.equal(decider, 'none');
  near(stages.unaccounted, (main.deliveredAt - main.postedAt) * 1000);
  near(sumOf(stages), totalUs);
});

test('a deadline, and a peer that could not be asked, count as waiting in vain', () => {
  const one = operation(new Ticks(Array.from({ length: 40 }, () => 1)), [], 0);
  const timedOut = operationTimes(one.main, one.worker, { mainMs: 0, workerMs: 0 });
  near(timedOut.stages.unanswered, (one.worker.leftAt - one.worker.startedAt) * 1000);
  assert.equal(timedOut.decider, 'none');
  const other = operation(new Ticks(Array.from({ length: 40 }, () => 1)), ['failed', 'peer'], 0);
  near(operationTimes(other.main, other.worker, { mainMs: 0, workerMs: 0 }).stages.unanswered, 1000);
});

test('a peer that claims more than the round trip shows as negative unaccounted time, and is not hidden', () => {
  const { main, worker } = operation(new Ticks(Array.from({ length: 40 }, () => 1)), ['peer'], 0);
  const [asked] = worker.path;
  if (asked?.kind === 'peer' && asked.peer.batch !== undefined) asked.peer.batch.remote = '0,0,0,0,0,1000000';
  const { stages, totalUs } = operationTimes(main, worker, { mainMs: 0, workerMs: 0 });
  assert.ok(stages.unaccounted < -900_000);
  near(sumOf(stages), totalUs);
});

test('belong() tells an operation from the next one with its tag', () => {
  const ticks = new Ticks(Array.from({ length: 80 }, () => 1));
  const first = operation(ticks, ['self'], 400);
  const second = operation(ticks, ['self'], 400);
  const origins = { mainMs: 0, workerMs: -400 };
  assert.ok(belong(first.main, first.worker, origins) && belong(second.main, second.worker, origins));
  assert.ok(!belong(first.main, second.worker, origins) && !belong(second.main, first.worker, origins));
});
