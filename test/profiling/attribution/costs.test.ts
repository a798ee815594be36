/** A thread's CPU is split by its samples, and what it stood waiting in the storage is taken out first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocationCosts, cpuCosts, sumOfParts } from '../../../profiling/attribution/costs.ts';
import { foldedText } from '../../../profiling/attribution/folded.ts';
import type { Frame } from '../../../profiling/attribution/frame.ts';
import { treeOfStacks } from '../../../profiling/attribution/stack-tree.ts';

const coordinator: Frame = { name: 'ask', origin: 'project', file: 'workers/coordinator/coordinator.ts', line: 7 };
const store: Frame = { name: 'write', origin: 'project', file: 'workers/store/store.ts', line: 9 };
const commit: Frame = { name: '(anonymous)', origin: 'native', file: '', line: null };
const idle: Frame = { name: '(idle)', origin: 'v8', file: '', line: null };

/** Microseconds: 300 of coordination, 100 of storage, 600 in its native code, 1,000 idle. */
const tree = treeOfStacks([
  { frames: [coordinator], weight: 300 },
  { frames: [coordinator, store], weight: 100 },
  { frames: [coordinator, store, commit], weight: 600 },
  { frames: [idle], weight: 1000 },
]);
const window = { recordedMs: 2, windowMs: 2 };
const self = (costs: ReturnType<typeof cpuCosts>, part: string): number =>
  costs.parts.find((one) => one.part === part)?.self ?? 0;

test('cpuCosts() splits the accounted CPU by the busy samples', () => {
  const costs = cpuCosts(tree, { ...window, account: { cpuUs: 900, runQueueUs: 100 } });
  assert.deepEqual([costs.busyUs, costs.idleUs, costs.blockedUs, costs.cpuUs], [1000, 1000, 0, 900]);
  assert.equal(self(costs, 'coordination'), 270);
  assert.equal(self(costs, 'storage'), 630);
  assert.equal(costs.parts.find(({ part }) => part === 'coordination')?.total, 900);
});

test('cpuCosts() takes what neither ran nor was ready out of native storage code', () => {
  const costs = cpuCosts(tree, { ...window, account: { cpuUs: 500, runQueueUs: 0 } });
  assert.equal(costs.blockedUs, 500);
  assert.deepEqual([self(costs, 'coordination'), self(costs, 'storage')].map(Math.round), [300, 200]);
  assert.equal(self(costs, 'idle'), 0);
});

test('cpuCosts() blocks no longer than native storage code was seen', () => {
  const costs = cpuCosts(tree, { ...window, account: { cpuUs: 100, runQueueUs: 0 } });
  assert.equal(costs.blockedUs, 600);
  assert.deepEqual([self(costs, 'coordination'), self(costs, 'storage')], [75, 25]);
});

test('cpuCosts() says wall time where the system tells nothing, scaled to the window', () => {
  const costs = cpuCosts(tree, { recordedMs: 4, windowMs: 2, account: undefined });
  assert.deepEqual([costs.isWallTime, costs.cpuUs, self(costs, 'coordination')], [true, 500, 150]);
});

test('cpuCosts() of a thread that did nothing is nothing', () => {
  const costs = cpuCosts([], { recordedMs: 0, windowMs: 0, account: { cpuUs: 5, runQueueUs: 0 } });
  assert.deepEqual(costs.parts, []);
  assert.equal(costs.unattributedShare, 0);
});

test('allocationCosts() are bytes of the window', () => {
  const costs = allocationCosts(tree, 4, 2);
  assert.equal(costs.bytes, 500);
  assert.deepEqual(sumOfParts([costs, costs]), [
    { part: 'coordination', self: 300, total: 1000 },
    { part: 'storage', self: 700, total: 700 },
  ]);
});

test('foldedText() has a line for each stack, from the thread to the leaf, without idle time', () => {
  assert.equal(
    foldedText(tree, 'worker 1'),
    [
      'worker 1;ask workers/coordinator/coordinator.ts:7 300',
      'worker 1;ask workers/coordinator/coordinator.ts:7;write workers/store/store.ts:9 100',
      'worker 1;ask workers/coordinator/coordinator.ts:7;write workers/store/store.ts:9;(anonymous) 600',
      '',
    ].join('\n'),
  );
  const odd: Frame = { name: 'a;b\n c', origin: 'native', file: '', line: null };
  assert.equal(foldedText(treeOfStacks([{ frames: [odd], weight: 1.6 }]), 'main'), 'main;a:b c 2\n');
});
