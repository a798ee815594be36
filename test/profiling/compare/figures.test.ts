import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf, threadFiguresOf } from '../../../profiling/compare/figures.ts';
import { bareNode, bareRun } from '../../support/bench-results.ts';

test('figuresOf() divides by the requests answered, and sums over the nodes', () => {
  const figures = figuresOf(bareRun({ rate: 1000, nodes: [bareNode(100_000), bareNode(300_000)] }));
  assert.equal(figures.achieved, 1000);
  assert.equal(figures.p50Us, 1000);
  assert.equal(figures.maxUs, 1000);
  assert.equal(figures.cpuUs, 80);
  assert.equal(figures.runQueueUs, 40);
  assert.equal(figures.voluntarySwitches, 4);
  assert.equal(figures.involuntarySwitches, 2);
  assert.equal(figures.peerBytes, 150);
  assert.equal(figures.residentBytes, 2048);
});

test('figuresOf() counts what was answered in the window, whenever it was due', () => {
  // Of 10,000 due a thousand were answered, and 4,000 more that were due before the window.
  const result = bareRun({ rate: 1000, achieved: 500, nodes: [bareNode(1_000_000)] });
  const late = { ...result, totals: { ...result.totals, completed: 1000 } };
  assert.equal(figuresOf(late).cpuUs, 400);
});

test('figuresOf() has the share of errors, but not where an earlier version counted what was not sent among them', () => {
  const run = bareRun({ totals: { failed: 60, unanswered: 40 } });
  assert.equal(figuresOf(run).errors, 0.01);
  const { notSent: _, cut: __, ...totals } = run.totals;
  assert.equal(figuresOf({ ...run, totals: totals as typeof run.totals }).errors, null);
});

test('figuresOf() has no sum where a node does not tell, and no figure of nothing', () => {
  const silent = bareNode(1, { threads: null, residentBytesMax: null, peerBytesSent: null });
  const figures = figuresOf(bareRun({ nodes: [bareNode(1), silent] }));
  assert.deepEqual([figures.cpuUs, figures.peerBytes, figures.residentBytes], [null, null, null]);
  assert.equal(figuresOf(bareRun()).cpuUs, null);
  const nothing = figuresOf(bareRun({ achieved: 0, nodes: [bareNode(1)] }));
  assert.deepEqual([nothing.achieved, nothing.cpuUs, nothing.peerBytes], [0, null, null]);
  const empty = { ...bareRun(), latency: { count: 0, minUs: 0, maxUs: 0, sumUs: 0, buckets: [] } };
  assert.deepEqual([figuresOf(empty).p50Us, figuresOf(empty).maxUs], [null, null]);
});

test('threadFiguresOf() names nodes by their place', () => {
  const result = bareRun({ nodes: [bareNode(100_000), bareNode(200_000, { threads: null }), bareNode(300_000)] });
  assert.deepEqual(threadFiguresOf(result), [
    { node: 'n1', thread: 'main', cpuUs: 10, runQueueUs: 5, switches: 1.5 },
    { node: 'n1', thread: 'worker 1', cpuUs: 10, runQueueUs: 5, switches: 1.5 },
    { node: 'n3', thread: 'main', cpuUs: 30, runQueueUs: 15, switches: 1.5 },
    { node: 'n3', thread: 'worker 1', cpuUs: 30, runQueueUs: 15, switches: 1.5 },
  ]);
  assert.deepEqual(threadFiguresOf(bareRun({ achieved: 0, nodes: [bareNode(1)] })), []);
});
