import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { AnswerBytes } from '../../src/http/answer-bytes.ts';
import type { Response } from '../../src/http/reply.ts';

const found = (bytes: number): Response => ({ status: 200, fields: '', body: Buffer.alloc(bytes) });

test('a value that does not fit beside what waits is answered 503, a small one too', () => {
  const answers = new AnswerBytes(100_000);
  answers.change(60_000);
  const refused = answers.fit(found(40_001));
  assert.deepEqual([refused.status, refused.fields.includes('retry-after: 1')], [503, true]);
  assert.equal(answers.fit(found(40_000)).status, 200);
  answers.change(40_000);
  assert.equal(answers.fit(found(1)).status, 503);
  answers.change(-1);
  assert.equal(answers.fit(found(1)).status, 200);
});

test('answers without a value are never refused', () => {
  const answers = new AnswerBytes(1);
  answers.change(10);
  for (const status of [201, 404, 504]) {
    const response = { status, fields: '', body: status === 201 ? undefined : Buffer.from('why') };
    assert.equal(answers.fit(response), response);
  }
});

test('room is scarce above a half, and full at the bound', () => {
  const answers = new AnswerBytes(100);
  for (const [bytes, isScarce, isFull] of [
    [50, false, false],
    [51, true, false],
    [100, true, true],
  ] as const) {
    answers.change(bytes - answers.inFlight);
    assert.deepEqual([answers.isScarce, answers.isFull], [isScarce, isFull]);
  }
});
