/** Records: a header that reads back as written, and a checksum that finds every flipped bit. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import {
  EXPIRY_BYTES,
  hasSoundHeader,
  headerBytesOf,
  isGone,
  isIntact,
  isIntactInSteps,
  isTombstone,
  readExpiry,
  readStamp,
  readVersion,
  RECORD_HEADER_BYTES,
  recordKinds,
  sealRecord,
  sealRecordInSteps,
  writeExpiry,
  type RecordView,
} from '../../src/formats/record.ts';
import { anyExpiry, anyKey, anyStamp, anyValue, anyVersion, bytesOf, makeExpiring, makeRecord } from './arbitraries.ts';

const key = Buffer.from('key');

test('a sealed record reads back as its stamp and is intact for its key', () => {
  fc.assert(
    fc.property(anyKey, anyStamp, anyValue, (ownKey, stamp, value) => {
      const { bytes, offset, length } = makeRecord(ownKey, stamp, value);
      assert.ok(isIntact(bytes, offset, length, ownKey));
      assert.deepEqual(readStamp(bytes, offset), stamp);
      assert.equal(readVersion(bytes, offset), stamp.version);
      assert.equal(isTombstone(bytes, offset), stamp.kind === recordKinds.tombstone);
      assert.deepEqual(bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length), value);
    }),
  );
});

test('a value that expires is gone from its instant on, and its expiry is a part of the record', () => {
  fc.assert(
    fc.property(anyKey, anyVersion, anyValue, anyExpiry, (ownKey, version, value, expiresAt) => {
      const { bytes, offset, length } = makeExpiring(ownKey, { version, nodeId: 1 }, value, expiresAt);
      assert.ok(isIntact(bytes, offset, length, ownKey));
      assert.equal(readExpiry(bytes, offset), expiresAt);
      assert.deepEqual(bytes.subarray(offset + headerBytesOf(bytes, offset), offset + length), value);
      const isGoneAt = [expiresAt - 1, expiresAt].map((now) => isGone(bytes, offset, () => now));
      assert.deepEqual(isGoneAt, [false, true]);
      for (const shorter of [RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + EXPIRY_BYTES - 1]) {
        assert.equal(hasSoundHeader(bytes, offset, shorter), false);
      }
      writeExpiry(bytes, offset, expiresAt + 1);
      assert.equal(isIntact(bytes, offset, length, ownKey), false);
      writeExpiry(bytes, offset, Number.NaN);
      assert.equal(hasSoundHeader(bytes, offset, length), false);
    }),
  );
});

test('a tombstone is gone at any time, and a value without an expiry never', () => {
  const stamp = { version: 7, nodeId: 3 };
  const [value, tombstone] = [recordKinds.value, recordKinds.tombstone].map((kind) =>
    makeRecord(key, { ...stamp, kind }, Buffer.alloc(0)),
  );
  const goneAt = (view: RecordView | undefined, now: number): boolean =>
    view !== undefined && isGone(view.bytes, view.offset, () => now);
  assert.deepEqual([goneAt(value, Infinity), goneAt(tombstone, 0)], [false, true]);
});

test('sealing touches no byte outside the header', () => {
  fc.assert(
    fc.property(anyKey, anyStamp, bytesOf(0, 40), (ownKey, stamp, value) => {
      const margin = 5;
      const bytes = Buffer.alloc(2 * margin + RECORD_HEADER_BYTES + value.length, 0xee);
      bytes.set(value, margin + RECORD_HEADER_BYTES);
      const before = Buffer.from(bytes);
      sealRecord(bytes, margin, value.length, ownKey, stamp);
      before.copy(bytes, margin, margin, margin + RECORD_HEADER_BYTES);
      assert.deepEqual(bytes, before);
    }),
  );
});

test('the checksum finds every flipped bit of header and value', () => {
  fc.assert(
    fc.property(anyKey, anyStamp, bytesOf(0, 100), (ownKey, stamp, value) => {
      const { bytes, offset, length } = makeRecord(ownKey, stamp, value);
      for (let bit = offset * 8; bit < (offset + length) * 8; bit++) {
        flip(bytes, bit);
        assert.equal(isIntact(bytes, offset, length, ownKey), false, `bit ${bit - offset * 8}`);
        flip(bytes, bit);
      }
      assert.ok(isIntact(bytes, offset, length, ownKey));
    }),
  );
});

test('the checksum finds every flipped bit of the key', () => {
  fc.assert(
    fc.property(bytesOf(1, 40), anyStamp, bytesOf(0, 100), (ownKey, stamp, value) => {
      const { bytes, offset, length } = makeRecord(ownKey, stamp, value);
      for (let bit = 0; bit < ownKey.length * 8; bit++) {
        flip(ownKey, bit);
        assert.equal(isIntact(bytes, offset, length, ownKey), false, `bit ${bit}`);
        flip(ownKey, bit);
      }
    }),
  );
});

test('a record cut short is not intact', () => {
  const { bytes, offset, length } = makeRecord(
    key,
    { version: 1, nodeId: 1, kind: recordKinds.value },
    Buffer.from('value'),
  );
  for (let short = 0; short < length; short++) assert.equal(isIntact(bytes, offset, short, key), false, `${short}`);
});

for (const version of [NaN, Infinity, -1, 0.5, 2 ** 53]) {
  test(`a record of version ${version} is not intact, whatever its checksum says`, () => {
    const { bytes, offset, length } = makeRecord(
      key,
      { version, nodeId: 1, kind: recordKinds.value },
      Buffer.from('v'),
    );
    assert.equal(isIntact(bytes, offset, length, key), false);
    assert.equal(finish(isIntactInSteps(bytes, offset, length, key)), false);
  });
}

test('sealing and checking in steps come to the same as doing them at once', () => {
  const stepBytes = 512 * 1024;
  for (const size of [0, 1, 1000, stepBytes - 14, stepBytes - 13, stepBytes - 12, 3 * stepBytes + 7]) {
    const stamp = { version: 7, nodeId: 3, kind: recordKinds.value };
    const atOnce = makeRecord(key, stamp, Buffer.alloc(size, 'kvorum'));
    const { offset, length } = atOnce;
    const bytes = Buffer.from(atOnce.bytes);
    bytes.fill(0, offset, offset + RECORD_HEADER_BYTES);
    finish(sealRecordInSteps(bytes, offset, size, key, stamp));
    assert.ok(bytes.equals(atOnce.bytes), `${size} bytes`);
    assert.equal(finish(isIntactInSteps(bytes, offset, length, key)), true);
    flip(bytes, (offset + length) * 8 - 1);
    assert.equal(finish(isIntactInSteps(bytes, offset, length, key)), false);
  }
});

/** What a stepped task returns once all of its steps are done. */
function finish<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function flip(bytes: Buffer, bit: number): void {
  const index = bit >> 3;
  bytes[index] = (bytes[index] as number) ^ (1 << (bit & 7));
}
