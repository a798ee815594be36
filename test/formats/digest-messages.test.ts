/** Questions for digests and their answers, and what is none of them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  decodeDigestAnswer,
  decodeDigestQuestion,
  encodeDigestAnswer,
  encodeDigestQuestion,
} from '../../src/formats/digest-messages.ts';

const BUCKETS = 16;

test('a question comes out as it went in, with buckets or for all', () => {
  for (const buckets of [undefined, Buffer.from([3, 0x80])]) {
    const question = decodeDigestQuestion(Buffer.from(encodeDigestQuestion({ askerId: 7, buckets })), BUCKETS);
    assert.deepEqual(question, { askerId: 7, buckets });
  }
  for (const text of ['', 'null', '{}', '{"asker":1}', '{"asker":1,"buckets":"AA=="}', '{"asker":1,"buckets":7}']) {
    assert.equal(decodeDigestQuestion(Buffer.from(text), BUCKETS), undefined, text);
  }
});

test('an answer comes out as it went in; one of another length or without a version is none', () => {
  const answer = {
    heldHere: 1_700_000_000_000_000,
    nowMicros: 1_700_000_000_500_000,
    digests: Uint32Array.from({ length: 2 * BUCKETS }, (_, at) => at * 7e7),
  };
  const bytes = encodeDigestAnswer(answer);
  assert.deepEqual(decodeDigestAnswer(bytes, BUCKETS), answer);
  assert.equal(decodeDigestAnswer(bytes, 2 * BUCKETS), undefined);
  assert.equal(decodeDigestAnswer(bytes.subarray(1), BUCKETS), undefined);
  for (const at of [0, 8]) {
    const broken = Buffer.from(bytes);
    broken.writeDoubleLE(Number.NaN, at);
    assert.equal(decodeDigestAnswer(broken, BUCKETS), undefined);
  }
});
