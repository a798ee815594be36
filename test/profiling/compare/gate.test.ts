/** What counts as a regression: worse, by more than the bound, and beyond the ranges of the rounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateOf, gateSentence } from '../../../profiling/compare/gate.ts';
import { maximumOf } from '../../../profiling/compare/spread.ts';
import { compareSteps, summarise } from '../../../profiling/compare/summary.ts';
import type { CompareRun, Gate, MaximumSearch } from '../../../profiling/result/compare.ts';
import { bareNode, bareRun, type BareRun } from '../../support/bench-results.ts';

/** A row for each run of a side. */
type Side = readonly BareRun[];

function gateBetween(a: Side, b: Side, shareMax = 0.1, searches: readonly MaximumSearch[] = []): Gate {
  const runsOf = (subject: string, side: Side): CompareRun[] =>
    side.map((run, index) => ({
      subject,
      op: 'put',
      point: { kind: 'rate', rate: 1000 },
      round: index + 1,
      result: bareRun(run),
    }));
  const summary = summarise([...runsOf('a', a), ...runsOf('b', b)]);
  return gateOf({ summary, steps: compareSteps([['a', 'b']], summary, searches) }, shareMax);
}

const at = (...latencies: readonly number[]): Side => latencies.map((latencyUs) => ({ latencyUs }));

const cases: readonly (readonly [what: string, gate: Gate, regressions: RegExp | null, isPassed: boolean])[] = [
  [
    'latency beyond bound and ranges',
    gateBetween(at(1000, 1100), at(1500, 1600)),
    /Latency p99 48% more \(1.55 ms after 1.05 ms\)/,
    false,
  ],
  ['worse within the bound', gateBetween(at(1000, 1010), at(1050, 1060)), null, true],
  ['worse within the ranges', gateBetween(at(1000, 2000), at(1900, 3000)), null, true],
  ['better', gateBetween(at(1500, 1600), at(1000, 1100)), null, true],
  [
    'CPU',
    gateBetween(
      [{ nodes: [bareNode(1e6)] }, { nodes: [bareNode(1e6)] }],
      [{ nodes: [bareNode(2e6)] }, { nodes: [bareNode(2e6)] }],
    ),
    /CPU a request, all nodes 2 times as much/,
    false,
  ],
  [
    'a rate that is lost, whose latencies say nothing',
    gateBetween(at(1000, 1100), [
      { achieved: 700, latencyUs: 1e6 },
      { achieved: 720, latencyUs: 1e6 },
    ]),
    /^a held the rate in every round, b in none; Rate achieved 29% less/,
    false,
  ],
  [
    'errors where there were none',
    gateBetween(at(1000, 1000), [
      { verdict: 'failed', totals: { failed: 50 } },
      { verdict: 'failed', totals: { failed: 70 } },
    ]),
    /^a held the rate in every round, b in none; Errors 0\.6% after 0%/,
    false,
  ],
  ['one round a side', gateBetween(at(1000), at(9000)), null, false],
  [
    'a generator that did not keep up',
    gateBetween(at(1, 1), [{ verdict: 'invalid' }, { verdict: 'invalid' }]),
    null,
    false,
  ],
];

for (const [what, gate, regressions, isPassed] of cases) {
  test(`gateOf() ${isPassed ? 'passes' : 'does not pass'}: ${what}`, () => {
    const [load] = gate.loads;
    assert.deepEqual([load?.step, load?.load], ['a → b', 'PUT at 1,000/s']);
    const said = load?.regressions.join('; ') ?? '';
    if (regressions === null) assert.equal(said, '');
    else assert.match(said, regressions);
    assert.equal(gateSentence(gate).isPassed, isPassed);
  });
}

test('gateOf() judges the highest rates held', () => {
  const search = (subject: string, ...rates: readonly number[]): MaximumSearch => {
    const steps = rates.map((rate) => [
      { rate, achieved: rate, p50Us: 1, p99Us: 1, failed: 0, held: true, reason: '' },
    ]);
    return { subject, op: 'put', ...maximumOf(steps) };
  };
  const gate = gateBetween([], [], 0.1, [search('a', 4000, 4100), search('b', 3000, 3100)]);
  assert.deepEqual(gate.loads, [
    {
      step: 'a → b',
      load: 'PUT, highest rate',
      regressions: ['highest rate held 25% less (3,050/s after 4,050/s)'],
      undecided: null,
    },
  ]);
});

test('gateSentence() says how it ended, and passes nothing that was not compared', () => {
  const said = (gate: Gate): string => gateSentence(gate).sentence;
  assert.equal(
    said(gateBetween(at(1, 1), at(1, 1), 0.005)),
    'NO REGRESSION by more than 0.5% beyond the ranges, 1 loads',
  );
  assert.equal(said(gateBetween(at(1, 1), at(9, 9))), 'REGRESSED by more than 10% under 1 of 1 loads');
  assert.equal(said(gateBetween(at(1), at(9))), 'UNDECIDED under 1 of 1 loads');
  assert.deepEqual(gateSentence({ shareMax: 0.1, loads: [] }).isPassed, false);
});
