import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  afterAnswer,
  afterFailure,
  afterRefusal,
  askedRestMs,
  inOrder,
  unknownHealth,
} from '../../src/client/health.ts';

const [a, b, c] = ['a', 'b', 'c'].map(unknownHealth) as [Health, Health, Health];
type Health = ReturnType<typeof unknownHealth>;

function urls(nodes: readonly Health[], nowMs: number): string {
  return inOrder(nodes, nowMs)
    .map(({ url }) => url)
    .join('');
}

test('nodes are asked in the order given, those that rest last and by the end of their rest', () => {
  assert.equal(urls([a, b, c], 0), 'abc');
  assert.equal(urls([afterRefusal(a, 0, 1000), b, afterRefusal(c, 0, 500)], 100), 'bca');
  assert.equal(urls([afterRefusal(a, 0, 1000), b, c], 1000), 'abc');
});

test('each failure doubles the rest, up to 30 s, half of it by chance; an answer ends it', () => {
  const rests: number[] = [];
  let node = a;
  for (let failures = 0; failures < 9; failures++) {
    node = afterFailure(node, 0, 0);
    rests.push(node.restsUntilMs);
  }
  assert.deepEqual(rests, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(afterFailure(a, 100, 1).restsUntilMs, 225);
  assert.equal(node.hasAnswered, false);
  assert.deepEqual(afterAnswer(node), { url: 'a', failures: 0, restsUntilMs: 0, hasAnswered: true });
});

test('all nodes together rest only for as long as each of them has asked to be left alone', () => {
  const [busy, busier] = [afterRefusal(a, 0, 500), afterRefusal(b, 0, 1000)];
  assert.equal(askedRestMs([busy, busier], 100), 400);
  assert.equal(askedRestMs([busy, afterFailure(b, 0, 0)], 100), 0);
  assert.equal(askedRestMs([busy, busier], 600), 0);
});
