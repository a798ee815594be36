import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSender, parseSender } from '../../src/formats/sender.ts';

test('what a node says of itself in a field reads back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(0xffffffff), (newest, start) => {
      assert.deepEqual(parseSender(formatSender({ newest, start })), { newest, start });
    }),
  );
});

test('a text that is not two numbers within their bounds says nothing', () => {
  const texts = ['', '1', '1 ', ' 1 1', '1  1', '1 1 1', '-1 1', '1.5 1', '1e3 1', '0x1 1', '9007199254740992 1'];
  for (const text of [...texts, '1 4294967296', '1 99999999999', 'undefined', 'NaN 1', '1 1\n']) {
    assert.equal(parseSender(text), undefined, text);
  }
});
