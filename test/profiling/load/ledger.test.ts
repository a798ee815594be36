/** The books of a run, on a clock of the test's own. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { percentileUs } from '../../../profiling/load/histogram.ts';
import { Breakdown } from '../../../profiling/load/breakdown.ts';
import { cutOff, Ledger, type LedgerResult } from '../../../profiling/load/ledger.ts';
import { seededRandom } from '../../../profiling/load/random.ts';
import type { SecondResult } from '../../../profiling/load/result.ts';
import { schedule } from '../../../profiling/load/schedule.ts';

interface Simulated {
  readonly rate: number;
  readonly seconds: number;
  readonly warmupSeconds?: number;
  readonly connections: number;
  readonly arrival?: 'constant' | 'poisson';
  /** When a request that the server gets at `atUs` is answered. */
  readonly answerAtUs: (atUs: number) => number;
  /** Whether the answer to what was sent then is a refusal; default none is. */
  readonly isRefused?: (sentUs: number) => boolean;
  /** The run is cut short here. */
  readonly cutUs?: number;
  readonly onSecond?: (second: SecondResult) => void;
}

/** A generator without delay of its own, against a server that is a function, on a clock that jumps from event to event. */
function simulate(simulated: Simulated): LedgerResult {
  const { rate, seconds, warmupSeconds = 0, connections, arrival = 'constant', cutUs = Infinity } = simulated;
  const warmupUs = warmupSeconds * 1e6;
  const ledger = new Ledger({
    schedule: () => schedule({ arrival, rate, warmupUs }, seededRandom(1)),
    warmupUs,
    durationUs: seconds * 1e6,
    targets: ['http://a'],
    delayMsMax: () => 0,
    breakdown: new Breakdown(['put'], undefined),
    onSecond: simulated.onSecond ?? (() => {}),
  });
  const inFlight: { target: number; kind: 'put'; intendedUs: number; sentUs: number; endUs: number }[] = [];
  let nowUs = -warmupUs;
  ledger.freed(nowUs);
  for (;;) {
    while (inFlight.length < connections && nowUs < cutUs) {
      const intendedUs = ledger.take(nowUs);
      if (intendedUs === undefined) break;
      inFlight.push({ target: 0, kind: 'put', intendedUs, sentUs: nowUs, endUs: simulated.answerAtUs(nowUs) });
    }
    inFlight.sort((left, right) => left.endUs - right.endUs);
    const answer = inFlight[0];
    const startUs = inFlight.length < connections ? ledger.nextUs : Infinity;
    const nextUs = Math.min(answer?.endUs ?? Infinity, startUs);
    if (nowUs < cutUs && nextUs >= cutUs) {
      nowUs = cutUs;
      ledger.cut(nowUs);
      continue;
    }
    if (nextUs === Infinity) return ledger.result();
    nowUs = Math.max(nowUs, nextUs);
    if (answer !== undefined && answer.endUs <= nowUs) {
      if (inFlight.length === connections) ledger.freed(nowUs);
      inFlight.shift();
      const isRefused = simulated.isRefused?.(answer.sentUs) ?? false;
      ledger.answered(answer, isRefused ? 503 : 201, isRefused, nowUs);
    }
  }
}

/** Answers after 0.1 ms, but stalls from 4 s to 6 s. */
const stalling = (atUs: number): number => (atUs >= 4e6 && atUs < 6e6 ? 6e6 : atUs) + 100;

test('a server that stalls 2 s in a 10 s run at 100/s shows it: p50 near 0, p90 near 1,000 ms, p99 near 1,900 ms', () => {
  for (const connections of [1, 8, 64, 1000]) {
    const { latency, service, totals } = simulate({ rate: 100, seconds: 10, connections, answerAtUs: stalling });
    assert.equal(latency.count, 1000);
    assert.ok(percentileUs(latency, 50) < 1000, `p50 ${percentileUs(latency, 50)} us`);
    assert.ok(Math.abs(percentileUs(latency, 90) - 1e6) < 30_000, `p90 ${percentileUs(latency, 90)} us`);
    assert.ok(Math.abs(percentileUs(latency, 99) - 1.9e6) < 30_000, `p99 ${percentileUs(latency, 99)} us`);
    assert.equal(totals.completed, 1000);
    assert.equal(totals.lateStarts, 0);
    assert.ok(totals.pendingMax >= 199 && totals.pendingMax <= 201, `${totals.pendingMax} pending`);
    // What a closed loop would have reported: with one connection, a single slow request.
    if (connections === 1) assert.ok(service !== null && percentileUs(service, 99) < 1000);
  }
});

test('each second is its own: what was due, answered and still waiting at its end', () => {
  const { seconds } = simulate({ rate: 100, seconds: 10, connections: 8, answerAtUs: stalling });
  assert.deepEqual(
    seconds.map(({ due }) => due),
    Array.from({ length: 10 }, () => 100),
  );
  assert.deepEqual(
    seconds.map(({ completed }) => completed),
    [100, 100, 100, 100, 0, 0, 300, 100, 100, 100],
  );
  assert.deepEqual(
    seconds.map(({ pending }) => pending),
    [0, 0, 0, 0, 100, 200, 0, 0, 0, 0],
  );
});

test('a server at half the rate: the achieved rate is its own, and what was never sent is counted', () => {
  let freeAtUs = 0;
  const half = (atUs: number): number => (freeAtUs = Math.max(freeAtUs, atUs) + 20_000);
  const { totals, statuses } = simulate({ rate: 100, seconds: 10, connections: 4, answerAtUs: half });
  assert.ok(Math.abs(totals.rate - 50) <= 0.5, `${totals.rate}/s`);
  assert.equal(totals.due, 1000);
  assert.equal(totals.completed, 1000);
  assert.deepEqual(statuses, [{ status: '201', count: 1000 }]);
  assert.ok(Math.abs(totals.pendingMax - 500) <= 5, `${totals.pendingMax} pending`);
});

test('the warm-up is load, but in no figure', () => {
  const seen: number[] = [];
  const { totals, latency } = simulate({
    rate: 100,
    seconds: 2,
    warmupSeconds: 3,
    connections: 4,
    // Slow until the window begins.
    answerAtUs: (atUs) => atUs + (atUs < -1e6 ? 30_000 : 100),
    onSecond: ({ second }) => seen.push(second),
  });
  assert.equal(totals.due, 200);
  assert.equal(latency.count, 200);
  assert.ok(latency.maxUs < 1000);
  assert.deepEqual(seen, [-3, -2, -1, 0, 1]);
});

test('poisson arrivals are counted as they fall', () => {
  const { totals } = simulate({
    rate: 1000,
    seconds: 10,
    connections: 64,
    arrival: 'poisson',
    answerAtUs: (atUs) => atUs + 50,
  });
  assert.ok(totals.due > 9600 && totals.due < 10_400, `${totals.due} due`);
  assert.equal(totals.completed, totals.due);
  assert.ok(Math.abs(totals.rate - totals.due / 10) < 1);
});

test('a run that is cut short is about the part that ran', () => {
  const { totals, seconds, latency } = simulate({
    rate: 100,
    seconds: 10,
    connections: 4,
    answerAtUs: (atUs) => atUs + 100,
    cutUs: 2_500_000,
  });
  assert.equal(totals.seconds, 2.5);
  assert.equal(totals.due, 250);
  assert.equal(latency.count, 250);
  assert.equal(totals.rate, 100);
  assert.deepEqual(
    seconds.map(({ due }) => due),
    [100, 100, 50],
  );
});

test('errors have a histogram of their own: who refuses quickly does not look quick', () => {
  const isRefused = (sentUs: number): boolean => Math.round(sentUs / 10_000) % 2 === 1;
  const { latency, errorLatency, service, totals, seconds } = simulate({
    rate: 100,
    seconds: 2,
    connections: 4,
    answerAtUs: (atUs) => atUs + (isRefused(atUs) ? 100 : 8000),
    isRefused,
  });
  assert.deepEqual([totals.completed, totals.failed], [200, 100]);
  assert.deepEqual([latency.count, service?.count, latency.minUs], [100, 100, 8000]);
  assert.deepEqual([errorLatency.count, errorLatency.maxUs], [100, 100]);
  assert.deepEqual(
    seconds.map((second) => second.latency.count),
    [50, 50],
  );
});

test('what an interruption cut is cut, in flight or not yet sent, and no error', () => {
  const ledger = new Ledger({
    schedule: () => schedule({ arrival: 'constant', rate: 1000, warmupUs: 0 }, seededRandom(1)),
    warmupUs: 0,
    durationUs: 1e6,
    targets: ['http://a'],
    delayMsMax: () => 0,
    breakdown: new Breakdown(['put'], undefined),
    onSecond: () => {},
  });
  const sent = [0, 1000].map((atUs) => ({
    target: 0,
    kind: 'put' as const,
    intendedUs: ledger.take(atUs) ?? NaN,
    sentUs: atUs,
  }));
  // No connection is free for the three that are due until 4 ms.
  ledger.cut(4500);
  const [answered, dropped] = sent;
  assert.ok(answered !== undefined && dropped !== undefined);
  ledger.answered(answered, 201, false, 5000);
  ledger.lost(dropped, cutOff, 6000);
  const { totals, statuses, errorLatency, targets } = ledger.result();
  assert.deepEqual([totals.due, totals.completed, totals.cut, totals.notSent, totals.unanswered], [5, 1, 4, 0, 0]);
  assert.deepEqual([errorLatency.count, targets[0]?.unanswered], [0, 0]);
  assert.deepEqual(statuses, [
    { status: '201', count: 1 },
    { status: 'cut', count: 4 },
  ]);
});

test('a generator that starts late although a connection is free says so; a stalled server does not make it late', () => {
  const ledger = new Ledger({
    schedule: () => schedule({ arrival: 'constant', rate: 1000, warmupUs: 0 }, seededRandom(1)),
    warmupUs: 0,
    durationUs: 10_000,
    targets: ['http://a'],
    delayMsMax: () => 0,
    breakdown: new Breakdown(['put'], undefined),
    onSecond: () => {},
  });
  ledger.freed(-1);
  // The generator slept for 5 ms: the requests of 0 to 3 ms are over 1 ms late.
  for (let index = 0; index < 6; index++) assert.equal(ledger.take(5000), index * 1000);
  // No connection was free until 9.5 ms: what starts then is not the generator's fault.
  ledger.freed(9500);
  assert.equal(ledger.take(9500), 6000);
  assert.equal(ledger.result().totals.lateStarts, 4);
});
