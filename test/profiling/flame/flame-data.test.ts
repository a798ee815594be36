import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldedText } from '../../../profiling/attribution/folded.ts';
import type { StackTree } from '../../../profiling/attribution/stack-tree.ts';
import { flameData, type FlameData, type FlameGraph, type FlameRun } from '../../../profiling/flame/flame-data.ts';
import { readFlameSources } from '../../../profiling/flame/flame-files.ts';
import { parseLabel, treeOfFolded } from '../../../profiling/flame/folded-stacks.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { baselineRun, putRun, source, treeOfText } from './flame-fixture.ts';

function graphOf(data: FlameData, title: string, kind = 'cpu'): FlameGraph {
  const graph = data.graphs.find((one) => one.title === title && one.kind === kind);
  assert.ok(graph, `${kind} ${title} among ${data.graphs.map((one) => one.title).join('; ')}`);
  return graph;
}

/** `depth name part total base` of each frame. */
function linesOf(data: FlameData, graph: FlameGraph): string[] {
  return graph.depth.map((depth, at) => {
    const [name] = data.frames[graph.frame[at] ?? 0] ?? [];
    const [part] = data.categories[graph.category[at] ?? 0] ?? [];
    return [depth, name, part, graph.total[at], graph.base[at]].filter((one) => one !== undefined).join(' ');
  });
}

test('flameData() has a graph of all threads and of each, for each kind that was recorded', () => {
  const data = flameData(putRun);
  assert.deepEqual(
    data.graphs.map(({ kind, title }) => `${kind}: ${title}`),
    ['cpu: All threads', 'cpu: n1, main', 'cpu: n1, worker 1'].concat([
      'allocation: All threads',
      'allocation: n1, main',
      'allocation: n1, worker 1',
    ]),
  );
  assert.deepEqual(
    [data.label, data.baseline, data.graphs[0]?.requests, data.graphs[0]?.normalised],
    ['put', null, 10, null],
  );
});

test('flameData() merges a thread over all nodes', () => {
  const stacks = { 'turn src/domain/turn.ts:20': 10 };
  const sources = ['n1', 'n2'].flatMap((node) =>
    ['main', 'worker 1'].map((thread) => source('cpu', node, thread, stacks)),
  );
  const data = flameData({ label: 'x', requests: {}, sources });
  assert.deepEqual(
    data.graphs.map(({ title, total }) => `${title} ${total[0]}`),
    ['All threads 40', 'main, all nodes 20', 'worker 1, all nodes 20'].concat([
      'n1, main 10',
      'n1, worker 1 10',
      'n2, main 10',
      'n2, worker 1 10',
    ]),
  );
});

test('flameData() leaves idle time out, sums callees, and gives what nobody owns to its caller', () => {
  const data = flameData(putRun);
  assert.deepEqual(linesOf(data, graphOf(data, 'All threads')), [
    '0 all unattributed 1000',
    '1 turn coordination 600',
    '2 merge storage 450',
    '3 transactionSync storage 400',
    '1 onStreamRead node-internals 300',
    '2 #route http-front 300',
    '3 parse parse-admit 50',
    '1 (garbage collector) gc 100',
  ]);
});

test('flameData() lays the baseline beside it for the same number of requests, and keeps what is gone', () => {
  const data = flameData(putRun, { baseline: baselineRun });
  const graph = graphOf(data, 'All threads');
  assert.equal(graph.normalised, 'requests');
  assert.deepEqual(linesOf(data, graph), [
    '0 all unattributed 1000 874',
    '1 turn coordination 600 374',
    '2 merge storage 450 224',
    '3 transactionSync storage 400 0',
    '1 onStreamRead node-internals 300 300',
    '2 #route http-front 300 300',
    '3 parse parse-admit 50 0',
    '1 old http-front 0 200',
    '1 (garbage collector) gc 100 0',
  ]);
});

test('flameData() compares by the whole where requests are not known', () => {
  const { sources } = putRun;
  const data = flameData(
    { label: 'a', sources, requests: {} },
    { baseline: { label: 'b', sources, requests: { cpu: 7 } } },
  );
  const graph = graphOf(data, 'All threads');
  assert.equal(graph.normalised, 'whole');
  assert.deepEqual(graph.base, graph.total);
});

test('flameData() knows a function of another version by its name, and one without a name by its line', () => {
  const run = (line: number): FlameRun => {
    const stacks = { [`f src/a.ts:${line}`]: 10, [`(anonymous) src/a.ts:${line}`]: 10 };
    return { label: String(line), requests: {}, sources: [source('cpu', 'n1', 'main', stacks)] };
  };
  const data = flameData(run(1), { baseline: run(2) });
  const [graph] = data.graphs;
  assert.ok(graph);
  assert.deepEqual(
    linesOf(data, graph).map((line) => line.replace(' unattributed', '')),
    ['0 all 20 20', '1 f 10 10', '1 (anonymous) 10 0', '1 (anonymous) 0 10'],
  );
});

test('flameData() puts together what is too small, and bounds the frames of a graph', () => {
  const stacks = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`f${index} src/a.ts:${index + 1}`, 100 + index]),
  );
  const run = { label: 'x', requests: {}, sources: [source('cpu', 'n1', 'main', stacks)] };
  const data = flameData(run, { framesMax: 50 });
  const [graph] = data.graphs;
  assert.ok(graph);
  assert.ok(graph.depth.length <= 50, `${graph.depth.length} frames`);
  const callees = graph.total.slice(1).reduce((sum, total) => sum + total, 0);
  assert.equal(callees, graph.total[0]);
  assert.equal(graph.omitted, 500 - (graph.depth.length - 2));
  assert.equal(data.frames[graph.frame.at(-1) ?? 0]?.[0], '(small frames)');
});

test('flameData() of nothing has no graphs', () => {
  const idle = source('cpu', 'n1', 'main', { '(idle)': 10 });
  assert.deepEqual(flameData({ label: 'x', requests: {}, sources: [idle] }).graphs, []);
});

const stackText = fc.array(fc.constantFrom('a src/a.ts:1', 'b src/b.ts:2', 'c lmdb/c.js:3', 'd node:net:4'), {
  minLength: 1,
  maxLength: 6,
});

test('whatever the stacks, totals are what the stacks weigh, and no callee weighs more than its caller', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(stackText, fc.integer({ min: 1, max: 1000 })), { minLength: 1 }), (stacks) => {
      const weights = new Map<string, number>();
      for (const [stack, weight] of stacks) {
        weights.set(stack.join(';'), (weights.get(stack.join(';')) ?? 0) + weight);
      }
      const data = flameData({
        label: '',
        requests: {},
        sources: [source('cpu', 'n1', 'main', Object.fromEntries(weights))],
      });
      const [graph] = data.graphs;
      assert.ok(graph);
      assert.equal(
        graph.total[0],
        stacks.reduce((sum, [, weight]) => sum + weight, 0),
      );
      for (const [at, depth] of graph.depth.entries()) {
        const caller = graph.depth.lastIndexOf(depth - 1, at);
        if (depth > 0) assert.ok((graph.total[at] ?? 0) <= (graph.total[caller] ?? 0));
      }
    }),
    { numRuns: 50 },
  );
});

const labels = [
  'merge workers/store/store.ts:166',
  '(anonymous) src/node.ts:97',
  'get #size undici/lib/core/request.js:3',
  'run @scope/name/a.mjs:1',
  'emit node:events:471',
  '(garbage collector)',
  'writev',
  'void v8::internal::Heap::Scavenge(int, char const*)',
  'tcp_sendmsg [kernel]',
  'f /elsewhere/a.js:9',
];

test('parseLabel() reads what frameLabel() writes, for each origin', () => {
  const origins = labels.map((label) => parseLabel(label).origin);
  assert.deepEqual(origins, [
    'project',
    'project',
    'package',
    'package',
    'node',
    'v8',
    'native',
    'native',
    'kernel',
    'other',
  ]);
  const text = foldedText(treeOfText(Object.fromEntries(labels.map((label) => [label, 1]))), 'main');
  assert.deepEqual(text, labels.map((label) => `main;${label} 1\n`).join(''));
});

test('collapsed stacks give the same graph as the recording that they were written from', () => {
  const again = putRun.sources.map((one) => ({ ...one, tree: treeOfFolded(foldedText(one.tree, one.thread)) }));
  assert.deepEqual(flameData({ ...putRun, sources: again }).graphs, flameData(putRun).graphs);
});

test('treeOfFolded() passes over what is no stack', () => {
  const weights = (tree: StackTree): number[] => tree.map(({ self }) => self);
  assert.deepEqual(weights(treeOfFolded('\nno weight\nmain;f 3\n# comment\n')), [0, 3]);
});

test('readFlameSources() reads the collapsed stacks of one load from the files of a profile', (t) => {
  const directory = temporaryDirectory(t);
  const file = (op: string, kind: string, path: string) => ({
    path,
    op,
    kind,
    format: 'folded',
    node: 'n1',
    thread: 'main',
  });
  const files = [
    file('put', 'cpu', 'put/a.folded'),
    file('put', 'heap', 'put/b.folded'),
    file('get', 'cpu', 'get/a.folded'),
  ];
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schema: 'kvorum-profile-files/1', files }));
  mkdirSync(join(directory, 'put'));
  for (const { path } of files.slice(0, 2)) writeFileSync(join(directory, path), 'main;f src/a.ts:1 5\n');
  const sources = readFlameSources(directory, 'put');
  assert.deepEqual(
    sources.map(({ kind, node, thread, tree }) => [kind, node, thread, tree.at(-1)?.self]),
    [
      ['cpu', 'n1', 'main', 5],
      ['allocation', 'n1', 'main', 5],
    ],
  );
  assert.throws(() => readFlameSources(directory, 'get'), { code: 'profile-failed', message: /get\/a\.folded/ });
  assert.throws(() => readFlameSources(join(directory, 'none'), 'put'), { message: /^Cannot read profile ".*none/ });
  writeFileSync(join(directory, 'index.json'), '{"schema":"other/1"}');
  assert.throws(() => readFlameSources(directory, 'put'), { message: /its schema is "other\/1", known is/ });
});
