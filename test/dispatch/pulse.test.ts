/** A pause of the process is noticed by whoever is about to begin something. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Pulse } from '../../src/dispatch/pulse.ts';
import { eventually } from '../support/eventually.ts';

test('a pause is told once, and is over after some turns that bring what waited in the kernel', async (t) => {
  const pauses: number[] = [];
  const pulse = new Pulse({ pauseMs: 3_600_000, onPause: (ms) => pauses.push(ms) });
  t.after(() => pulse.close());
  const before = performance.now();
  assert.equal(pulse.isResuming(before), false);
  const after = before + 7_200_000;
  assert.equal(pulse.isResuming(after), true);
  assert.equal(pulse.isResuming(after + 1), true);
  assert.equal(pauses.length, 1);
  assert.ok((pauses[0] ?? 0) > 3_600_000);
  assert.deepEqual([pulse.hasPausedSince(before), pulse.hasPausedSince(after + 1)], [true, false]);
  await eventually(() => assert.equal(pulse.isResuming(after + 2), false));
});

test('a process has not got over a pause while connections come that waited in the kernel, a turn each', async (t) => {
  const pulse = new Pulse({ pauseMs: 1000, onPause: () => {} });
  t.after(() => pulse.close());
  const now = performance.now() + 60_000;
  const backlog = 1000;
  assert.equal(pulse.isResuming(now), true);
  for (let accepted = 0; accepted < backlog; accepted++) {
    pulse.noteAccepted(backlog);
    await nextTurn();
    assert.equal(pulse.isResuming(now), true, `after ${accepted} connections`);
  }
  // Later ones have not waited for it.
  await eventually(() => {
    pulse.noteAccepted(backlog);
    assert.equal(pulse.isResuming(now), false);
  });
});

test('a process that is merely busy has not paused', (t) => {
  const pulse = new Pulse({ pauseMs: 1, onPause: () => assert.fail('told of a pause') });
  t.after(() => pulse.close());
  assert.equal(pulse.isResuming(performance.now() + 400), false);
});
