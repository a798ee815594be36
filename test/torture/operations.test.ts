import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { orderViolation } from '../histories/checks.ts';
import { historiesOf, valueOf, writeNamed, type ClientOperation, type Outcome } from './operations.ts';

const operation = (
  kind: ClientOperation['kind'],
  id: number,
  [begin, end]: readonly [number, number],
  outcome: Outcome,
): ClientOperation => {
  return { id, kind, key: 'k', node: 0, ack: 2, isStrict: false, valueBytes: 100, begin, end, outcome };
};
const acknowledged: Outcome = { kind: 'acknowledged' };
const saw = (write: number, version: number): Outcome => ({ kind: 'saw', write, version });

function violationOf(operations: readonly ClientOperation[]): string | undefined {
  const history = historiesOf(operations).get('k');
  assert.ok(history !== undefined);
  return orderViolation(history);
}

test('historiesOf() ranks what reads tell, so that an acknowledged write that is lost is found', () => {
  const first = operation('write', 1, [0, 1], acknowledged);
  const second = operation('write', 2, [2, 3], acknowledged);
  const readFirst = operation('read', 3, [1.5, 1.8], saw(1, 1_700_000_000_000_001));
  assert.equal(violationOf([first, second, readFirst]), undefined);
  assert.notEqual(violationOf([first, second, { ...readFirst, begin: 4, end: 5 }]), undefined);
  assert.notEqual(violationOf([first, operation('read', 3, [4, 5], { kind: 'missing' })]), undefined);
});

test('historiesOf() takes two writes that were stamped in one microsecond for two', () => {
  const version = 1_700_000_000_000_001;
  const first = operation('write', 1, [0, 1], acknowledged);
  const second = operation('write', 2, [2, 3], acknowledged);
  const readFirst = operation('read', 3, [1.2, 1.5], saw(1, version));
  const readSecond = operation('read', 4, [4, 5], saw(2, version));
  assert.equal(violationOf([readSecond, first, readFirst, second]), undefined);
  assert.notEqual(violationOf([readSecond, first, readFirst, second, { ...readFirst, begin: 6, end: 7 }]), undefined);
});

test('historiesOf() lets a write without an answer happen or not, and one that was refused never', () => {
  const read = operation('read', 2, [2, 3], saw(1, 5));
  const open: Outcome = { kind: 'open', why: '504' };
  assert.equal(violationOf([operation('write', 1, [0, 1], open), read]), undefined);
  assert.equal(violationOf([operation('write', 1, [0, 1], open)]), undefined);
  assert.match(
    violationOf([operation('write', 1, [0, 1], { kind: 'refused', why: '503' }), read]) ?? '',
    /never written/,
  );
});

test('writeNamed() knows the write of a value, and none where the value is of another key', () => {
  const value = valueOf({ key: 'e1 hot 2', id: 17, valueBytes: 300 });
  assert.equal(writeNamed('e1 hot 2', value), 17);
  assert.equal(writeNamed('e1 hot 3', value), undefined);
  assert.equal(writeNamed('e1 hot 2', Buffer.from('nonsense')), undefined);
});
