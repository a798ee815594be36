import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { AnswerBytes } from '../../src/http/answer-bytes.ts';
import { copiedBodyBytesMax, Reply, type Response } from '../../src/http/reply.ts';

const context = { method: 'GET', keepAlive: true, isHttp10: false };
const large = (bytes: number): Response => ({ status: 200, fields: '', body: Buffer.alloc(bytes) });

test('what is held is counted until it is released, and past the bound answered 503', () => {
  const answers = new AnswerBytes(100_000);
  const first = answers.hold(large(60_000));
  assert.deepEqual([first.status, answers.inFlight], [200, 60_000]);
  const refused = answers.hold(large(40_001));
  assert.deepEqual([refused.status, refused.fields.includes('retry-after: 1'), answers.inFlight], [503, true, 60_000]);
  const second = answers.hold(large(40_000));
  assert.deepEqual([second.status, answers.inFlight], [200, 100_000]);
  first.onTaken?.(20_000);
  assert.equal(answers.inFlight, 80_000);
  first.onTaken?.(Infinity);
  assert.equal(answers.inFlight, 40_000);
  first.onTaken?.(Infinity);
  assert.equal(answers.inFlight, 40_000);
});

test('small answers and answers without a body are never refused', () => {
  const answers = new AnswerBytes(1);
  for (const response of [large(copiedBodyBytesMax), large(0), { status: 404, fields: '', body: undefined }]) {
    assert.equal(answers.hold(response), response);
  }
  assert.equal(answers.inFlight, 0);
});

test('what does not leave is released: with its connection, after it, and where the request is answered already', () => {
  for (const isFirst of [true, false]) {
    const answers = new AnswerBytes(100_000);
    let sent = 0;
    const reply = new Reply(context, () => sent++);
    if (isFirst) reply.send(answers.hold(large(60_000)));
    reply.drop();
    reply.send(answers.hold(large(30_000)));
    assert.equal(sent, isFirst ? 1 : 0);
    assert.equal(answers.inFlight, 0);
  }
});
