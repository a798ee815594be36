import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeldomLine } from '../../src/diagnostics/seldom.ts';

test('a seldom line is written at once, and then at most every 10 s with how often it would have been', () => {
  const lines: string[] = [];
  const line = new SeldomLine((reason, count) => lines.push(`${count} ${reason}`));
  for (const [reason, at] of [
    ['a', 0],
    ['b', 1],
    ['c', 9999],
    ['d', 10_000],
    ['e', 19_000],
    ['f', 30_000],
  ] as const) {
    line.note(reason, at);
  }
  assert.deepEqual(lines, ['1 a', '3 d', '2 f']);
});
