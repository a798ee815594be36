import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMeasure, formatRatio, rangeText } from '../../../profiling/compare/format.ts';
import { plain } from '../../../profiling/result/quantity.ts';
import { maximumOf } from '../../../profiling/compare/spread.ts';
import type { CompareRun, LoadPoint, MaximumSearch } from '../../../profiling/result/compare.ts';
import { compareSteps, neighbours, summarise } from '../../../profiling/compare/summary.ts';
import type { SearchStep } from '../../../profiling/load/result.ts';
import { bareNode, bareRun, type BareRun } from '../../support/bench-results.ts';

const atRate: LoadPoint = { kind: 'rate', rate: 1000 };

function runsOf(subject: string, rounds: readonly BareRun[], point: LoadPoint = atRate): CompareRun[] {
  return rounds.map((round, index) => ({
    subject,
    op: round.op ?? 'put',
    point,
    round: index + 1,
    result: bareRun(round),
  }));
}

function search(subject: string, best: readonly number[]): MaximumSearch {
  const step = (rate: number, held: boolean): SearchStep => {
    return { rate, achieved: rate, p50Us: 1, p99Us: 1, failed: 0, held, reason: '' };
  };
  return { subject, op: 'put', ...maximumOf(best.map((rate) => [step(rate, true), step(rate * 2, false)])) };
}

const sentencesOf = (runs: readonly CompareRun[], searches: readonly MaximumSearch[] = []): readonly string[] =>
  compareSteps([['a', 'b']], summarise(runs), searches).flatMap(({ sentences }) => sentences);

test('summarise() gives medians with ranges over the rounds, for each subject at each point', () => {
  const rows = summarise([
    ...runsOf('a', [{ latencyUs: 1000 }, { latencyUs: 3000 }, { latencyUs: 2000 }]),
    ...runsOf('b', [{ latencyUs: 10 }]),
    ...runsOf('a', [{ rate: 600 }, { rate: 610 }, { rate: 620 }], { kind: 'share', share: 0.6 }),
  ]);
  assert.deepEqual(
    rows.map(({ subject, point, rate, verdicts }) => [subject, point.kind, rate, verdicts.held]),
    [
      ['a', 'rate', 1000, 3],
      ['b', 'rate', 1000, 1],
      ['a', 'share', 610, 3],
    ],
  );
  const { p99Us, cpuUs } = rows[0]?.measures ?? {};
  assert.deepEqual(p99Us, { median: 2000, min: 1000, max: 3000, count: 3 });
  assert.equal(cpuUs, null);
});

test('summarise() takes no figure from a generator that did not keep up or a run that was cut short', () => {
  const [row] = summarise(
    runsOf('a', [{ latencyUs: 1000 }, { latencyUs: 9000, verdict: 'invalid' }, { latencyUs: 5, cutShort: true }]),
  );
  assert.deepEqual(row?.verdicts, { held: 1, missed: 0, failed: 0, invalid: 1 });
  assert.deepEqual(row?.measures.p50Us, { median: 1000, min: 1000, max: 1000, count: 1 });
});

test('summarise() has a row for each thread of each node', () => {
  const rounds = [{ nodes: [bareNode(100_000), bareNode(50_000)] }, { nodes: [bareNode(120_000), bareNode(50_000)] }];
  const [row] = summarise(runsOf('a', rounds));
  assert.deepEqual(
    row?.threads.map(({ node, thread, cpuUs }) => [node, thread, cpuUs.min, cpuUs.max]),
    [
      ['n1', 'main', 10, 12],
      ['n1', 'worker 1', 10, 12],
      ['n2', 'main', 5, 5],
      ['n2', 'worker 1', 5, 5],
    ],
  );
});

test('compareSteps() says what changed where the ranges part, and where nothing is seen', () => {
  const before = runsOf('a', [
    { latencyUs: 4000, nodes: [bareNode(1_000_000)] },
    { latencyUs: 4200, nodes: [bareNode(1_100_000)] },
  ]);
  const after = runsOf('b', [
    { latencyUs: 4100, nodes: [bareNode(500_000)] },
    { latencyUs: 4300, nodes: [bareNode(550_000)] },
  ]);
  const [step] = compareSteps([['a', 'b']], summarise([...before, ...after]), []);
  const changes = new Map(step?.points[0]?.changes.map((change) => [change.measure, change]));
  assert.deepEqual([changes.get('cpuUs')?.verdict, changes.get('cpuUs')?.ratio], ['less', 0.5]);
  assert.equal(changes.get('p99Us')?.verdict, 'none');
  const [sentence = ''] = step?.sentences ?? [];
  assert.match(sentence, /^PUT: at 1,000\/s: CPU a request 50% less \(105 us after 210 us\); /);
  assert.match(sentence, /no difference seen in latency p50, .*bytes between nodes a request, resident memory$/);
});

test('compareSteps() compares latencies only where both held the rate', () => {
  const before = runsOf('a', [
    { achieved: 500, latencyUs: 2e6 },
    { achieved: 510, latencyUs: 3e6 },
  ]);
  const after = runsOf('b', [{ latencyUs: 1000 }, { latencyUs: 1000 }]);
  const [sentence = ''] = sentencesOf([...before, ...after]);
  assert.match(sentence, /a held it in 0 of 2 rounds \(505\/s achieved\), b held it in 2 of 2 rounds/);
  assert.doesNotMatch(sentence, /latency/);
});

test('compareSteps() gives no verdict on single rounds, nor where the generator did not keep up', () => {
  const single = [...runsOf('a', [{ latencyUs: 1 }]), ...runsOf('b', [{ latencyUs: 9000 }])];
  assert.deepEqual(sentencesOf(single), ['PUT: at 1,000/s: no verdict on what was measured only once']);
  const invalid = [...runsOf('a', [{ verdict: 'invalid' }, { verdict: 'invalid' }]), ...runsOf('b', [{}, {}])];
  assert.match(sentencesOf(invalid)[0] ?? '', /no verdict, since the generator did not keep up for a$/);
});

test('compareSteps() compares maxima by the range over the rounds', () => {
  const sentences = (left: readonly number[], right: readonly number[]): readonly string[] =>
    sentencesOf([], [search('a', left), search('b', right)]);
  assert.deepEqual(sentences([900, 1000], [3000, 3100]), ['PUT: b holds 3,050/s, a 950/s: 3.21 times as much']);
  assert.deepEqual(sentences([900, 1000], [950, 3100]), ['PUT: b holds 2,025/s, a 950/s: no difference seen']);
  assert.deepEqual(sentences([900], [3000]), ['PUT: b holds 3,000/s, a 900/s; measured only once, so no verdict']);
  assert.deepEqual(sentences([0, 0], [3000, 3000]), []);
});

test('compareSteps() skips what only one of the two did', () => {
  const runs = [...runsOf('a', [{}]), ...runsOf('b', [{}], { kind: 'share', share: 0.6 })];
  assert.deepEqual(compareSteps([['a', 'b']], summarise(runs), []), []);
});

test('maximumOf() of several searches is the median of what each held', () => {
  const { best, missed, spread } = search('a', [900, 1200, 1000]);
  assert.deepEqual([best, missed, spread], [1000, 1800, { median: 1000, min: 900, max: 1200, count: 3 }]);
  assert.deepEqual(maximumOf([]), { best: null, missed: null, spread: null, steps: [] });
});

test('neighbours() pairs each subject with the one before it', () => {
  assert.deepEqual(neighbours(['a', 'b', 'c']), [
    ['a', 'b'],
    ['b', 'c'],
  ]);
  assert.deepEqual(neighbours(['a']), []);
});

test('figures read well', () => {
  for (const [measure, value, text] of [
    ['achieved', 6000.4, '6,000/s'],
    ['p99Us', 4100, '4.1 ms'],
    ['cpuUs', 1845.4, '1,845 us'],
    ['cpuUs', 52.13, '52.1 us'],
    ['voluntarySwitches', 2.345, '2.35'],
    ['peerBytes', 212.4, '212 B'],
    ['residentBytes', 186.2 * 1024 ** 2, '186 MiB'],
  ] as const) {
    assert.equal(formatMeasure(measure, value), text);
  }
  assert.deepEqual([0.27, 0.9, 1, 1.28, 3.5, 250].map(formatRatio), [
    '73% less',
    '10% less',
    '0% more',
    '28% more',
    '3.5 times as much',
    '250 times as much',
  ]);
  const rounds = { median: 4100, min: 3900, max: 4400, count: 3 };
  assert.equal(plain(rangeText(rounds, 'latency')), '3.9 to 4.4 ms');
  assert.equal(plain(rangeText({ ...rounds, min: 980 }, 'latency')), '980 us to 4.4 ms');
  assert.equal(plain(rangeText({ ...rounds, min: 4400 }, 'latency')), '4.4 ms');
});
