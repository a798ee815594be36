import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { waitStages } from '../../../src/waits/wait-stages.ts';
import type { RecordedOperation, WaitRecording } from '../../../src/waits/wait-recording.ts';
import { markdownOf } from '../../../profiling/report/markdown.ts';
import { waitsBlocks } from '../../../profiling/report/waits-section.ts';
import { sampleEvery } from '../../../profiling/waits/record.ts';
import type { OperationWaits, WaitTable } from '../../../profiling/result/waits.ts';
import { stageText } from '../../../profiling/waits/stages.ts';
import { waitSentence, waitTable, type NodeWaits } from '../../../profiling/waits/table.ts';

/** Three nodes in mode `batched` at durability `fsync`, PUT and GET; this file runs as dist/test/.... */
const recorded = JSON.parse(
  readFileSync(new URL('../../../../test/profiling/waits/recorded.json', import.meta.url), 'utf8'),
) as NodeWaits[];

const unaccounted = waitStages.length - 1;

function recording(operations: readonly RecordedOperation[], more: Partial<WaitRecording> = {}): WaitRecording {
  return {
    schema: 'kvorum-wait-recording/1',
    url: 'http://localhost:8080',
    mode: 'batched',
    durability: 'commit',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1000,
    every: 1,
    stages: waitStages,
    operations,
    skipped: 0,
    unfinished: 0,
    threads: [],
    ...more,
  };
}

/** An operation whose stages take so long, the last of them being what is not accounted for. */
function operation(stagesUs: readonly number[], method = 'PUT'): RecordedOperation {
  const totalUs = stagesUs.reduce((sum, micros) => sum + micros, 0);
  return { method, decider: 'peer', totalUs, stagesUs, gcUs: 0, runQueueUs: 0, ownRunUs: 0 };
}

const operations = fc.array(
  fc
    .tuple(
      fc.array(fc.nat(100_000), { minLength: waitStages.length, maxLength: waitStages.length }),
      fc.constantFrom('GET', 'PUT', 'DELETE'),
    )
    .map(([stagesUs, method]) => operation(stagesUs, method)),
  { minLength: 1, maxLength: 60 },
);

/** Recorded times are rounded to a tenth of a microsecond each. */
function near(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= Math.max(0.05 * waitStages.length, 1e-6 * Math.abs(expected)),
    `${what}: ${actual}, ${expected}`,
  );
}

function assertWhole(waits: OperationWaits): void {
  const { method, rows, bars, meanUs, count } = waits;
  if (meanUs === 0) return;
  near(
    rows.reduce((sum, row) => sum + row.share * meanUs, 0),
    meanUs,
    `${method}: shares`,
  );
  near(
    rows.reduce((sum, row) => sum + row.meanUs, 0),
    meanUs,
    `${method}: means`,
  );
  assert.deepEqual(
    bars.map(({ name }) => name),
    ['mean', 'p50', 'p90', 'p99'],
  );
  for (const bar of bars) {
    assert.ok(bar.count >= 1 && bar.count <= count);
    near(
      bar.parts.reduce((sum, part) => sum + part.meanUs, 0),
      bar.totalUs,
      `${method} ${bar.name}`,
    );
  }
  assert.ok((bars[1]?.totalUs ?? 0) <= (bars[3]?.totalUs ?? 0), `${method}: p50 above p99`);
}

test('whatever was recorded, rows and bars add up to the latency', () => {
  fc.assert(
    fc.property(operations, (all) => {
      for (const waits of waitTable([{ node: 'n1', recording: recording(all) }]).operations) assertWhole(waits);
    }),
    { numRuns: 40 },
  );
});

test('a recorded run has a row for every stage of its path, in order, and says what decided', () => {
  const table = waitTable(recorded);
  assert.deepEqual(
    table.operations.map(({ method }) => method),
    ['all', 'GET', 'PUT'],
  );
  for (const waits of table.operations) {
    assertWhole(waits);
    assert.ok(waits.accountedShare > 0.9 && waits.accountedShare <= 1);
    assert.equal(waits.deciders.self + waits.deciders.peer, waits.count);
    const order = waits.rows.map(({ stage }) => waitStages.indexOf(stage));
    assert.deepEqual(
      order,
      order.toSorted((one, other) => one - other),
    );
    assert.equal(waits.rows.at(-1)?.stage, 'unaccounted');
    assert.deepEqual(
      waits.overlaps.map(({ name }) => name),
      ['gc', 'run-queue', 'own-run'],
    );
    assert.ok(waits.overlaps.every(({ share }) => share >= 0 && share <= 1));
  }
  const nodes = new Set(table.threads.map(({ node }) => node));
  assert.deepEqual([...nodes], ['n1', 'n2', 'n3']);
  assert.deepEqual(JSON.parse(JSON.stringify(table)), table);
});

test('the bars show where slow operations spend their time and fast ones do not', () => {
  const fast = Array.from({ length: 990 }, () => operation([100, ...Array<number>(25).fill(0), 0]));
  const slow = Array.from({ length: 10 }, () => operation([100, 0, 0, 900_000, ...Array<number>(23).fill(0)]));
  const [put] = waitTable([{ node: 'n1', recording: recording([...fast, ...slow]) }]).operations;
  const share = (name: string, stage: string): number =>
    put?.bars.find((bar) => bar.name === name)?.parts.find((part) => part.stage === stage)?.share ?? 0;
  assert.equal(share('p50', 'read'), 1);
  assert.equal(share('p50', 'poolQueue'), 0);
  assert.ok(share('p99', 'poolQueue') > 0.9);
  const row = put?.rows.find(({ stage }) => stage === 'poolQueue');
  assert.deepEqual([row?.count, row?.meanUs, row?.p50Us], [10, 9000, 900_000]);
});

test('what is unaccounted stays visible where it cancels out, and negative where stages explain too much', () => {
  const stages = (last: number): number[] =>
    Array.from({ length: waitStages.length }, (_, at) => (at === unaccounted ? last : 100));
  const all = [operation(stages(500)), operation(stages(-500))];
  const [put] = waitTable([{ node: 'n1', recording: recording(all) }]).operations;
  assert.ok((put?.accountedShare ?? 1) < 0.85, String(put?.accountedShare));
  const low = waitTable([{ node: 'n1', recording: recording([operation(stages(-500))]) }]).operations[0];
  assert.ok((low?.rows.at(-1)?.share ?? 0) < 0);
});

test('no recording, or recordings of different stages, make no table', () => {
  assert.throws(() => waitTable([]), { code: 'profile-failed' });
  const odd = recording([], { stages: ['read'] });
  const nodes = [recording([]), odd].map((one, index) => ({ node: `n${index}`, recording: one }));
  assert.throws(() => waitTable(nodes), { code: 'profile-failed' });
  assert.deepEqual(waitTable([{ node: 'n1', recording: recording([]) }]).operations, []);
});

test('every stage has a name of its own and says what it measures; only at fsync one waits for a sync', () => {
  const labels = waitStages.map((stage) => stageText(stage, 'fsync'));
  assert.equal(new Set(labels.map(({ label }) => label)).size, waitStages.length);
  assert.ok(labels.every(({ measures }) => measures.length > 10));
  assert.match(stageText('ownDurable', 'fsync').label, /sync/);
  assert.doesNotMatch(stageText('ownDurable', 'commit').label, /sync/);
});

test('the Markdown has the sentence, every row and a table of the bars', () => {
  const table: WaitTable = waitTable(recorded);
  const markdown = markdownOf('Waits', waitsBlocks(table));
  assert.ok(markdown.startsWith(`# Waits\n\n${waitSentence}\n`));
  assert.match(waitSentence, /analogue of a lock profile, not one/);
  for (const { rows } of table.operations) for (const { label } of rows) assert.ok(markdown.includes(`| ${label} |`));
  assert.match(markdown, /\n\| Stage \| mean, us \| share of [\d.]+ \w+, % \| p50, us \|/);
  assert.doesNotMatch(markdown, /NaN|undefined|Infinity/);
});

test('sampleEvery() keeps what a node times within what it keeps', () => {
  for (const [rate, durationMs, every] of [
    [100, 15_000, 1],
    [1000, 15_000, 1],
    [6000, 15_000, 6],
    [30_000, 60_000, 120],
  ] as const) {
    assert.equal(sampleEvery(rate, durationMs), every);
  }
});
