/** The checksum of short and long runs of bytes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { crcOf } from '../../src/formats/crc.ts';

test("crcOf() is zlib's CRC-32, of runs of any length anywhere in a buffer and behind any others", () => {
  const run = fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(400), fc.nat(0xffffffff));
  fc.assert(
    fc.property(run, ([bytes, one, other, sum]) => {
      const [start, end] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)];
      // Of no bytes zlib says 0, whatever stands before.
      if (start === end) assert.equal(crcOf(bytes, start, end, sum), sum);
      else assert.equal(crcOf(bytes, start, end, sum), crc32(bytes.subarray(start, end), sum));
    }),
    { numRuns: 2000 },
  );
});

test('crcOf() goes on from the checksum of what stands before', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => (index * 37) & 0xff);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(crcOf(bytes, cut, bytes.length, crcOf(bytes, 0, cut)), crc32(bytes));
  }
});
