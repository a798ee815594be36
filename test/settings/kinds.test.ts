import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIB, MIB } from '../../src/domain/units.ts';
import { resolveSettings } from '../../src/settings/config.ts';
import { choice, kebab, size, type Others } from '../../src/settings/kinds.ts';

const said = { why: 'For a test', choose: 'Any', neededBy: 'node' } as const;

const others: Others = {
  ...resolveSettings({ flags: new Map(), environment: {} }).settings,
  selfAsGiven: undefined,
  memoryLimitBytes: 16 * 1024 ** 3,
  valueBytesMax: MIB,
  batchBytesMax: 2 * MIB,
};

test('size() refuses what does not hold each of the sizes that it must hold', () => {
  const holding = size({
    ...said,
    range: [KIB, 64 * MIB],
    atLeast: [{ of: 'valueBytesMax', plusBytes: 64 * KIB }, { of: 'batchBytesMax' }],
    default: 4 * MIB,
  });
  assert.equal(holding.bounds, '1KiB to 64MiB, at least --value-bytes-max + 64KiB and --batch-bytes-max');
  assert.equal(holding.check(MIB, others), 'expected at least 1088KiB, the size of --value-bytes-max and 64KiB');
  assert.equal(holding.check(MIB + 64 * KIB, others), 'expected at least 2MiB, the size of --batch-bytes-max');
  assert.equal(holding.check(2 * MIB, others), undefined);
});

test('size() keeps a check of its own besides', () => {
  const odd = size({
    ...said,
    range: [1, MIB],
    default: 1,
    check: (value) => (value % 2 === 0 ? 'expected an odd size' : undefined),
  });
  assert.equal(odd.check(2, others), 'expected an odd size');
  assert.equal(odd.check(3, others), undefined);
});

test('choice() takes its words and no others', () => {
  const colour = choice({ ...said, of: ['red', 'green', 'blue'], default: 'red' });
  assert.deepEqual(colour.parse('green'), { value: 'green' });
  assert.equal(colour.parse('Green'), undefined);
  assert.equal(colour.expected, 'red, green or blue');
});

test('kebab() makes the flag of a name', () => {
  assert.equal(kebab('bodyBytesInFlightMax'), 'body-bytes-in-flight-max');
  assert.equal(kebab('workers'), 'workers');
});
