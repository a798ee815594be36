import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { seededRandom } from '../../profiling/load/random.ts';
import { readSegment, readSegmentHeader, damageOf, type SegmentHeader } from '../../src/formats/log.ts';
import { encodeSegment } from '../support/log-segments.ts';
import { flipInLog, flipInValue } from './flips.ts';

function randomOf(seed: number) {
  const next = seededRandom(seed);
  return { below: (end: number) => Math.floor(next() * end) };
}

test('flipInLog() chooses a byte whose flip is damage, and never one that a crash may have cut off', () => {
  const groups = [1, 2, 3, 4].map((version) => ({ entries: [{ key: `key ${version}`, version, valueBytes: 100 }] }));
  for (let seed = 0; seed < 100; seed++) {
    const { bytes, ends } = encodeSegment(groups);
    const flip = flipInLog(new Map([['1.log', bytes]]), randomOf(seed));
    assert.ok(flip !== undefined && flip.offset < (ends[2] ?? 0));
    bytes[flip.offset] = (bytes[flip.offset] as number) ^ 0xff;
    const header = readSegmentHeader(bytes) as SegmentHeader;
    const damage = damageOf([{ header, reading: readSegment(bytes, header, () => {}) }], 0);
    assert.equal(damage.length, 1);
  }
});

test('flipInLog() finds nothing where no group is known to be on the disk', () => {
  const { bytes } = encodeSegment([{ entries: [{ key: 'key', version: 1, valueBytes: 100 }] }]);
  assert.equal(flipInLog(new Map([['1.log', bytes]]), randomOf(1)), undefined);
  assert.equal(flipInLog(new Map([['1.log', Buffer.alloc(8192)]]), randomOf(1)), undefined);
});

test('flipInValue() chooses the inside of a value, and nothing where there is none', () => {
  const file = Buffer.alloc(3 * 4096);
  file.write('e0 plain 1=17;'.repeat(100), 5000, 'latin1');
  for (let seed = 0; seed < 100; seed++) {
    const flip = flipInValue('store.mdb', file, randomOf(seed));
    assert.ok(flip !== undefined && flip.offset > 5000 && flip.offset < 6400, String(flip?.offset));
  }
  assert.equal(flipInValue('store.mdb', Buffer.alloc(8192), randomOf(1)), undefined);
});
