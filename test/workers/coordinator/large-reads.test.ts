/** Large records are read a bounded number of bytes at a time, in the order of the operations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LargeReads } from '../../../workers/coordinator/large-reads.ts';

const MIB = 1024 * 1024;

test('operations are read as far as their records fit, the others in order as those end', () => {
  const reads = new LargeReads<string>();
  const asked: string[] = [];
  const ask = (operation: string, mib: number): void => reads.ask(operation, mib * MIB, () => asked.push(operation));
  for (const [operation, mib] of [['a', 16], ['b', 16], ['c', 1], ['d', 31], ['e', 1]] as const) ask(operation, mib); // prettier-ignore
  assert.deepEqual(asked, ['a', 'b']);
  reads.end('a');
  assert.deepEqual(asked, ['a', 'b', 'c']);
  reads.end('b');
  assert.deepEqual(asked, ['a', 'b', 'c', 'd']);
  reads.end('c');
  assert.deepEqual(asked, ['a', 'b', 'c', 'd', 'e']);
});

test('an operation that asks another replica does so in its turn, and waits for a new one after that', () => {
  const reads = new LargeReads<string>();
  const asked: string[] = [];
  const ask = (operation: string, node: number): void => {
    reads.ask(operation, 32 * MIB, () => asked.push(`${operation}${node}`));
  };
  ask('a', 0);
  ask('b', 0);
  ask('a', 1);
  assert.deepEqual(asked, ['a0', 'a1']);
  reads.end('a');
  ask('a', 2);
  assert.deepEqual(asked, ['a0', 'a1', 'b0']);
  reads.end('b');
  assert.deepEqual(asked, ['a0', 'a1', 'b0', 'a2']);
});

test('one record that is longer than the bound is read alone', () => {
  const reads = new LargeReads<string>();
  const asked: string[] = [];
  for (const operation of ['small', 'huge', 'next']) {
    reads.ask(operation, operation === 'huge' ? 100 * MIB : MIB, () => asked.push(operation));
  }
  assert.deepEqual(asked, ['small']);
  reads.end('small');
  assert.deepEqual(asked, ['small', 'huge']);
  reads.end('huge');
  assert.deepEqual(asked, ['small', 'huge', 'next']);
});

test('operations whose time is up are never asked, and make room for others', () => {
  const reads = new LargeReads<string>();
  const asked: string[] = [];
  for (const operation of ['a', 'b', 'c', 'd']) reads.ask(operation, 32 * MIB, () => asked.push(operation));
  reads.endAll(['a', 'b', 'c']);
  assert.deepEqual(asked, ['a', 'd']);
  reads.end('b');
  reads.end('d');
  assert.deepEqual(asked, ['a', 'd']);
});

test('whatever ends whenever, every operation is asked once or has ended, and never more bytes than the bound', () => {
  const step = fc.record({ operation: fc.nat(12), mib: fc.integer({ min: 1, max: 20 }), ends: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const reads = new LargeReads<string>();
      const open = new Map<string, number>();
      let [bytes, asked, begun] = [0, 0, 0];
      const end = (operation: string): void => {
        bytes -= open.get(operation) ?? 0;
        open.delete(operation);
        reads.end(operation);
      };
      for (const [index, { operation, mib, ends }] of steps.entries()) {
        if (ends) end([...open.keys()][operation] ?? 'none');
        begun++;
        reads.ask(`${index}`, mib * MIB, () => {
          asked++;
          bytes += mib;
          open.set(`${index}`, mib);
          assert.ok(bytes <= 32);
        });
      }
      while (open.size > 0) end([...open.keys()][0] as string);
      assert.equal(asked, begun);
    }),
  );
});
