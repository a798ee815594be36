/** The report of a comparison, opened the way people open it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { gateOf } from '../../../profiling/compare/gate.ts';
import { formatRatio } from '../../../profiling/compare/format.ts';
import { measureKinds, type CompareResult, type Spread } from '../../../profiling/result/compare.ts';
import { percentileUs, sumOf } from '../../../profiling/load/histogram.ts';
import { renderCompareReport } from '../../../profiling/report/compare-report.ts';
import { quantity, typeset, type Unit } from '../../../profiling/result/quantity.ts';
import { heldRun, invalidRun } from '../../support/bench-results.ts';
import { sharedBrowser, skipWithoutChromium as skip } from '../../support/browser.ts';
import { comparedModes, comparison, profiledComparison } from '../../support/compare-results.ts';
import { assertFits, assertReadable, assertStructured } from '../../support/report-page.ts';

const open = sharedBrowser();
const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\'&';

/** The cells of the table with this caption, by row, each trimmed. */
async function cells(page: Page, caption: string): Promise<string[][]> {
  const rows = await page.evaluate<string[][] | null>(`(() => {
    const found = [...document.querySelectorAll('caption')].find((one) => one.textContent.trim() === ${JSON.stringify(caption)});
    return found && [...found.closest('table').rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim().replace(/\\s+/g, ' ')));
  })()`);
  assert.ok(rows, `no table "${caption}"`);
  return rows;
}

async function row(page: Page, caption: string, head: string): Promise<string[]> {
  const found = (await cells(page, caption)).find(([first]) => first === head);
  assert.ok(found, `no row "${head}" in "${caption}"`);
  return found.slice(1);
}

/** As the browser gives white space back. */
const plain = (text: string): string => text.replace(/\s+/g, ' ');

/** How many pixels of each chart's canvas were drawn in a colour, not in the greys of the grid. */
function colouredPixels(page: Page): Promise<number[]> {
  return page.evaluate<number[]>(`[...document.querySelectorAll('figure canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue, alpha] = data.subarray(at, at + 4);
      if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 80) count++;
    }
    return count;
  })`);
}

function rowOf(result: CompareResult, subject: string, point: string): CompareResult['summary'][number] {
  const found = result.summary.find((one) => {
    return one.subject === subject && one.op === 'put' && JSON.stringify(one.point).includes(point);
  });
  assert.ok(found);
  return found;
}

/** All of them are in one unit here. */
function spreadText(spread: Spread | null, unit: Unit): string {
  assert.ok(spread);
  const [median = '', min = '', max = ''] = [spread.median, spread.min, spread.max].map((value) =>
    quantity(value, unit),
  );
  return plain(min === max && min === median ? median : `${median} (${min.replace(/\s?\D+$/, '')} to ${max})`);
}

test('the sentences come first, then each operation, then how it was measured', { skip }, async () => {
  const result = comparison();
  const { page, complaints } = await open(await renderCompareReport(result));
  assert.deepEqual(await page.locator('main h2').allInnerTexts(), [
    'sync → async',
    'async → batched',
    'PUT',
    'GET',
    'How it was measured',
  ]);
  const sentences = result.steps.flatMap((step) => step.sentences).map((sentence) => plain(typeset(sentence)));
  const said = (await page.locator('.bought .lead, .bought li').allInnerTexts()).map(plain);
  assert.deepEqual(said, sentences);
  assert.match(said[0] ?? '', /^PUT: async holds 800\/s, sync 400\/s: 2 times as much$/);
  assert.ok(said.some((sentence) => sentence.includes('no difference seen in')));
  const rule = await page.locator('.bought > .quiet').innerText();
  assert.match(
    rule,
    /ranges of the rounds do not overlap; with 3 rounds chance alone does that in 1 of 10 measures\.$/,
  );
  assert.equal(await page.getByText('CUT SHORT').count(), 0);
  assert.deepEqual(complaints, []);
});

test('the maxima stand with their ranges and with what failed above them', { skip }, async () => {
  const { page, complaints } = await open(await renderCompareReport(comparison()));
  const thin = (text: string): string => plain(text.replaceAll(',', '\u202f'));
  assert.deepEqual((await cells(page, 'Highest rate held, PUT')).slice(1), [
    ['sync', '400', '380', '420', '3'],
    ['async', '800', '700', '820', '3'],
    ['batched', thin('2,400'), thin('2,200'), thin('2,500'), '3'],
  ]);
  assert.deepEqual((await cells(page, 'Highest rates held and what is above them, PUT')).slice(1), [
    ['sync', '400/s (380 to 420/s)', '760', 'p99 80 ms over 50 ms'],
    ['async', '800/s (700 to 820/s)', thin('1,400'), 'p99 80 ms over 50 ms'],
    ['batched', thin('2,400/s (2,200 to 2,500/s)'), thin('4,400'), 'p99 80 ms over 50 ms'],
  ]);
  const bars = await page.evaluate<number[]>(`(() => {
    const figure = [...document.querySelectorAll('figure')].find((one) => one.innerText.startsWith('Highest rate held, PUT'));
    return [...figure.querySelectorAll('.track')].map((track) => {
      return track.querySelector('.bar').offsetWidth / track.offsetWidth;
    });
  })()`);
  for (const [index, median] of [400, 800, 2400].entries()) {
    assert.ok(Math.abs((bars[index] ?? 0) - median / 2500) < 0.01, `${bars.join()} of ${median}`);
  }
  assert.deepEqual(complaints, []);
});

test('the tables hold the medians, the ranges and what each step changed', { skip }, async () => {
  const result = comparison();
  const { page, complaints } = await open(await renderCompareReport(result));
  const caption = 'PUT at 200/s: median and range of the rounds';
  const rows = comparedModes.map((mode) => rowOf(result, mode, '200'));
  const heads = (await cells(page, caption)).map(([head]) => head);
  for (const { title } of Object.values(measureKinds)) assert.ok(heads.includes(title), title);
  const cpu = await row(page, caption, 'CPU a request, all nodes');
  assert.deepEqual(
    cpu.slice(0, 3),
    rows.map(({ measures }) => spreadText(measures.cpuUs, 'us')),
  );
  const memory = await row(page, caption, 'Resident memory, all nodes');
  assert.deepEqual(memory, [
    ...rows.map(({ measures }) => spreadText(measures.residentBytes, 'bytes')),
    ...same,
    ...same,
  ]);
  const [, , , step] = await row(page, caption, 'Latency p50');
  const ratio = (rows[1]?.measures.p50Us?.median ?? 0) / (rows[0]?.measures.p50Us?.median ?? 1);
  assert.match(formatRatio(ratio), /less$/);
  assert.equal(step, `−${plain(quantity(Number(((1 - ratio) * 100).toFixed(1)), 'count'))}%`);
  assert.deepEqual(
    (await row(page, caption, 'Rounds')).slice(0, 3),
    Array.from({ length: 3 }, () => '3 of 3 held'),
  );
  assert.deepEqual(complaints, []);
});

const same = ['no difference seen'];

test('latencies of a rate that was missed get no verdict', { skip }, async () => {
  const { page } = await open(await renderCompareReport(comparison()));
  const caption = 'PUT at 600/s: median and range of the rounds';
  assert.deepEqual((await row(page, caption, 'Rounds')).slice(0, 3), [
    '0 of 3 held, 3 missed',
    '3 of 3 held',
    '3 of 3 held',
  ]);
  const [, , , first, second] = await row(page, caption, 'Latency p99');
  assert.equal(first, 'no verdict: rate not held');
  assert.notEqual(second, 'no verdict: rate not held');
  const note = page.getByText('Not held in every round by sync: its latency says how long the run was');
  assert.equal(await note.count(), 2);
});

test('latency overlays draw a line for each mode, of the rounds pooled, with a table behind', { skip }, async () => {
  const result = comparison();
  const { page, complaints } = await open(await renderCompareReport(result));
  const pooled = comparedModes.map((mode) => {
    const rounds = result.runs.filter((run) => run.subject === mode && run.op === 'put' && run.point.kind === 'share');
    return sumOf(rounds.map((run) => run.result.latency));
  });
  const caption = 'Latency by percentile, PUT at 60% of its own maximum';
  const table = await cells(page, caption);
  assert.deepEqual(
    table[0]?.map((head) => head.replace(/ ms$/, '')),
    ['Percentile', 'sync at 240/s', 'async at 480/s', plain('batched at 1\u202f440/s')],
  );
  for (const [head, percent] of [
    ['50%', 50],
    ['90%', 90],
    ['99%', 99],
  ] as const) {
    const expected = pooled.map((counts) => (percentileUs(counts, percent) / 1000).toFixed(3));
    assert.deepEqual(await row(page, caption, head), expected);
  }
  assert.equal(await page.getByText('The requests of 3 rounds, pooled.').count(), 6);
  const drawn = await colouredPixels(page);
  assert.equal(drawn.length, 6);
  for (const pixels of drawn) assert.ok(pixels > 500, drawn.join());
  const legend = page.locator('figure:has(.chart)').first().locator('.legend button[aria-pressed]');
  assert.deepEqual(await legend.allInnerTexts().then((all) => all.map((text) => text.trim())), comparedModes);
  assert.deepEqual(complaints, []);
});

test('CPU a request is stacked by node and thread', { skip }, async () => {
  const result = comparison();
  const { page } = await open(await renderCompareReport(result));
  const caption = 'CPU a request by node and thread, PUT';
  const [head = [], ...body] = await cells(page, caption);
  assert.deepEqual(
    head.map((title) => title.replace(/ µs$/, '')),
    [
      '',
      'All',
      ...['n1', 'n2', 'n3'].flatMap((node) =>
        ['main', 'worker 1', 'worker 2', 'worker 3', 'native'].map((thread) => `${node} ${thread}`),
      ),
    ],
  );
  const sync = rowOf(result, 'sync', '200').threads;
  const known = sync.find(({ node, thread }) => node === 'n2' && thread === 'native');
  assert.equal(body[0]?.[0], '200/s: sync');
  assert.equal(body[0]?.[head.indexOf('n2 native µs')], (known?.cpuUs.median ?? 0).toFixed(1));
  assert.equal(body[0]?.[1], sync.reduce((sum, { cpuUs }) => sum + cpuUs.median, 0).toFixed(1));
  assert.equal(body[1]?.[head.indexOf('n1 worker 2 µs')], '–');
  const figure = page.locator('figure', { hasText: caption });
  assert.equal(await figure.locator('.part').count(), 3 * (15 + 9 + 9));
  assert.deepEqual(await figure.locator('.sections').first().locator('span').allTextContents(), ['n1', 'n2', 'n3']);
});

test('what was not measured says so, and invalid rounds are left out', { skip }, async () => {
  const result = comparison({
    change: ({ subject, round, result: run }) => {
      if (subject === 'sync') return { ...run, nodes: [] };
      return subject === 'batched' && round === 1
        ? { ...invalidRun({ rate: 100, seconds: 1 }), workload: run.workload }
        : run;
    },
  });
  const { page, complaints } = await open(await renderCompareReport(result));
  const caption = 'PUT at 200/s: median and range of the rounds';
  assert.deepEqual((await row(page, caption, 'CPU a request, all nodes')).slice(0, 1), ['not measured']);
  assert.deepEqual((await row(page, caption, 'CPU a request, n1 main')).slice(0, 1), ['not measured']);
  assert.deepEqual((await row(page, 'CPU a request by node and thread, PUT', '200/s: sync')).slice(0, 2), [
    'not measured',
    'not measured',
  ]);
  assert.equal((await row(page, caption, 'Rounds'))[2], '2 of 3 held, 1 INVALID');
  assert.match(
    await page.locator('.note').first().innerText(),
    /^INVALID The load generator could not keep the rate, .*: batched PUT at 200\/s \(1 of 3 rounds\), batched PUT at 600/,
  );
  assert.equal(await page.getByText('Rounds pooled: sync 3, async 3, batched 2.').count(), 6);
  assert.equal(
    (await row(page, 'Where it ran (≠: the columns differ)', 'CPU while idle, all nodes ≠'))[0],
    'not measured',
  );
  assert.deepEqual(complaints, []);
});

test('one that was interrupted says so, also where nothing can be compared', { skip }, async () => {
  const { page } = await open(await renderCompareReport(comparison({ cutShort: true })));
  assert.match(await page.locator('.note').first().innerText(), /^CUT SHORT /);
  const empty = { ...comparison({ cutShort: true }), searches: [], runs: [], summary: [], steps: [] };
  const opened = await open(await renderCompareReport(empty));
  assert.match(await opened.page.locator('main').innerText(), /Nothing to compare/);
  assert.deepEqual(opened.complaints, []);
});

test('files of earlier versions, which told less of the cluster, are shown', { skip }, async () => {
  const old = comparison();
  const subjects = old.subjects.map(({ environment, ...subject }) => {
    const { store: _, changedSettings: __, ...told } = environment;
    return { ...subject, environment: told as typeof environment };
  });
  const { page, complaints } = await open(await renderCompareReport({ ...old, subjects }));
  assert.deepEqual(
    await row(page, 'Where it ran (≠: the columns differ)', 'Store: keys'),
    Array(3).fill('not measured'),
  );
  assert.deepEqual(complaints, []);
});

test('a regression is the first thing said, with what got worse', { skip }, async () => {
  const result = comparison();
  const gate = gateOf(result, 0.1);
  const { page, complaints } = await open(await renderCompareReport({ ...result, gate }));
  assert.match(
    await page.locator('.verdict.held').innerText(),
    /^NO REGRESSION by more than 10% beyond the ranges, 16 loads$/,
  );
  const [first, ...others] = gate.loads;
  assert.ok(first !== undefined);
  const worse = { ...gate, loads: [{ ...first, regressions: ['Latency p99 31% more'] }, ...others] };
  const opened = await open(await renderCompareReport({ ...result, gate: worse }));
  assert.match(await opened.page.locator('main').innerText(), /^\s*REGRESSED by more than 10% under 1 of 16 loads/);
  const told = await cells(opened.page, 'What got worse beyond the bound and the ranges, or could not be judged');
  assert.deepEqual(told[1], ['sync → async', 'PUT, highest rate', 'Latency p99 31% more']);
  assert.deepEqual([...complaints, ...opened.complaints], []);
});

test('what failed is said first, with the mode', { skip }, async () => {
  const failures = ['async: Cannot fill: <no room>'];
  const { page, complaints } = await open(await renderCompareReport({ ...comparison(), failures }));
  assert.equal(await page.locator('.note').first().innerText(), 'FAILED async: Cannot fill: <no room>');
  assert.deepEqual(complaints, []);
});

test('searches, environments and the command to repeat it stand at the end', { skip }, async () => {
  const result = comparison();
  const { page } = await open(await renderCompareReport(result));
  await page.getByText('Search for the maximum of async, GET', { exact: true }).click();
  const steps = await cells(page, 'Search for the maximum of async, GET: the runs tried, in order');
  assert.equal(steps.length, 1 + 9);
  assert.deepEqual(await row(page, 'Where it ran (≠: the columns differ)', 'Cluster: mode ≠'), comparedModes);
  assert.deepEqual(await row(page, 'What was sent', 'Common rates'), ['200/s, 600/s']);
  assert.deepEqual(await page.locator('.copyable pre').allInnerTexts(), [result.command]);
});

test('compared files tell their paths and the commands of their runs', { skip }, async () => {
  const [one, other] = ['kvorum bench --rate 1', 'kvorum bench --rate 2'];
  const result = comparison({ change: (run) => ({ ...run.result, command: run.subject === 'sync' ? one : other }) });
  const { page } = await open(await renderCompareReport({ ...result, settings: null }));
  assert.deepEqual(await row(page, 'Where it ran (≠: the columns differ)', 'File ≠'), comparedModes);
  assert.deepEqual(await page.locator('.copyable pre').allInnerTexts(), [one, other, result.command]);
});

test('profiles come with their sentences, their costs and links to their reports', { skip }, async () => {
  const { page, complaints } = await open(await renderCompareReport(profiledComparison('out/profiles of 1 #2')));
  assert.equal(await page.getByText(/24% less CPU \(310\sµs against 411\sµs\)/).count(), 1);
  const [head, sync, async] = await cells(page, 'What a request cost the whole cluster under the profilers');
  assert.equal(head?.length, 9);
  assert.deepEqual(sync?.map(plain), [
    'sync',
    'put',
    '240',
    '410.5',
    plain('51\u202f234'),
    plain('7\u202f000'),
    '41.5',
    '12.3',
    'not measured',
  ]);
  assert.equal(async?.at(-1), '3.5');
  const links = page.locator('a[href$="report.html"]');
  assert.deepEqual(
    await links.allInnerTexts(),
    comparedModes.map((mode) => `out/profiles of 1 #2/${mode}/report.html`),
  );
  const resolved = await page.evaluate<string>(`document.querySelector('a[href$="report.html"]').href`);
  const base = page.url().replace(/[^/]*$/, '');
  assert.equal(resolved, `${base}out/profiles%20of%201%20%232/sync/report.html`);
  assert.deepEqual(complaints, []);
});

test('hostile names stay text, and no directory becomes a script or another host', { skip }, async () => {
  const result = profiledComparison('javascript:alert(1)', { names: [hostile, `${hostile}2`, 'x'.repeat(300)] });
  const searches = result.searches.map((search) => ({
    ...search,
    steps: search.steps.map((step) => ({ ...step, reason: hostile })),
  }));
  const changed = { ...result, searches, command: hostile, profileSentences: [hostile] };
  for (const width of [1280, 400]) {
    const { page, complaints } = await open(await renderCompareReport(changed), { viewport: { width, height: 900 } });
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.locator('.copyable pre').last().innerText(), hostile);
    assert.equal(await page.locator('.bars .name').first().innerText(), hostile);
    const protocols = await page.evaluate<string[]>(`[...document.links].map((link) => link.protocol)`);
    assert.deepEqual(new Set(protocols), new Set(['file:']));
    await assertFits(page);
    assert.deepEqual(complaints, []);
  }
  const rooted = {
    ...result,
    profiles: result.profiles?.map((one) => ({ ...one, directory: '//example.org/x' })) ?? [],
  };
  const opened = await open(await renderCompareReport(rooted));
  assert.equal(await opened.page.evaluate('document.links[0].href'), 'file:///example.org/x/report.html');
});

for (const width of [400, 1280]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`it is readable ${width} pixels wide in ${colorScheme} colours`, { skip }, async () => {
      const options = { viewport: { width, height: 900 }, colorScheme };
      const { page, complaints } = await open(await renderCompareReport(profiledComparison('profiles')), options);
      await assertFits(page);
      await assertReadable(page);
      await assertStructured(page);
      for (const pixels of await colouredPixels(page)) assert.ok(pixels > 300);
      const narrowest = await page.evaluate<number>(
        `Math.min(...[...document.querySelectorAll('.bars .track')].map((track) => track.offsetWidth))`,
      );
      assert.ok(narrowest >= 90, `a bar has ${narrowest} px`);
      assert.deepEqual(complaints, []);
    });
  }
}

test('a comparison of one round of one run renders too', { skip }, async () => {
  const whole = comparison();
  const run = { ...whole.runs[0], result: heldRun({ rate: 10, seconds: 1 }) } as CompareResult['runs'][number];
  const result = { ...whole, runs: [run], summary: whole.summary.slice(0, 1), searches: [], steps: [] };
  const { page, complaints } = await open(await renderCompareReport(result));
  assert.equal(await page.getByText('Rounds pooled: sync 1, async none, batched none.').count(), 1);
  assert.deepEqual(complaints, []);
});
