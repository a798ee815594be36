/** Samples of several nodes on common steps of time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitNames, type Sample, type WaitName } from '../../src/console/figures.ts';
import { newestEnd, recent, timeline, type NodeSamples } from '../../src/console/timeline.ts';

const bounds = [1, 2, 5];
const noWaits = Object.fromEntries(waitNames.map((name) => [name, null])) as Record<WaitName, number | null>;

function sample(at: number, reads: readonly number[], more: Partial<Sample> = {}): Sample {
  return { at, seconds: 5, reads, writes: [], refused: 0, unanswered: 0, failed: 0, waits: noWaits, ...more };
}

const node = (samples: readonly Sample[], shiftMs = 0): NodeSamples => ({ samples, bounds, shiftMs });
const span = { end: 20_000, stepMs: 5000, steps: 3 };

test('rates of the nodes are added up, and their latencies merged as if it were one node', () => {
  const fast = node([sample(15_000, [90]), sample(20_000, [90])]);
  const slow = node([sample(15_000, [0, 0, 10]), sample(20_000, [0, 0, 10])]);
  const steps = timeline([fast, slow], span);
  assert.deepEqual(
    steps.map(({ at, reads }) => [at, reads]),
    [
      [10_000, null],
      [15_000, 20],
      [20_000, 20],
    ],
  );
  assert.equal(steps[2]?.readP50?.toFixed(3), '0.556');
  assert.equal(steps[2]?.readP99?.toFixed(3), '4.700');
  assert.equal(steps[2]?.writeP99, null);
});

test('nodes whose clocks and steps differ are laid over each other by the page’s clock', () => {
  const ahead = node([sample(3_617_000, [5]), sample(3_622_000, [10])], -3_600_000);
  const steps = timeline([ahead], span);
  assert.deepEqual(
    steps.map(({ reads }) => reads),
    [null, 1, 2],
  );
});

test('what waits is the most of any node', () => {
  const of = (operations: number): NodeSamples => node([sample(20_000, [], { waits: { ...noWaits, operations } })]);
  assert.equal(timeline([of(3), of(8), node([])], span)[2]?.waits.operations, 8);
});

test('the lines end where every node has told, and no dead node holds them up', () => {
  const nodes = [node([sample(20_000, [])]), node([sample(18_000, [])]), node([sample(1000, [])]), node([])];
  assert.equal(newestEnd(nodes, 21_000, 15_000), 18_000);
  assert.equal(newestEnd([node([])], 21_000, 15_000), 21_000);
});

test('recent() takes all samples since a moment as one', () => {
  const now = recent([node([sample(10_000, [50]), sample(15_000, [10]), sample(20_000, [20])])], 10_000);
  assert.equal(now.reads, 3);
  assert.equal(recent([node([])], 0).reads, null);
});
