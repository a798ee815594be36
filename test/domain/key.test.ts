/** Keys in query strings: decoded strictly, so that two requests name one record only where their bytes are the same. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import { decodeComponent } from '../../src/domain/key.ts';
import { anyText } from '../support/text.ts';

const accepted: readonly (readonly [component: string, text: string])[] = [
  ['', ''],
  ['abc', 'abc'],
  ['a+b', 'a b'],
  ['a%2Bb', 'a+b'],
  ['a%20b', 'a b'],
  ['%C3%A9', 'é'],
  ['%c3%a9', 'é'],
  ['%e2%82%AC', '€'],
  ['%F0%9F%98%80', '😀'],
  ['%00', '\0'],
  ['%25', '%'],
  ['%2541', '%41'],
  ['%26%3D%23', '&=#'],
  ['%F4%8F%BF%BF', '\u{10FFFF}'],
  ['\u00c3\u00a9', 'é'],
];

for (const [component, text] of accepted) {
  test(`${JSON.stringify(component)} decodes to ${JSON.stringify(text)}`, () => {
    assert.deepEqual(decodeComponent(component), Buffer.from(text));
  });
}

const refused: readonly (readonly [component: string, why: string])[] = [
  ['%ff', 'no UTF-8 byte'],
  ['%fe', 'no UTF-8 byte'],
  ['%', 'a lone percent sign'],
  ['abc%', 'a percent sign at the end'],
  ['%4', 'one digit'],
  ['%zz', 'no hexadecimal digits'],
  ['%4g', 'a second digit that is none'],
  ['%g4', 'a first digit that is none'],
  ['%%41', 'a percent sign before an escape'],
  ['% 41', 'a space inside an escape'],
  ['%+1', 'a plus sign inside an escape'],
  ['%-1', 'a minus sign inside an escape'],
  ['%c0%af', 'an overlong form of a slash'],
  ['%e0%80%af', 'an overlong form of a slash in three bytes'],
  ['%c3', 'a sequence cut short'],
  ['%c3a', 'a sequence broken off'],
  ['%80', 'a continuation byte alone'],
  ['%ed%a0%80', 'a high surrogate'],
  ['%ed%bf%bf', 'a low surrogate'],
  ['%f4%90%80%80', 'a code point past U+10FFFF'],
  ['\u00ff', 'a raw byte that is not UTF-8'],
  ['caf\u00e9', 'raw Latin-1'],
];

for (const [component, why] of refused) {
  test(`${JSON.stringify(component)} is refused: ${why}`, () => {
    assert.equal(decodeComponent(component), undefined);
  });
}

test('what encodeURIComponent() makes of any well-formed text decodes to its UTF-8 bytes', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.deepEqual(decodeComponent(encodeURIComponent(text)), Buffer.from(text));
    }),
    { numRuns: 1000 },
  );
});

test('every byte of any well-formed text may be escaped, in either case of digits', () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (text, upper) => {
      const escaped = [...Buffer.from(text)].map((byte) => `%${hex(byte, upper)}`).join('');
      assert.deepEqual(decodeComponent(escaped), Buffer.from(text));
    }),
  );
});

test('any bytes are refused exactly where a strict UTF-8 decoder refuses them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      const escaped = [...bytes].map((byte) => `%${hex(byte, false)}`).join('');
      assert.equal(decodeComponent(escaped) !== undefined, isStrictUtf8(bytes));
    }),
    { numRuns: 2000 },
  );
});

test('different keys never decode from the same component, and the same key is never refused in one spelling only', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('%', '4', '1', 'A', 'f', '+', 'c', '3', 'é'), maxLength: 8 }),
      (component) => {
        const decoded = decodeComponent(component);
        if (decoded === undefined) return;
        const canonical = encodeURIComponent(decoded.toString());
        assert.deepEqual(decodeComponent(canonical), decoded);
      },
    ),
    { numRuns: 2000 },
  );
});

function hex(byte: number, upper: boolean): string {
  const digits = byte.toString(16).padStart(2, '0');
  return upper ? digits.toUpperCase() : digits;
}

function isStrictUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
