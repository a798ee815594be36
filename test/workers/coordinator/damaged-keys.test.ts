import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { DamagedKeys } from '../../../workers/coordinator/damaged-keys.ts';

const [a, b] = [Buffer.from('a'), Buffer.from('b')];

test('damage is known from when it was first said until the replica says otherwise', () => {
  const damaged = new DamagedKeys();
  assert.equal(damaged.isEmpty, true);
  damaged.note(1, a, true, 10);
  damaged.note(1, a, true, 20);
  assert.deepEqual(
    [9, 10, 30].map((beganAt) => damaged.wasKnown(1, a, beganAt)),
    [false, true, true],
  );
  assert.deepEqual([damaged.wasKnown(2, a, 30), damaged.wasKnown(1, b, 30)], [false, false]);
  damaged.note(1, a, false, 40);
  assert.deepEqual([damaged.wasKnown(1, a, 50), damaged.isEmpty], [false, true]);
});

test('no more than 10,000 are remembered, the newest', () => {
  const damaged = new DamagedKeys();
  for (let key = 0; key <= 10_000; key++) damaged.note(0, Buffer.from(String(key)), true, 1);
  assert.equal(damaged.wasKnown(0, Buffer.from('0'), 2), false);
  assert.equal(damaged.wasKnown(0, Buffer.from('10000'), 2), true);
});
