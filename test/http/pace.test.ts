/** How long a client may take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsPace } from '../../src/http/pace.ts';

const pace = { graceMs: 1000, bytesPerSecondMin: 100 };
const start = { since: 500, bytes: 7 };

for (const [what, now, expected] of [
  ['nothing within the grace', { since: 1500, bytes: 7 }, 'same'],
  ['the least rate past the grace', { since: 2500, bytes: 207 }, 'new'],
  ['one byte less', { since: 2500, bytes: 206 }, undefined],
] as const) {
  test(`keepsPace() ${expected === undefined ? 'ends' : 'goes on'} at ${what}`, () => {
    const expectedProgress = { same: start, new: now };
    assert.equal(keepsPace(start, now, pace), expected === undefined ? undefined : expectedProgress[expected]);
  });
}
