import assert from 'node:assert/strict';
import { test } from 'node:test';
import { orderViolation, type HistoryOperation, type HistoryRead, type HistoryWrite } from './checks.ts';
import { isLinearizable } from './linearizability.ts';

const write = (id: number, begin: number, end: number, ...stamps: number[]): HistoryWrite => ({
  kind: 'write',
  id,
  begin,
  end,
  isAcknowledged: end < Infinity,
  stamps,
});
const del = (id: number, begin: number, end: number, ...stamps: number[]): HistoryWrite => ({
  ...write(id, begin, end, ...stamps),
  kind: 'delete',
});
const read = (begin: number, end: number, saw: HistoryRead['saw'], rank?: number): HistoryRead => ({
  kind: 'read',
  begin,
  end,
  saw,
  rank,
});
/** A write of a real cluster: no stamp of it is known but what reads have told. */
const untold = (one: HistoryWrite): HistoryWrite => ({ ...one, hasUntold: true });

const cases: readonly (readonly [string, HistoryOperation[], isInOrder: boolean, isLinearizable: boolean])[] = [
  ['a write is read', [write(1, 0, 1, 10), read(2, 3, 1)], true, true],
  ['an acknowledged write is lost', [write(1, 0, 1, 10), read(2, 3, 'missing')], false, false],
  ['the older of two writes is read', [write(1, 0, 1, 10), write(2, 2, 3, 20), read(4, 5, 1)], false, false],
  ['the later of two writes has the lower stamp', [write(1, 0, 1, 20), write(2, 2, 3, 10)], false, true],
  ['either of two writes at once is read', [write(1, 0, 3, 20), write(2, 1, 2, 10), read(4, 5, 1)], true, true],
  ['a deleted key comes back', [write(1, 0, 1, 10), del(2, 2, 3, 20), read(4, 5, 1)], false, false],
  ['a deleted key is gone', [write(1, 0, 1, 10), del(2, 2, 3, 20), read(4, 5, 'missing')], true, true],
  ['a read goes back', [write(1, 0, Infinity, 10), read(1, 2, 1), read(3, 4, 'missing')], false, false],
  ['an open write is seen late', [write(1, 0, Infinity, 10), read(1, 2, 'missing'), read(3, 4, 1)], true, true],
  ['what is read was never written', [read(1, 2, 7)], false, false],
  ['what is read was written later', [read(1, 2, 1), write(1, 3, 4, 10)], false, false],
  [
    'a write is seen at both of its stamps',
    [write(1, 0, 9, 10, 30), write(2, 0, 5, 20), read(1, 2, 1), read(6, 7, 2), read(10, 11, 1)],
    true,
    false,
  ],
];

for (const [name, history, isInOrder, isOneRegister] of cases) {
  test(`orderViolation() ${isInOrder ? 'finds nothing' : 'tells'} where ${name}`, () => {
    assert.equal(orderViolation(history) === undefined, isInOrder);
  });
  test(`isLinearizable() is ${isOneRegister} where ${name}`, () => {
    assert.equal(isLinearizable(history), isOneRegister);
  });
}

const first = untold(write(1, 0, 1, 10));
const second = untold(write(2, 2, 3));
const deleted = untold(del(3, 2, 3));
const untoldCases: readonly (readonly [string, HistoryOperation[], isInOrder: boolean])[] = [
  ['a write is read', [first, read(2, 3, 1, 10)], true],
  ['an acknowledged write is lost', [first, read(2, 3, 'missing')], false],
  ['a write that nobody read is lost', [first, second, read(4, 5, 1, 10)], false],
  [
    'a write that nobody read is lost to an older deletion',
    [untold(del(3, 0, 1)), second, read(4, 5, 'missing')],
    false,
  ],
  ['the older one is read while the newer one is written', [first, second, read(2.5, 5, 1, 10)], true],
  ['a deleted key comes back', [first, deleted, read(4, 5, 1, 10)], false],
  ['a deleted key is gone', [first, deleted, read(4, 5, 'missing'), read(6, 7, 'missing')], true],
  [
    'a key is gone and comes back',
    [first, untold(del(3, 2, Infinity)), read(4, 5, 'missing'), read(6, 7, 1, 10)],
    false,
  ],
  [
    'a deletion without an answer is seen late',
    [first, untold(del(3, 2, Infinity)), read(4, 5, 1, 10), read(6, 7, 'missing')],
    true,
  ],
  [
    'what was read after a deletion is gone without another one',
    [untold(del(3, 2, 3)), untold(write(4, 2.5, 3.5, 20)), read(4, 5, 4, 20), read(6, 7, 'missing')],
    false,
  ],
  [
    'a write and a deletion at once end in either order',
    [untold(del(3, 2, 3)), untold(write(4, 2.5, 3.5)), read(6, 7, 'missing')],
    true,
  ],
  [
    'a read goes back',
    [untold(write(1, 0, Infinity, 10)), untold(write(2, 0, Infinity, 20)), read(1, 2, 2, 20), read(3, 4, 1, 10)],
    false,
  ],
  [
    'a write is seen at both of its stamps',
    [untold(write(1, 0, 9, 10, 30)), read(1, 2, 1, 10), read(10, 11, 1, 30)],
    true,
  ],
  [
    'a write is seen at its first stamp after its last',
    [untold(write(1, 0, 9, 10, 30)), read(1, 2, 1, 30), read(10, 11, 1, 10)],
    false,
  ],
];

for (const [name, history, isInOrder] of untoldCases) {
  test(`orderViolation() ${isInOrder ? 'finds nothing' : 'tells'} where only reads tell stamps and ${name}`, () => {
    assert.equal(orderViolation(history) === undefined, isInOrder);
  });
}
