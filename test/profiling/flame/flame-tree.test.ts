import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flameColours } from '../../../profiling/report/flame-colours.ts';
import { plain } from '../../../profiling/result/quantity.ts';
import { flameData } from '../../../profiling/flame/flame-data.ts';
import {
  changeText,
  literal,
  perRequestText,
  searchPattern,
  shareText,
  weightText,
} from '../../../profiling/flame/flame-text.ts';
import {
  functionsOf,
  isBelow,
  matchedWeight,
  startsOf,
  treeOf,
  widestCallee,
  type FlameTree,
} from '../../../profiling/flame/flame-tree.ts';
import { contrast } from '../../support/contrast.ts';
import { baselineRun, putRun, source, type Stacks } from './flame-fixture.ts';

function treeOfStacks(stacks: Stacks): FlameTree {
  const data = flameData({ label: '', requests: {}, sources: [source('cpu', 'n1', 'main', stacks)] });
  const [graph] = data.graphs;
  assert.ok(graph);
  return treeOf(graph, data);
}

const tree = treeOfStacks({ 'a;b': 30, 'a;b;c': 20, 'a;d': 40, e: 10 });
const names = Array.from({ length: tree.count }, (_, index) => tree.name(index));
const at = (name: string): number => names.indexOf(name);

test('treeOf() knows callers, what is below, and what is a frame of its own', () => {
  assert.deepEqual(names, ['all', 'a', 'b', 'c', 'd', 'e']);
  assert.deepEqual([...tree.parent], [-1, 0, 1, 2, 1, 0]);
  assert.deepEqual([...tree.end], [6, 5, 4, 4, 5, 6]);
  assert.deepEqual([...tree.self], [0, 0, 30, 20, 40, 10]);
  assert.ok(isBelow(tree, at('c'), at('a')) && !isBelow(tree, at('e'), at('a')));
  assert.equal(widestCallee(tree, at('a'), 'total'), at('b'));
  assert.equal(widestCallee(tree, at('e'), 'total'), -1);
});

test('startsOf() puts callees side by side within their caller', () => {
  assert.deepEqual([...startsOf(tree, 'total')], [0, 0, 0, 0, 50, 90]);
});

test('matchedWeight() counts a match below a match once, and nothing outside', () => {
  const matches = (...wanted: string[]): Uint8Array =>
    Uint8Array.from(names, (name) => (wanted.includes(name) ? 1 : 0));
  assert.equal(matchedWeight(tree, matches('b', 'c'), 0), 50);
  assert.equal(matchedWeight(tree, matches('c', 'e'), 0), 30);
  assert.equal(matchedWeight(tree, matches('c', 'e'), at('a')), 20);
  assert.equal(matchedWeight(tree, matches(), 0), 0);
});

test('functionsOf() sums a function over its callers, and its recursions once', () => {
  const recursive = treeOfStacks({ 'f;g;f': 10, f: 5, 'h;g': 3 });
  const rows = functionsOf(recursive, 0).filter(({ name }) => name !== 'all');
  assert.deepEqual(rows.map(({ name, self, total }) => `${name} ${self} ${total}`).sort(), [
    'f 15 15',
    'g 3 13',
    'h 0 3',
  ]);
});

test('functionsOf() has the baseline beside it', () => {
  const data = flameData(putRun, { baseline: baselineRun });
  const [graph] = data.graphs;
  assert.ok(graph);
  const rows = functionsOf(treeOf(graph, data), 0);
  const merge = rows.find(({ name }) => name === 'merge');
  assert.deepEqual([merge?.self, merge?.selfBase, merge?.total, merge?.totalBase], [50, 224, 450, 224]);
  assert.equal(merge?.place, 'workers/store/store.ts:166');
});

test('weights are written in the unit of their kind', () => {
  const texts = [
    weightText(0, 'cpu'),
    weightText(999, 'cpu'),
    weightText(1500, 'cpu'),
    weightText(12_340_000, 'cpu'),
    weightText(1536, 'allocation'),
    weightText(1234, 'native'),
  ];
  assert.deepEqual(texts.map(plain), ['0', '999 us', '1.5 ms', '12.3 s', '1.5 KiB', '1,234 samples']);
  const [graph] = flameData(putRun).graphs;
  assert.ok(graph);
  assert.equal(plain(perRequestText(1000, graph)), '100 us a request');
  assert.equal(perRequestText(1000, { ...graph, requests: 0 }), '');
});

test('shares and changes are written in few characters', () => {
  assert.deepEqual(
    [shareText(0, 9), shareText(1, 10_000), shareText(1, 3), shareText(1, 0)],
    ['0%', '<0.1%', '33.3%', '0%'],
  );
  assert.deepEqual([changeText(0, 0), changeText(1, 0), changeText(0, 1)], ['', 'new', 'gone']);
  assert.deepEqual([changeText(3, 2), changeText(1.04, 1), changeText(1, 2)], ['+50%', '+4.0%', '-50%']);
});

test('searchPattern() takes patterns, and texts that are none as they are', () => {
  assert.equal(searchPattern('  '), undefined);
  assert.ok(searchPattern('^Store|turn$')?.test('a Turn'));
  assert.ok(searchPattern('f(')?.test('xF(y'));
  assert.ok(searchPattern('[')?.test('a[0]'));
  assert.ok(searchPattern(literal('a.b+(c)'))?.test('a.b+(c)'));
  assert.ok(!searchPattern(literal('a.b'))?.test('axb'));
  assert.equal(searchPattern('x'.repeat(1000))?.source.length, 200);
});

test('letters stand on every colour of a flame graph with a contrast of at least 4.5 to 1, light and dark', () => {
  const { 'flame-ink': ink, ...grounds } = flameColours;
  for (const theme of [0, 1] as const) {
    for (const [name, pair] of Object.entries(grounds)) {
      const reached = contrast(ink?.[theme] ?? '', pair[theme]);
      assert.ok(reached >= 4.5, `${name} ${pair[theme]}: ${reached.toFixed(2)}`);
    }
  }
});
