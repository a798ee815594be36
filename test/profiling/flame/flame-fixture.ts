/** Small stacks with known weights, for the tests of flame graphs. */
import { treeOfStacks, type StackTree } from '../../../profiling/attribution/stack-tree.ts';
import { parseLabel } from '../../../profiling/flame/folded-stacks.ts';
import type { FlameKind, FlameRun, FlameSource } from '../../../profiling/flame/flame-data.ts';

/** `{ 'a src/x.ts:1;b src/y.ts:2': 30 }`: stacks from the root on, by their weights. */
export type Stacks = Readonly<Record<string, number>>;

export function treeOfText(stacks: Stacks): StackTree {
  return treeOfStacks(
    Object.entries(stacks).map(([stack, weight]) => ({ frames: stack.split(';').map(parseLabel), weight })),
  );
}

export function source(kind: FlameKind, node: string, thread: string, stacks: Stacks): FlameSource {
  return { kind, node, thread, tree: treeOfText(stacks) };
}

const turn = 'turn src/domain/turn.ts:20';
const merge = `${turn};merge workers/store/store.ts:166`;
const route = 'onStreamRead node:internal/stream_base_commons:168;#route src/http/server.ts:80';

/** Main: 400 (100 of them the collector's). Worker: 600, of which `merge` 450. One second of idling in each. */
export const putRun: FlameRun = {
  label: 'put',
  requests: { cpu: 10, allocation: 20 },
  sources: [
    source('cpu', 'n1', 'main', {
      '(idle)': 1_000_000,
      [route]: 250,
      [`${route};parse src/http/head.ts:10`]: 50,
      '(garbage collector)': 100,
    }),
    source('cpu', 'n1', 'worker 1', {
      '(idle)': 1_000_000,
      [turn]: 150,
      [`${merge};transactionSync lmdb/write.js:972`]: 400,
      [merge]: 50,
    }),
    source('allocation', 'n1', 'main', { [route]: 2048 }),
    source('allocation', 'n1', 'worker 1', { [merge]: 6144 }),
  ],
};

/** Half as many requests; `merge` at half the cost a request, `route` at the same, and a function that is gone since. */
export const baselineRun: FlameRun = {
  label: 'before',
  requests: { cpu: 5, allocation: 20 },
  sources: [
    source('cpu', 'n1', 'main', { [route]: 150, 'old src/http/old.ts:1': 100 }),
    source('cpu', 'n1', 'worker 1', { [turn]: 75, [merge]: 112 }),
    source('allocation', 'n1', 'main', { [route]: 2048 }),
  ],
};
