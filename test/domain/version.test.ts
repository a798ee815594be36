/** Versions: a clock that never runs backwards, is pushed forward by what it sees, and believes no far future. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  mergeVersion,
  nextBound,
  nextVersion,
  renewalStart,
  versionCeiling,
  versionFloor,
  versionMax,
} from '../../src/domain/version.ts';

const micros = fc.integer({ min: 0, max: 2 ** 51 });

test('nextVersion() is the wall clock where that is ahead, and one more than the last where it is not', () => {
  assert.equal(nextVersion(100, 200), 200);
  assert.equal(nextVersion(200, 200), 201);
  assert.equal(nextVersion(300, 200), 301);
});

test('nextVersion() rises at every step, however the wall clock jumps', () => {
  fc.assert(
    fc.property(micros, fc.array(micros), (start, clock) => {
      let last = start;
      for (const now of clock) {
        const next = nextVersion(last, now);
        assert.ok(next > last && next >= now && Number.isSafeInteger(next));
        last = next;
      }
    }),
  );
});

test('mergeVersion() is the newer of the two up to the ceiling', () => {
  fc.assert(
    fc.property(micros, micros, micros, (last, seen, ceiling) => {
      const expected = seen > ceiling ? last : Math.max(last, seen);
      assert.equal(mergeVersion(last, seen, ceiling), expected);
    }),
  );
});

test('mergeVersion() accepts the ceiling itself and refuses one microsecond more', () => {
  assert.equal(mergeVersion(1, 500, 500), 500);
  assert.equal(mergeVersion(1, 501, 500), 1);
});

test('mergeVersion() never goes backwards, even where the last version is past the ceiling', () => {
  assert.equal(mergeVersion(900, 800, 500), 900);
  assert.equal(mergeVersion(900, 950, 500), 900);
});

test('mergeVersion() ignores what is not a number', () => {
  assert.equal(mergeVersion(900, NaN, 1000), 900);
});

test('a write after a read is newer than what was read, whatever the wall clocks say', () => {
  fc.assert(
    fc.property(micros, micros, micros, (last, read, now) => {
      const merged = mergeVersion(last, read, Infinity);
      assert.ok(nextVersion(merged, now) > read);
    }),
  );
});

const bounds = { clockDriftMsMax: 500, timeoutMs: 100 };

test('versionCeiling() is the drift ahead of now or of the newest that is stored, whichever is later', () => {
  assert.equal(versionCeiling(1_000_000, 0, { clockDriftMsMax: 0 }), 1_000_000);
  assert.equal(versionCeiling(1_000_000, 0, bounds), 1_500_000);
  assert.equal(versionCeiling(1_000_000, 900_000, bounds), 1_500_000);
  assert.equal(versionCeiling(1_000_000, 3_600_000_000, bounds), 3_600_500_000);
});

test('versionCeiling() leaves room for newer versions, whatever is stored', () => {
  const ceiling = versionCeiling(1_000_000, Number.MAX_SAFE_INTEGER, bounds);
  assert.equal(ceiling, versionMax);
  assert.ok(Number.isSafeInteger(nextBound(ceiling, 0)));
});

test('versionFloor() is the drift and the longest way of a write before now', () => {
  assert.equal(versionFloor(1_000_000, bounds), 400_000);
});

test('nextBound() is 2 s ahead of the clock, and little ahead of stamps that run ahead of it', () => {
  assert.equal(nextBound(0, 10_000_000), 12_000_000);
  assert.equal(nextBound(11_000_000, 10_000_000), 12_000_000);
  assert.equal(nextBound(60_000_000, 10_000_000), 60_200_000);
});

test('a bound is above what was given, and is renewed before it is reached', () => {
  fc.assert(
    fc.property(micros, micros, (last, now) => {
      const bound = nextBound(last, now);
      const renewal = renewalStart(bound, last, now);
      assert.ok(bound > last && bound > now);
      assert.ok(renewal > Math.max(last, now) && renewal < bound);
    }),
  );
});

test('a node that crashes over and over runs away from its clock by 0.2 s each time at most', () => {
  const now = 10_000_000;
  let last = 0;
  for (let crash = 0; crash < 10; crash++) last = nextBound(last, now);
  assert.ok(last - now <= 2_000_000 + 9 * 200_000);
});
