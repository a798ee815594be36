import assert from 'node:assert/strict';
import { Buffer, isUtf8 } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { base64Bytes, isPlainJsonText, writeBase64 } from '../../src/formats/json-text.ts';

/** What the function is to say, the slow way. */
function isPlain(value: Buffer): boolean {
  const text = value.toString('utf8');
  return isUtf8(value) && JSON.stringify(text) === `"${text}"`;
}

const rarelySpecial = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 0x20, max: 0x7f }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x1f, 0x22, 0x5c, 0x80, 0xc3, 0xff) },
);

test('isPlainJsonText() agrees with JSON.stringify, wherever in memory the value stands', () => {
  fc.assert(
    fc.property(
      fc.array(rarelySpecial, { maxLength: 70 }),
      fc.nat(9),
      fc.nat(9),
      fc.constantFrom(0, 0x22, 0x41),
      (value, shift, offset, around) => {
        const memory = Buffer.alloc(shift + offset + value.length + 9, around).subarray(shift);
        memory.set(value, offset);
        assert.equal(isPlainJsonText(memory, offset, offset + value.length), isPlain(Buffer.from(value)));
      },
    ),
    { numRuns: 3000 },
  );
});

test('isPlainJsonText() finds each byte that JSON escapes at each place of a word', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 0; place < 16; place++) {
      const value = Buffer.alloc(16, 'a');
      value[place] = byte;
      assert.equal(isPlainJsonText(value, 0, 16), isPlain(value), `byte ${byte} at ${place}`);
    }
  }
});

test('isPlainJsonText() takes text of several bytes a character', () => {
  const text = Buffer.from('grüße, 世界, 🙂, and \u2028');
  assert.equal(isPlainJsonText(text, 0, text.length), true);
  assert.equal(isPlainJsonText(text, 0, text.length - 1), false);
});

test('writeBase64() writes what Buffer makes of the same bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(5), (value, at) => {
      const source = Buffer.concat([Buffer.from('xx'), value, Buffer.from('yy')]);
      const target = Buffer.alloc(at + base64Bytes(value.length) + 3, '.');
      const end = writeBase64(target, at, source, 2, 2 + value.length);
      assert.equal(end, at + base64Bytes(value.length));
      assert.equal(target.toString('latin1', at, end), Buffer.from(value).toString('base64'));
      assert.equal(target.toString('latin1', end), '...');
    }),
    { numRuns: 2000 },
  );
});
