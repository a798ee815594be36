import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGoneAt, isKept, neverWritten, stateAfter, wrongWith, type KeyState } from './key-states.ts';
import type { ClientOperation } from './operations.ts';

const common = { key: 'key', node: 0, ack: 2, isStrict: false, valueBytes: 100, begin: 1000, end: 1010 };
const acknowledged = { kind: 'acknowledged' } as const;

function after(...operations: readonly Partial<ClientOperation>[]): KeyState {
  return operations.reduce<KeyState>((state, operation, index) => {
    return stateAfter(state, { ...common, id: index + 1, kind: 'write', outcome: acknowledged, ...operation });
  }, neverWritten);
}

test('of a key whose operations were acknowledged only what the last one left may be seen', () => {
  const read = { begin: 2000, end: 2010 };
  const wrong = (state: KeyState, saw: number | 'missing') => wrongWith(state, { ...read, saw }) !== undefined;
  const twice = after({}, {});
  assert.deepEqual([wrong(twice, 2), wrong(twice, 1), wrong(twice, 'missing')], [false, true, true]);
  const deleted = after({}, { kind: 'delete' });
  assert.deepEqual([wrong(deleted, 'missing'), wrong(deleted, 1)], [false, true]);
  assert.equal(wrong(neverWritten, 'missing'), false);
});

test('a value that expires is to be seen before, may be around that, and must not be later', () => {
  const state = after({ ttlMs: 1000 });
  const wrong = (begin: number, end: number, saw: number | 'missing') =>
    wrongWith(state, { begin, end, saw }) !== undefined;
  assert.deepEqual([wrong(1100, 1200, 1), wrong(1100, 1200, 'missing')], [false, true]);
  assert.deepEqual([wrong(1950, 2050, 1), wrong(1950, 2050, 'missing')], [false, false]);
  assert.deepEqual([wrong(3000, 3100, 1), wrong(3000, 3100, 'missing')], [true, false]);
  assert.deepEqual([isGoneAt(state, 1500), isGoneAt(state, 3000)], [false, true]);
});

test('an operation without an answer leaves nothing to hold a read against, one that did nothing changes nothing', () => {
  const open = after({}, { outcome: { kind: 'open', why: '504' } });
  assert.equal(wrongWith(open, { begin: 2000, end: 2010, saw: 'missing' }), undefined);
  assert.deepEqual([isKept(open), isGoneAt(open, 5000)], [false, false]);
  const refused = after({}, { outcome: { kind: 'refused', why: '503' } });
  assert.deepEqual(
    [isKept(refused), isKept(after({ ttlMs: 1 })), isKept(after({ kind: 'delete' }))],
    [true, false, false],
  );
});
