/** What an instrument costs: changes against the mean of the runs without any, and what is not known stays so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedLoad } from '../../../profiling/result/profile.ts';
import { observedLoad, overheadOf } from '../../../profiling/profile/overhead.ts';
import { heldRun } from '../../support/bench-results.ts';

function load(instrument: string, rate: number, p99Us: number, cpuUsPerRequest: number | null): ObservedLoad {
  return { instrument, rate, p50Us: 1, p99Us, cpuUsPerRequest, failed: 0, verdict: 'HELD', kind: 'held' };
}

const cases: readonly {
  readonly name: string;
  readonly loads: readonly ObservedLoad[];
  /** Rate, p99 and CPU of the one instrument. */
  readonly changes: readonly (number | null)[];
}[] = [
  {
    name: 'against the mean of both runs without',
    loads: [load('none', 90, 900, 80), load('cpu', 50, 2000, 110), load('none', 110, 1100, 120)],
    changes: [-0.5, 1, 0.1],
  },
  {
    name: 'against the first alone where it was cut short',
    loads: [load('none', 100, 1000, 100), load('cpu', 100, 1500, 200)],
    changes: [0, 0.5, 1],
  },
  {
    name: 'CPU is not known where one run without does not know it',
    loads: [load('none', 100, 1000, null), load('cpu', 100, 1000, 100), load('none', 100, 1000, 100)],
    changes: [0, 0, null],
  },
  {
    name: 'CPU is not known where the run under the instrument does not know it',
    loads: [load('none', 100, 1000, 100), load('cpu', 100, 1000, null)],
    changes: [0, 0, null],
  },
  { name: 'nothing to compare with', loads: [load('cpu', 100, 1000, 100)], changes: [null, null, null] },
];

for (const { name, loads, changes } of cases) {
  test(`overheadOf(): ${name}`, () => {
    const { without, instruments } = overheadOf(loads);
    assert.deepEqual(
      without.map(({ instrument }) => instrument),
      loads.flatMap(({ instrument }) => (instrument === 'none' ? ['none'] : [])),
    );
    const [one, ...others] = instruments;
    assert.deepEqual(others, []);
    const found = [one?.rateChange, one?.p99Change, one?.cpuChange];
    assert.deepEqual(
      found.map((change) => (typeof change === 'number' ? Math.round(change * 1e9) / 1e9 : change)),
      changes,
    );
  });
}

test('observedLoad() does not know the CPU where a node told nothing of its threads', () => {
  const result = heldRun();
  const [node] = result.nodes;
  assert.ok(node);
  const known = observedLoad('cpu', { ...result, nodes: [{ ...node, threads: [] }] });
  assert.equal(known.cpuUsPerRequest, 0);
  const elsewhere = observedLoad('cpu', { ...result, nodes: [node, { ...node, threads: null }] });
  assert.equal(elsewhere.cpuUsPerRequest, null);
  assert.equal(observedLoad('cpu', { ...result, nodes: [] }).cpuUsPerRequest, null);
  assert.equal(known.failed, result.totals.failed + result.totals.unanswered);
});
