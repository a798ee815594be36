/** Reports of load runs, opened the way people open them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Page } from 'playwright-core';
import type { BenchResult } from '../../../profiling/load/result.ts';
import { searchVerdict } from '../../../profiling/load/find-max.ts';
import { sumOf } from '../../../profiling/load/histogram.ts';
import { benchMarkdown, renderBenchReport } from '../../../profiling/report/bench-report.ts';
import { cutShortRun, heldRun, invalidRun, searchedRun, sparseRun, withVerdict } from '../../support/bench-results.ts';
import { sharedBrowser, skipWithoutChromium } from '../../support/browser.ts';
import { assertDrawn, assertFits, assertReadable, assertStructured, tableCells } from '../../support/report-page.ts';

const skip = skipWithoutChromium;
const open = sharedBrowser();
const seconds = 6;

async function openReport(results: readonly BenchResult[], options = {}): Promise<Page> {
  const { page, complaints } = await open(await renderBenchReport(results), options);
  assert.deepEqual(complaints, []);
  return page;
}

test('without a result there is no report', async () => {
  await assert.rejects(renderBenchReport([]), /no result/);
});

test('a held run: verdict, figures, charts with their tables', { skip }, async () => {
  const run = heldRun({ seconds, stallSecond: 3, failedPerSecond: 2 });
  const page = await openReport([run]);
  assert.match(await page.locator('main').innerText(), /^\s*✓ HELD/);
  await assertDrawn(page, 12);
  await assertStructured(page);
  await assertReadable(page);
  assert.deepEqual((await tableCells(page, 'by status code')).slice(1), [
    ['201', 'written', '11 988', '99.9'],
    ['503', 'overloaded or not ready', '12', '0.1'],
  ]);
  const requests = await tableCells(page, 'Requests a second');
  assert.deepEqual(requests.slice(3, 6), [
    ['3', '2 000', '2 000'],
    ['4', '2 000', '0'],
    ['5', '2 000', '4 000'],
  ]);
  assert.deepEqual((await tableCells(page, 'Operations in flight'))[4], ['4', '640', '640', '640']);
  assert.equal((await tableCells(page, 'Threads, for each request')).length, 1 + 9);
  assert.ok((await page.locator('.copyable pre').innerText()).startsWith('kvorum bench --up 3'));
});

test('an invalid run is told apart at the top, in the title, and on every screen', { skip }, async () => {
  const page = await openReport([invalidRun({ seconds })]);
  assert.match(await page.title(), /^INVALID/);
  assert.match(await page.locator('main').innerText(), /^\s*INVALID RUN/);
  assert.match(await page.locator('.verdict').innerText(), /⚠ INVALID\s+Generator saturated/);
  await page.evaluate('scrollTo(0, document.body.scrollHeight)');
  assert.ok(await page.locator('.invalid-banner').isVisible());
  const place = await page.locator('.invalid-banner').boundingBox();
  assert.ok(place !== null && place.y >= 0 && place.y < 100, JSON.stringify(place));
});

test('a run that was cut short says so', { skip }, async () => {
  const page = await openReport([cutShortRun()]);
  assert.match(await page.locator('.verdict').innerText(), /CUT SHORT/);
  assert.match(await page.locator('.verdict').innerText(), /Interrupted after 10/);
});

test('what was not measured reads so, and is never 0', { skip }, async () => {
  const page = await openReport([sparseRun()]);
  const [, node] = await tableCells(page, 'Nodes over the');
  assert.deepEqual(node, ['n1', 'http://127.0.0.1:8080', ...Array.from({ length: 6 }, () => 'not measured')]);
  const text = await page.locator('main').innerText();
  assert.match(text, /Latency over time: not measured/);
  assert.match(text, /Not measured: .*Pool queue depth; Garbage collection/);
  assert.match(text, /CPU a request\s+not measured/);
});

test('runs laid over each other share the percentile chart, and each has its verdict', { skip }, async () => {
  const modes = [700, 1500, 3100].map((latencyUs, seed) => heldRun({ seconds, latencyUs, seed, label: `run ${seed}` }));
  const missed = withVerdict(modes[2] ?? heldRun(), 'missed', 'MISSED 2,000/s: 1,400/s answered (70%)');
  const page = await openReport([...modes.slice(0, 2), missed]);
  assert.deepEqual(
    (await tableCells(page, 'The runs beside each other')).slice(1).map(([name, verdict]) => [name, verdict]),
    [
      ['run 0', 'HELD'],
      ['run 1', 'HELD'],
      ['run 2', 'MISSED'],
    ],
  );
  assert.deepEqual((await tableCells(page, 'Latency by percentile'))[0], [
    'Percentile',
    ...[0, 1, 2].flatMap((run) => [`run ${run} ms`, `run ${run}, service time ms`]),
  ]);
  assert.match(await page.locator('.verdict.missed').innerText(), /▼ MISSED\s+2.000\/s: 1.400\/s answered/);
});

test('a search shows its runs by rate and in a table', { skip }, async () => {
  const page = await openReport([searchedRun()]);
  const rows = await tableCells(page, 'the runs tried, in order');
  assert.equal(rows.length, 1 + 8);
  assert.deepEqual(rows[6]?.slice(1, 3), ['12 000', '10 800']);
  assert.equal(rows[6]?.at(-1), 'p99 180 ms over 50 ms');
  assert.match(await page.locator('main').innerText(), /The highest rate held is 8.000\/s/);
});

test(
  'the page of a search leads with the rate found and why the next was not, then with the runs tried',
  { skip },
  async () => {
    const run = searchedRun();
    const verdict = searchVerdict(run, run.search ?? [], false);
    const page = await openReport([{ ...run, verdict, failure: 'the node died' }]);
    const text = (await page.locator('main').innerText()).replaceAll('\u202f', ' ');
    assert.match(text, /^\s*✓ HELD\s+At most 8 000\/s; not 10 000\/s: p99 64 ms over 50 ms\s+FAILED the node died/);
    assert.ok(text.indexOf('Search for the highest rate') < text.indexOf('Latency by percentile'));
  },
);

test('errors have a curve, a column and a figure of their own', { skip }, async () => {
  const run = heldRun({ seconds, failedPerSecond: 2 });
  const errorLatency = sumOf([{ count: 12, minUs: 300, maxUs: 300, sumUs: 3600, buckets: [300, 12] }]);
  const page = await openReport([{ ...run, errorLatency, totals: { ...run.totals, cut: 3 } }]);
  const text = (await page.locator('main').innerText()).replaceAll('\u202f', ' ');
  assert.match(text, /Errors\s+12\s+of 12 000 due, 3 cut\s+Errors, latency p50\s+300 µs/);
  const percentiles = await tableCells(page, 'Latency of good answers');
  assert.deepEqual(percentiles[0], ['Percentile', 'latency ms', 'errors ms', 'service time ms']);
  assert.equal(percentiles[1]?.[2], '0.300');
  assert.equal((await tableCells(page, 'Latency by percentile'))[0]?.length, 4);
});

test('the state of the cluster and what was asked are told', { skip }, async () => {
  const page = await openReport([heldRun({ seconds })]);
  const text = (await page.locator('main').innerText()).replaceAll('\u202f', ' ');
  assert.match(
    text,
    /The cluster before the load: 3 nodes, batched, fsync, n1: 90 000 keys and 10 000 in the log, 33 MiB on ext4, log-segment-bytes 8MiB\./,
  );
  assert.deepEqual(await tableCells(page, 'What was asked'), [
    ['Asked', 'Found', 'Kept'],
    ['at least 98% of 2000/s', '2000/s answered (100%)', '✓ kept'],
  ]);
});

test('benchMarkdown() has the verdict and its figures first, and folds the rest away', () => {
  const markdown = benchMarkdown(heldRun({ seconds, failedPerSecond: 2 }));
  assert.match(
    markdown,
    /^# Load bench: batched put 2000\/s\n\n\*\*HELD 2000\/s: p99 .* ms, no errors\*\*\n\n- Target rate: 2,000\/s/,
  );
  assert.match(markdown, /<details><summary>Nodes and requests<\/summary>\n\nNodes over the 6 s/);
  assert.equal(markdown.split('<details>').length, markdown.split('</details>').length);
});

test('hostile labels, commands and URLs are text', { skip }, async () => {
  const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)><!--';
  const run = heldRun({ seconds, label: hostile });
  const node = run.nodes[0] ?? assert.fail();
  const page = await openReport([
    {
      ...withVerdict(run, 'failed', hostile),
      command: hostile,
      statuses: [{ status: hostile, count: 1 }],
      nodes: [
        { ...node, url: hostile, series: node.series.map((one) => ({ ...one, utilization: { [hostile]: 0.5 } })) },
      ],
    },
    { ...run, label: `second ${hostile}` },
  ]);
  await assertDrawn(page, 12);
  assert.equal(await page.locator('img').count(), 0);
  assert.ok((await page.locator('h1').innerText()).includes(hostile));
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`on a phone in ${colorScheme} colours it fits and reads`, { skip }, async () => {
    const page = await openReport([invalidRun({ seconds })], { colorScheme, viewport: { width: 400, height: 800 } });
    await assertFits(page);
    await assertReadable(page);
    await assertDrawn(page, 12);
  });
}

test('charts follow the keyboard, the switch of colours, of lines and of the axis', { skip }, async () => {
  const page = await openReport([heldRun({ seconds })]);
  const figure = page.locator('figure', { hasText: 'Requests a second' });
  await figure.locator('.chart').focus();
  await page.keyboard.press('End');
  assert.equal((await figure.locator('.legend .at').innerText()).replace('\u202f', ' '), `at ${seconds} s`);
  const shared = page.locator('figure', { hasText: 'Pool queue depth' }).locator('.legend .at');
  assert.equal((await shared.innerText()).replace('\u202f', ' '), `at ${seconds} s`);

  const drawing = async (): Promise<string> =>
    figure.locator('canvas').evaluate((one) => (one as Drawable).toDataURL());
  const light = await drawing();
  await page.locator('#theme-toggle').press('Enter');
  assert.notEqual(await drawing(), light);
  const both = await drawing();
  await figure.getByRole('button', { name: 'completed' }).press('Enter');
  assert.equal(await figure.getByRole('button', { name: 'completed' }).getAttribute('aria-pressed'), 'false');
  await assert.doesNotReject(page.waitForFunction('true'));
  assert.notEqual(await drawing(), both);

  const byPercentile = page.locator('figure', { hasText: 'Latency by percentile' });
  await byPercentile.getByRole('button', { name: 'Linear axis' }).click();
  assert.ok(await byPercentile.getByRole('button', { name: 'Logarithmic axis' }).isVisible());

  const heat = page.locator('figure', { hasText: 'Latency over time' });
  await heat.locator('.chart').focus();
  await page.keyboard.press('ArrowRight');
  assert.match(await heat.locator('output').innerText(), /requests with .* in the 1 s until 1/);
  await assertReadable(page);
});

interface Drawable {
  toDataURL(): string;
}
