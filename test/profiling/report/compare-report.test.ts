/** Reports of comparisons, opened the way people open them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { renderCompareReport } from '../../../profiling/report/compare-report.ts';
import { sharedBrowser, skipWithoutChromium } from '../../support/browser.ts';
import { comparison } from '../../support/compare-results.ts';
import { assertDrawn, assertFits, assertReadable, assertStructured, tableCells } from '../../support/report-page.ts';

const skip = skipWithoutChromium;
const open = sharedBrowser();

test('a comparison: what each step bought first, then pictures with tables', { skip }, async () => {
  const result = comparison();
  const { page, complaints } = await open(await renderCompareReport(result));
  assert.deepEqual(complaints, []);
  const text = (await page.locator('main').innerText()).replaceAll('\u202f', ' ');
  assert.match(text, /^\s*sync → async\s+PUT: async holds 3 040\/s, sync 1 040\/s: 2.92 times as much/);
  assert.match(text, /with 3 rounds chance alone does that in 1 of 10 measures/);
  // Two loads of two operations.
  await assertDrawn(page, 4);
  await assertStructured(page);
  await assertReadable(page);
  assert.deepEqual(await tableCells(page, 'Highest rate held, PUT'), [
    ['', 'Median /s', 'Least /s', 'Most /s', 'Rounds'],
    ['sync', '1 040', '1 000', '1 080', '3'],
    ['async', '3 040', '3 000', '3 080', '3'],
    ['batched', '12 040', '12 000', '12 080', '3'],
  ]);
  const cpu = await tableCells(page, 'CPU a request by thread, PUT');
  assert.deepEqual(cpu[0]?.slice(0, 6), ['', 'main µs', 'worker 1 µs', 'worker 2 µs', 'worker 3 µs', 'native µs']);
  assert.deepEqual(cpu[2]?.slice(3, 5), ['–', '–']);
  const measures = await tableCells(page, 'PUT at 300/s: median');
  assert.deepEqual(measures[0], ['', 'sync', 'async', 'batched', 'sync → async', 'async → batched']);
  assert.deepEqual(measures.find(([name]) => name === 'Bytes between nodes a request')?.slice(4), [
    'no difference seen',
    'no difference seen',
  ]);
  assert.equal((await page.locator('.copyable pre').innerText()).trim(), result.command);
});

test('runs that say nothing, a cut, and a single round are told', { skip }, async () => {
  const { page, complaints } = await open(
    await renderCompareReport(comparison({ rounds: 1, ops: ['put'], cutShort: true, invalidMode: 'async' })),
  );
  assert.deepEqual(complaints, []);
  const text = await page.locator('main').innerText();
  assert.match(text, /^\s*CUT SHORT/);
  assert.match(text, /INVALID In 2 runs/);
  assert.match(text, /that needs two rounds or more/);
  assert.match(text, /not measured/);
});

test('nothing measured at all still gives a page', { skip }, async () => {
  const empty = { ...comparison({ ops: [] }), subjects: [], settings: null };
  const { page, complaints } = await open(await renderCompareReport(empty));
  assert.deepEqual(complaints, []);
  assert.match(await page.locator('main').innerText(), /Nothing to compare/);
});

test('on a phone in dark colours it fits and reads, whatever the subjects are called', { skip }, async () => {
  const hostile = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>';
  const { page, complaints } = await open(
    await renderCompareReport(comparison({ modes: ['batched', hostile], ops: ['put'], rounds: 2 })),
    { colorScheme: 'dark', viewport: { width: 400, height: 800 } },
  );
  assert.deepEqual(complaints, []);
  await assertFits(page);
  await assertReadable(page);
  assert.equal(await page.locator('img').count(), 0);
});
