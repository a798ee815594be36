import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from './faults.ts';
import { whyImpossible, whyNot, type ClusterCondition, type NodeCondition } from './overlap.ts';

const whole: NodeCondition = { isDown: false, hasLost: false, isDamaged: false, copy: 'none', aheadMs: 0 };

/** Three nodes of which some differ from whole ones. */
function cluster(
  changes: Readonly<Record<number, Partial<NodeCondition>>> = {},
  rest: Partial<ClusterCondition> = {},
): ClusterCondition {
  const nodes = [0, 1, 2].map((index) => ({ ...whole, ...changes[index] }));
  return { nodes, cuts: [], wereClocksWrong: false, ...rest };
}

const stop = (kind: 'kill' | 'wipe' | 'restore' | 'flip-log' | 'flip-values', node = 0): Fault => ({
  kind,
  node,
  downMs: 100,
});
const clock = (aheadMs: number, node = 0): Fault => ({ kind: 'clock', node, aheadMs, downMs: 100 });
const cut: Fault = { kind: 'cut', from: 2, to: 0, how: 'one-way', held: 'late', downMs: 100 };

const cases: readonly (readonly [string, Fault, ClusterCondition, may: boolean])[] = [
  ['a whole cluster loses one store', stop('wipe'), cluster(), true],
  ['all others are down', stop('kill'), cluster({ 1: { isDown: true }, 2: { isDown: true } }), true],
  ['another node is down', stop('wipe'), cluster({ 1: { isDown: true } }), true],
  ['another store is lost', stop('wipe'), cluster({ 1: { hasLost: true } }), false],
  ['another store is lost', stop('flip-values'), cluster({ 1: { hasLost: true } }), false],
  ['another store is lost', stop('kill'), cluster({ 1: { hasLost: true } }), true],
  ['the same store is lost', stop('wipe'), cluster({ 0: { hasLost: true } }), true],
  ['values of another store are damaged', stop('flip-log'), cluster({ 2: { isDamaged: true } }), false],
  ['peers know a later start', stop('restore'), cluster({ 0: { copy: 'known' } }), true],
  ['the copy is the newest that peers know', stop('restore'), cluster({ 0: { copy: 'new' } }), false],
  ['there is no copy', stop('restore'), cluster(), false],
  ['a clock was wrong', stop('wipe'), cluster({}, { wereClocksWrong: true }), false],
  ['clocks are right', clock(45_000), cluster(), true],
  ['another clock is wrong', clock(45_000), cluster({ 1: { aheadMs: -30_000 } }), false],
  ['another clock is wrong', clock(700), cluster({ 1: { aheadMs: -30_000 } }), true],
  ['a store is lost', clock(45_000), cluster({ 1: { hasLost: true } }), false],
  ['a store is lost', clock(700), cluster({ 1: { hasLost: true } }), true],
  ['a store is lost', cut, cluster({ 1: { hasLost: true } }), true],
  ['the two are cut off already', cut, cluster({}, { cuts: [[0, 2]] }), false],
];

for (const [condition, fault, conditions, may] of cases) {
  test(`whyNot() ${may ? 'lets' : 'does not let'} ${fault.kind} happen where ${condition}`, () => {
    assert.equal(whyNot(fault, conditions) === undefined, may);
  });
}

test('whyImpossible() lets everything happen that can, whatever it costs', () => {
  const two = cluster({ 1: { hasLost: true, isDamaged: true }, 0: { copy: 'new' } }, { wereClocksWrong: true });
  for (const fault of [stop('wipe'), stop('restore'), stop('flip-log'), clock(300_000), cut]) {
    assert.equal(whyImpossible(fault, two), undefined, fault.kind);
  }
  assert.notEqual(whyImpossible(stop('kill'), cluster({ 0: { isDown: true } })), undefined);
});
