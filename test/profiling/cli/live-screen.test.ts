/** The screen of a running load: what it says, and that it fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveLine, liveScreen } from '../../../profiling/cli/live-screen.ts';
import { LatencyHistogram } from '../../../profiling/load/histogram.ts';
import { LiveFigures } from '../../../profiling/load/live-figures.ts';
import type { OperationKind } from '../../../profiling/load/load-shape.ts';
import type { KindResult } from '../../../profiling/load/result.ts';
import { workloadOf } from '../../support/load.ts';

function kindOf(kind: OperationKind, completed: number, failed = 0): KindResult {
  const latency = new LatencyHistogram();
  for (let index = 0; index < completed - failed; index++) latency.record(2000);
  return { kind, completed, failed, unanswered: 0, latency: latency.snapshot() };
}

const stages = [
  { rate: 1000, durationMs: 2000 },
  { rate: 0, durationMs: 2000 },
];
const workload = workloadOf({
  op: 'mixed',
  mix: { get: 9, put: 1 },
  rate: 500,
  stages,
  durationMs: 4000,
  targets: ['http://127.0.0.1:8080'],
});

function figuresAt(second: number): LiveFigures {
  const figures = new LiveFigures();
  for (let index = 0; index <= second; index++) {
    const kinds = [kindOf('get', 90, index === 1 ? 3 : 0), kindOf('put', 10)];
    figures.add({
      second: index,
      due: 101,
      completed: 100,
      failed: index === 1 ? 3 : 0,
      pending: 7,
      p99Us: 2000,
      kinds,
    });
  }
  return figures;
}

test('it says what is sent, where the run stands, the last second, and each kind so far', () => {
  const text = liveScreen(workload, figuresAt(1), 79).join('\n');
  assert.match(text, /^get=9,put=1 on 127\.0\.0\.1:8080, 8 connections, 100 keys, uniform$/m);
  assert.match(text, /^\[#{20} {20}\] 2\/4 s, stage 1\/2: 500\/s, to 1,000\/s$/m);
  assert.match(text, /^ {2}rate +100\/s of 101\/s +██$/m);
  assert.match(text, /^ {2}errors +3 in this second$/m);
  assert.match(text, /^ {2}get +177 +3 +0$/m);
  assert.match(text, /^ {2}put +20 +0 +0$/m);
  assert.match(text, /^ {2}latency {2}p50 2\.00 ms, p99 2\.00 ms, p99\.9 2\.00 ms, max 2\.00 ms$/m);
});

test('no line is wider than the terminal, and all of it fits on 24 lines', () => {
  for (const columns of [20, 40, 79, 200]) {
    const lines = liveScreen(workload, figuresAt(3), columns);
    assert.ok(lines.length < 24);
    assert.deepEqual(
      lines.filter((line) => line.length > columns),
      [],
    );
  }
});

test('a log gets one line', () => {
  assert.equal(liveLine(workload, figuresAt(1)), '2/4 s: 100/s, p99 2.00 ms, 7 waiting, 3 failed');
});
