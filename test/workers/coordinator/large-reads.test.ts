/** Large values are read a bounded number of bytes at a time, in the order of the operations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LargeReads } from '../../../workers/coordinator/large-reads.ts';

const MIB = 1024 * 1024;

interface Read {
  readonly operation: string;
  readonly node: number;
  readonly bytes: number;
}

const readOf = (operation: string, mib: number, node = 0): Read => ({ operation, node, bytes: mib * MIB });

const names = (reads: readonly Read[]): string => reads.map(({ operation, node }) => `${operation}${node}`).join(' ');

test('operations are read as far as their records fit, the others in order as those end', () => {
  const reads = new LargeReads<Read>();
  const ask = (operation: string, mib: number): string => names(reads.ask(readOf(operation, mib)));
  assert.deepEqual([ask('a', 16), ask('b', 16), ask('c', 1), ask('d', 31), ask('e', 1)], ['a0', 'b0', '', '', '']);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((operation) => names(reads.end(operation))),
    ['c0', 'd0', 'e0', ''],
  );
});

test('an operation that asks another replica keeps its place, and waits for a new one after that', () => {
  const reads = new LargeReads<Read>();
  const ask = (operation: string, node: number): string => names(reads.ask(readOf(operation, 32, node)));
  assert.deepEqual([ask('a', 0), ask('b', 0), ask('a', 1)], ['a0', '', 'a1']);
  assert.equal(names(reads.end('a')), 'b0');
  assert.equal(ask('a', 2), '');
  assert.equal(names(reads.end('b')), 'a2');
});

test('one record that is longer than the bound is read alone', () => {
  const reads = new LargeReads<Read>();
  const asked = [readOf('small', 1), readOf('huge', 100), readOf('next', 1)].map((read) => names(reads.ask(read)));
  assert.deepEqual(asked, ['small0', '', '']);
  assert.equal(names(reads.end('small')), 'huge0');
  assert.equal(names(reads.end('huge')), 'next0');
});

test('operations whose time is up are never read, and make room for others', () => {
  const reads = new LargeReads<Read>();
  for (const operation of ['a', 'b', 'c', 'd']) reads.ask(readOf(operation, 32));
  assert.equal(names(reads.endAll(['a', 'b', 'c'])), 'd0');
  assert.deepEqual([names(reads.end('b')), names(reads.end('d'))], ['', '']);
});

test('whatever ends whenever, every operation is read once or has ended, and never more bytes than the bound', () => {
  const step = fc.record({ operation: fc.nat(12), mib: fc.integer({ min: 1, max: 20 }), ends: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const reads = new LargeReads<Read>();
      const open = new Map<string, number>();
      let begun = 0;
      const begin = (admitted: readonly Read[]): void => {
        for (const { operation, bytes } of admitted) {
          begun++;
          open.set(operation, bytes);
        }
        assert.ok([...open.values()].reduce((sum, bytes) => sum + bytes, 0) <= 32 * MIB);
      };
      const end = (operation: string): void => {
        open.delete(operation);
        begin(reads.end(operation));
      };
      for (const [index, { operation, mib, ends }] of steps.entries()) {
        if (ends) end([...open.keys()][operation] ?? 'none');
        begin(reads.ask(readOf(`${index}`, mib)));
      }
      while (open.size > 0) end([...open.keys()][0] as string);
      assert.equal(begun, steps.length);
    }),
  );
});
