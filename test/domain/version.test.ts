/** Versions: a clock that never runs backwards, is pushed forward by what it sees, and believes no far future. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { mergeVersion, nextVersion, versionCeiling } from '../../src/domain/version.ts';

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

test('versionCeiling() is the drift ahead of now, in microseconds', () => {
  assert.equal(versionCeiling(1_000_000, 0), 1_000_000);
  assert.equal(versionCeiling(1_000_000, 500), 1_500_000);
});
