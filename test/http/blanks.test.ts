/** White space as HTTP has it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trimBlanks } from '../../src/http/blanks.ts';

test('trimBlanks() takes spaces and tabs from both ends, and no other byte', () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const expected = code === 0x20 || code === 0x09 ? 'a b' : `${character}a b${character}`;
    assert.equal(trimBlanks(`${character}a b${character}`), expected, `byte ${code}`);
  }
  assert.equal(trimBlanks(' \t '), '');
});
