/** What charts are made from: the numbers, before anything is drawn. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LatencyHistogram, percentileUs, sumOf } from '../../../profiling/load/histogram.ts';
import { percentileText } from '../../../profiling/report/chart.ts';
import { chartTable } from '../../../profiling/report/figure.ts';
import { latencyHeatMap } from '../../../profiling/report/latency-heat-map.ts';
import { heatSteps, palette } from '../../../profiling/report/palette.ts';
import { percentileAxis, percentileChart } from '../../../profiling/report/percentile-chart.ts';
import { groupsMax, groupsOf } from '../../../profiling/report/second-groups.ts';
import { timeCharts } from '../../../profiling/report/time-charts.ts';
import { contrast } from '../../support/contrast.ts';
import { heldRun, sparseRun } from '../../support/bench-results.ts';

test('percentileText() has the digits that tell a percentile from 100%', () => {
  const texts = [1, 2, 10, 100, 1000, 10_000, 60_000].map(percentileText);
  assert.deepEqual(texts, ['0%', '50%', '90%', '99%', '99.9%', '99.99%', '99.9983%']);
});

test('percentileAxis() holds the round percentiles and ends where one request stands', () => {
  const xs = percentileAxis(12_345);
  for (const x of [1, 2, 10, 100, 1000, 10_000, 12_345]) assert.ok(xs.includes(x), String(x));
  assert.equal(xs.at(-1), 12_345);
  assert.deepEqual(
    xs,
    [...xs].sort((a, b) => a - b),
  );
  assert.deepEqual(percentileAxis(0), [1]);
  assert.ok(percentileAxis(Number.MAX_SAFE_INTEGER).length < 200);
});

test('percentileChart() reads the histogram, and a shorter run ends earlier', () => {
  const [long, short] = [new LatencyHistogram(), new LatencyHistogram()];
  for (let micros = 1; micros <= 1000; micros++) long.record(micros);
  for (let micros = 1; micros <= 10; micros++) short.record(micros);
  const chart = percentileChart([
    { label: 'long', latency: long.snapshot() },
    { label: 'short', latency: short.snapshot(), service: null },
  ]);
  const at = (series: number, x: number): number | null | undefined => {
    return chart.series[series]?.values[chart.x.values.indexOf(x)];
  };
  assert.equal(at(0, 2), 500);
  assert.equal(at(0, 10), 900);
  assert.equal(at(0, 1000), 999);
  assert.equal(at(1, 10), 9);
  assert.equal(at(1, 100), null);
});

test('latencyHeatMap() loses no request and puts each into the row of its latency', () => {
  const { seconds } = heldRun({ seconds: 5, stallSecond: 2 });
  const map = latencyHeatMap(seconds);
  assert.ok(map);
  assert.deepEqual(
    map.columns.map((counts) => counts.reduce((sum, count) => sum + count, 0)),
    seconds.map(({ completed }) => completed),
  );
  const histogram = new LatencyHistogram();
  histogram.record(1500);
  const one = latencyHeatMap([{ ...seconds[0], latency: histogram.snapshot() } as (typeof seconds)[number]]);
  assert.ok(one);
  assert.deepEqual(one.columns, [[1]]);
  assert.ok((one.edgesUs[0] ?? 0) <= 1500 && (one.edgesUs[1] ?? 0) > 1500, String(one.edgesUs));
});

test('latencyHeatMap() is null where no second has an answer', () => {
  assert.equal(latencyHeatMap([]), null);
  assert.equal(latencyHeatMap(heldRun({ seconds: 1, rate: 0 }).seconds), null);
});

test('groupsOf() bounds a day to few groups and keeps every second once', () => {
  const day = Array.from({ length: 86_400 }, (_, second) => ({ second }));
  const { size, groups } = groupsOf(day);
  assert.equal(size, 360);
  assert.ok(groups.length <= groupsMax);
  assert.equal(groups.flat().length, day.length);
  assert.ok(groups.every((group, index) => group.every(({ second }) => Math.floor(second / size) === index)));
});

test('timeCharts() names what was not measured instead of drawing it as nothing', () => {
  const { figures, missing } = timeCharts(sparseRun());
  assert.deepEqual(
    missing.filter((title) => /Pool|Garbage|CPU|memory|Requests/.test(title)),
    [
      'Requests a second',
      'Pool queue depth',
      'Garbage collection, milliseconds a second',
      'CPU of the nodes, in cores',
      'Resident memory of the nodes',
    ],
  );
  assert.ok(figures.some(({ title }) => title === 'Operations in flight in the nodes'));
});

test('timeCharts() of a long run has few points and says of how many seconds each is', () => {
  const { figures, secondsPerPoint } = timeCharts(heldRun({ seconds: 1000, rate: 5 }));
  assert.equal(secondsPerPoint, 5);
  for (const { chart } of figures) assert.ok(chart.kind === 'lines' && chart.x.values.length === 200);
});

test('timeCharts() shows what a node said of a second at the end of that second, as it does with the client', () => {
  const run = heldRun({ seconds: 10, stallSecond: 6 });
  const { figures } = timeCharts(run);
  const valuesOf = (title: string): readonly (number | null)[] => {
    const chart = figures.find((figure) => figure.title.startsWith(title))?.chart;
    assert.ok(chart?.kind === 'lines');
    assert.deepEqual(chart.x.values, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    return (title.startsWith('Requests') ? chart.series[1] : chart.series[0])?.values ?? [];
  };
  assert.equal(valuesOf('Requests a second')[6], 0);
  assert.equal(valuesOf('Operations in flight')[6], 640);
  assert.equal(valuesOf('LMDB commit wait')[6], 980);
});

test('the table behind a chart has the figures of the chart', () => {
  const { seconds } = heldRun({ seconds: 3 });
  const latency = sumOf(seconds.map((second) => second.latency));
  const { rows, columns } = chartTable('Latency', percentileChart([{ label: 'run', latency }]));
  assert.deepEqual(
    columns.map(({ title }) => title),
    ['Percentile', 'run'],
  );
  const row = rows.find(([name]) => name === '99%');
  assert.deepEqual(row, ['99%', percentileUs(latency, 99)]);
});

for (const [index, theme] of (['light', 'dark'] as const).entries()) {
  test(`the ${theme} colours are told from their ground`, () => {
    const value = (name: keyof typeof palette): string => palette[name][index] ?? '';
    for (const ground of ['page', 'panel'] as const) {
      for (const text of ['text', 'quiet', 'link', 'good', 'warn', 'bad'] as const) {
        assert.ok(contrast(value(text), value(ground)) >= 4.5, `${text} on ${ground}`);
      }
    }
    for (const tone of ['good', 'warn', 'bad'] as const) {
      assert.ok(contrast(value(tone), value(`${tone}-ground`)) >= 4.5, tone);
      assert.ok(contrast(value('text'), value(`${tone}-ground`)) >= 4.5, `text on ${tone}`);
    }
    for (const name of Object.keys(palette).filter((one) => one.startsWith('series-'))) {
      assert.ok(contrast(value(name as keyof typeof palette), value('page')) >= 3, name);
    }
  });

  test(`the steps of the ${theme} heat map rise evenly from the ground`, () => {
    const contrasts = heatSteps[theme].map((step) => contrast(step, palette.page[index] ?? ''));
    assert.deepEqual(
      contrasts,
      contrasts.toSorted((a, b) => a - b),
    );
  });
}
