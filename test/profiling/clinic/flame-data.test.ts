import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clinicTicks } from '../../../profiling/clinic/flame-data.ts';
import type { CallFrame, CpuProfile } from '../../../src/waits/recording.ts';

function frame(functionName: string, url = '', lineNumber = -1): CallFrame {
  return { functionName, scriptId: '0', url, lineNumber, columnNumber: lineNumber < 0 ? -1 : 4 };
}

const nodes = [
  { id: 1, callFrame: frame('(root)'), children: [2, 3, 4, 7, 8] },
  { id: 2, callFrame: frame('(idle)') },
  { id: 3, callFrame: frame('(garbage collector)') },
  { id: 4, callFrame: frame('get #size', 'file:///a%20b/dist/workers/store.js', 9), children: [5, 6] },
  { id: 5, callFrame: frame('', 'node:net', 0) },
  { id: 6, callFrame: frame('RegExp: ^a b$') },
  { id: 7, callFrame: frame('wasm-function[20]', 'wasm://wasm/1', 0) },
  { id: 8, callFrame: frame('writev') },
];

const expected: readonly (readonly [sample: number, stack: readonly string[]])[] = [
  [3, ['(garbage collector) CPP']],
  [4, ['get.#size /a b/dist/workers/store.js:10:5 JS']],
  [5, ['get.#size /a b/dist/workers/store.js:10:5 JS', '(anonymous) node:net:1:5 JS']],
  [6, ['get.#size /a b/dist/workers/store.js:10:5 JS', '^a b$ CODE']],
  [7, ['wasm-function[20] JS']],
  [8, ['writev CPP']],
];

function ticksOf(profile: Partial<CpuProfile>): string[][] {
  const ticks = clinicTicks({ nodes, startTime: 0, endTime: 1, ...profile });
  return ticks.map((stack) => stack.map(({ name, type }) => `${name} ${type}`));
}

for (const [sample, stack] of expected) {
  test(`clinicTicks() writes a sample of node ${sample} as ${stack.join(' > ')}`, () => {
    assert.deepEqual(ticksOf({ samples: [sample] }), [stack]);
  });
}

test('clinicTicks() drops idle samples and the root, and keeps each other sample', () => {
  assert.deepEqual(ticksOf({ samples: [2, 8, 2, 1, 8, 3] }), [
    ['writev CPP'],
    ['writev CPP'],
    ['(garbage collector) CPP'],
  ]);
});

test('clinicTicks() takes hits where there are no samples', () => {
  const counted = nodes.map((node) => ({ ...node, hitCount: node.id === 8 ? 2 : 0 }));
  assert.deepEqual(ticksOf({ nodes: counted }), [['writev CPP'], ['writev CPP']]);
});
