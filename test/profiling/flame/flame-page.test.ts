/** Flame graphs as people use them: in a browser, by pointer and by keyboard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { flameData } from '../../../profiling/flame/flame-data.ts';
import { plain } from '../../../profiling/result/quantity.ts';
import { sharedBrowser, skipWithoutChromium as skip, type OpenedPage } from '../../support/browser.ts';
import { renderFlamePage } from '../../support/flame-page.ts';
import { baselineRun, putRun, source } from './flame-fixture.ts';

const open = sharedBrowser();
const rowPixels = 20;

async function openGraph(isCompared = false, options = {}): Promise<OpenedPage> {
  const data = flameData(putRun, isCompared ? { baseline: baselineRun } : {});
  return open(await renderFlamePage({ title: 'Flames', parts: [{ title: 'PUT', data }] }), options);
}

/** The middle of a frame: of 1, the whole width, in row `row`. */
async function placeOf(page: Page, share: number, row: number): Promise<{ x: number; y: number }> {
  const box = await page.locator('.flame-stage canvas').boundingBox();
  assert.ok(box);
  return { x: box.width * share, y: row * rowPixels + rowPixels / 2 };
}

async function hover(page: Page, share: number, row: number): Promise<string> {
  await page.locator('.flame-stage canvas').hover({ position: await placeOf(page, share, row) });
  return plain(await page.locator('.flame-tip').innerText());
}

async function click(page: Page, share: number, row: number): Promise<void> {
  await page.locator('.flame-stage canvas').click({ position: await placeOf(page, share, row) });
}

async function colourAt(page: Page, share: number, row: number): Promise<number[]> {
  const { x, y } = await placeOf(page, share, row);
  return page.evaluate<number[]>(`(() => {
    const canvas = document.querySelector('.flame-stage canvas');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const scale = devicePixelRatio;
    // Beside the letters.
    return [...copy.getImageData(${x} * scale, (${y} - 8) * scale, 1, 1).data].slice(0, 3);
  })()`);
}

const said = async (page: Page): Promise<string> => plain(await page.locator('.flame-said').innerText());
const caption = (page: Page): Promise<string> => page.locator('.flame-table caption').innerText();
const firstRow = async (page: Page): Promise<string> =>
  plain(await page.locator('.flame-table tbody tr').first().innerText());

test('a frame tells its function, its file, its part and what it costs', { skip }, async () => {
  const { page, complaints } = await openGraph();
  const tip = (await hover(page, 0.2, 2)).split('\n');
  assert.deepEqual(tip, [
    'merge',
    'workers/store/store.ts:166 · Storage',
    'Total 450 us, 45.0%',
    'Self 50 us, 5.0%',
    '45 us a request in total, 5 us a request in itself',
  ]);
  assert.match(await hover(page, 0.95, 1), /garbage collector/);
  await page.mouse.move(5, 5);
  assert.equal(await page.locator('.flame-tip').isVisible(), false);
  assert.deepEqual(complaints, []);
});

test('a click zooms to a frame, a click on its caller or the button leads back', { skip }, async () => {
  const { page, complaints } = await openGraph();
  const whole = page.getByRole('button', { name: 'Whole graph' });
  assert.equal(await whole.isDisabled(), true);
  await click(page, 0.2, 2);
  assert.match(await hover(page, 0.9, 2), /^merge/);
  assert.match(await hover(page, 0.5, 3), /transactionSync[^]*88\.9% of merge/);
  assert.match(await caption(page), /below merge/);
  await click(page, 0.9, 1);
  assert.match(await hover(page, 0.5, 2), /^merge/);
  assert.match(await caption(page), /below turn/);
  await whole.click();
  assert.match(await hover(page, 0.7, 1), /^onStreamRead/);
  assert.deepEqual(complaints, []);
});

test('tabs change between CPU and allocation, and the list between threads', { skip }, async () => {
  const { page, complaints } = await openGraph();
  await page.getByRole('tab', { name: 'CPU' }).press('ArrowRight');
  assert.equal(await page.getByRole('tab', { name: 'Allocation' }).getAttribute('aria-selected'), 'true');
  assert.match(await hover(page, 0.2, 2), /merge[^]*Total 6 KiB, 75\.0%[^]*307 B a request/);
  await page.getByLabel('Threads', { exact: true }).selectOption('n1, main');
  assert.match(await hover(page, 0.5, 2), /#route[^]*100\.0%/);
  await page.getByRole('tab', { name: 'CPU' }).click();
  assert.equal(await page.locator('.flame-row option:checked').first().textContent(), 'n1, main');
  assert.match(await hover(page, 0.2, 2), /#route[^]*Total 300 us, 75\.0%/);
  assert.deepEqual(complaints, []);
});

test('search says what the matches weigh, and takes what is no pattern as text', { skip }, async () => {
  const { page, complaints } = await openGraph();
  const search = page.getByLabel('Search');
  await search.fill('STORE\\.ts|parse');
  assert.equal(await said(page), 'Matched 50.0%, 50 us a request');
  await search.fill('(garbage');
  assert.equal(await said(page), 'Matched 10.0%, 10 us a request');
  await search.fill('nothing has this name');
  assert.equal(await said(page), 'Matched 0%, 0 a request');
  await search.fill('');
  assert.equal(await said(page), '');
  await page.getByRole('button', { name: /^Storage/ }).click();
  assert.equal(await said(page), 'Matched 45.0%, 45 us a request');
  assert.deepEqual(complaints, []);
});

test('the keyboard walks through the graph, zooms and is told what it stands on', { skip }, async () => {
  const { page, complaints } = await openGraph();
  const canvas = page.locator('.flame-stage canvas');
  const spoken = (): Promise<string> => page.locator('.flame-spoken').innerText();
  await canvas.focus();
  const walk = [
    'ArrowDown',
    'ArrowDown',
    'ArrowDown',
    'ArrowUp',
    'ArrowRight',
    'ArrowRight',
    'ArrowRight',
    'ArrowLeft',
  ];
  const names: (string | undefined)[] = [];
  for (const key of walk) {
    await canvas.press(key);
    names.push((await spoken()).split('.')[0]);
  }
  const middle = 'onStreamRead';
  assert.deepEqual(names, [
    'all',
    'turn',
    'merge',
    'turn',
    middle,
    '(garbage collector)',
    '(garbage collector)',
    middle,
  ]);
  await canvas.press('Enter');
  assert.match(await caption(page), /below onStreamRead/);
  await canvas.press('ArrowDown');
  assert.match(await spoken(), /^#route\. src\/http\/server\.ts:80/);
  await canvas.press('Escape');
  assert.doesNotMatch(await caption(page), /below/);
  assert.deepEqual(complaints, []);
});

test('the table is ordered by what is chosen, and its functions are found in the graph', { skip }, async () => {
  const { page, complaints } = await openGraph();
  assert.match(await firstRow(page), /^transactionSync\s*lmdb\/write\.js:972\s*Storage\s*400 us\s*40\.0%/);
  await page.getByRole('button', { name: 'Total' }).press('Enter');
  assert.match(await firstRow(page), /^turn/);
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Total');
  await page.getByRole('button', { name: /^merge/ }).click();
  assert.equal(await said(page), 'Matched 45.0%, 45 us a request');
  assert.deepEqual(complaints, []);
});

test('a comparison shows what grew, what shrank, and what is gone', { skip }, async () => {
  const { page, complaints } = await openGraph(true);
  const isRed = ([red = 0, , blue = 0]: number[]): boolean => red > blue + 40;
  const isGrey = ([red = 0, , blue = 0]: number[]): boolean => Math.abs(red - blue) < 25;
  assert.match(await hover(page, 0.2, 2), /before: 224 us, 22\.4 us a request; change \+101%/);
  await page.mouse.move(5, 5);
  assert.ok(isRed(await colourAt(page, 0.2, 2)), String(await colourAt(page, 0.2, 2)));
  assert.ok(isGrey(await colourAt(page, 0.7, 1)), String(await colourAt(page, 0.7, 1)));
  await page.getByLabel('Widths').selectOption('baseline (before)');
  assert.match(await hover(page, 0.9, 1), /^old[^]*change gone/);
  await page.mouse.move(5, 5);
  const [red = 0, , blue = 0] = await colourAt(page, 0.9, 1);
  assert.ok(blue > red + 40);
  await page.getByLabel('Colours show the change').uncheck();
  assert.ok(await page.getByRole('button', { name: /^Storage/ }).isVisible());
  await page.getByRole('button', { name: 'Change of self' }).click();
  assert.match(await firstRow(page), /^transactionSync[^]*\+400 us\s*new/);
  assert.deepEqual(complaints, []);
});

test('dark and light differ, and a change of colours draws anew', { skip }, async () => {
  const { page, complaints } = await openGraph(false, { colorScheme: 'dark' });
  const dark = await colourAt(page, 0.2, 2);
  await page.getByRole('button', { name: 'Light colours' }).click();
  assert.notDeepEqual(await colourAt(page, 0.2, 2), dark);
  assert.deepEqual(complaints, []);
});

test('on a narrow screen nothing reaches beyond its edges', { skip }, async () => {
  const { page, complaints } = await openGraph(true, { viewport: { width: 360, height: 740 } });
  const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  assert.equal(await page.evaluate(overflow), 0);
  for (const share of [0.02, 0.98]) {
    await hover(page, share, 1);
    const tip = await page.locator('.flame-tip').boundingBox();
    assert.ok(tip !== null && tip.x >= 0 && tip.x + tip.width <= 360, JSON.stringify(tip));
  }
  assert.deepEqual(complaints, []);
});

test('without scripts the heaviest functions stand there as a table', { skip }, async () => {
  const { page } = await openGraph(false, { javaScriptEnabled: false });
  assert.match(
    plain(await page.locator('.flame tbody tr').first().innerText()),
    /^transactionSync lmdb\/write\.js:972\s*Storage\t400 us\t40\.0%/,
  );
});

test('a function with a hostile name stays text, and two graphs stand on a page', { skip }, async () => {
  const name = '<img/src=x/onerror=alert(1)>';
  const run = { label: name, requests: {}, sources: [source('cpu', name, name, { [name]: 10 })] };
  const parts = ['PUT', 'GET'].map((title) => ({ title, data: flameData(run, { baseline: run }) }));
  const { page, complaints } = await open(await renderFlamePage({ title: name, parts }));
  assert.equal(await page.locator('.flame-stage canvas').count(), 2);
  assert.equal(await page.locator('.flame-table tbody tr').first().locator('button').innerText(), name);
  assert.equal(await page.locator('img').count(), 0);
  assert.deepEqual(complaints, []);
});
