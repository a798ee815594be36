import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { acksRequiredOf, keyOf, readEntries, replicaCountOf } from '../../../src/formats/frame.ts';
import { Burials } from '../../../workers/repair/burials.ts';

test('each key is read from all replicas, one after another, once however often it is noted, and again later', async () => {
  const reads: string[] = [];
  const ends: (() => void)[] = [];
  const burials = new Burials({
    replicas: 3,
    coordinate: (frame) => {
      const [entry] = readEntries(frame);
      assert.ok(entry !== undefined && acksRequiredOf(entry) === 3 && replicaCountOf(entry) === 3);
      reads.push(keyOf(entry).toString());
      return new Promise((resolve, reject) => ends.push(() => (reads.length === 1 ? reject(new Error()) : resolve(0))));
    },
  });
  for (const key of ['a', 'b', 'a', 'b']) burials.note(Buffer.from(key));
  assert.deepEqual(reads, ['a']);
  ends.shift()?.();
  await nextTurn();
  assert.deepEqual(reads, ['a', 'b']);
  ends.shift()?.();
  await nextTurn();
  burials.note(Buffer.from('a'));
  assert.deepEqual(reads, ['a', 'b', 'a']);
});
