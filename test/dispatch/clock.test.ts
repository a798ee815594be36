import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { NodeClock } from '../../src/dispatch/clock.ts';

const driftMsMax = 1000;
const nowMs = 1_700_000_000_000;

function clockAt(t: TestContext, now: number): { clock: NodeClock; readonly set: (now: number) => void } {
  t.mock.timers.enable({ apis: ['Date'], now });
  return { clock: new NodeClock(driftMsMax), set: (to) => t.mock.timers.setTime(to) };
}

test('stamp() rises with every call, also within a microsecond', (t) => {
  const { clock } = clockAt(t, nowMs);
  let last = 0;
  for (let round = 0; round < 10_000; round++) {
    const stamp = clock.stamp();
    assert.ok(Number.isSafeInteger(stamp) && stamp > last);
    last = stamp;
  }
});

test('stamp() is the time in microseconds', (t) => {
  const { clock } = clockAt(t, nowMs);
  const off = Math.abs(clock.stamp() - nowMs * 1000);
  assert.ok(off <= 2000, `${off} us off`);
});

test('stamp() never goes back when the wall clock does', (t) => {
  const { clock, set } = clockAt(t, nowMs);
  const before = clock.stamp();
  set(nowMs - 60_000);
  assert.ok(clock.stamp() > before);
});

test('stamp() follows the wall clock within a millisecond when it jumps forward', (t) => {
  const { clock, set } = clockAt(t, nowMs);
  clock.stamp();
  set(nowMs + 60_000);
  for (const jumpedAt = performance.now(); performance.now() <= jumpedAt + 1;);
  assert.ok(clock.stamp() >= (nowMs + 60_000) * 1000 - 2000);
});

test('a stamp after see() is newer than what was seen', (t) => {
  const { clock } = clockAt(t, nowMs);
  const seen = (nowMs + driftMsMax - 100) * 1000;
  clock.see(seen);
  assert.equal(clock.stamp(), seen + 1);
  clock.see(seen - 10);
  assert.equal(clock.stamp(), seen + 2, 'an older version changes nothing');
});

test('see() ignores a version further ahead than the clock drift allows', (t) => {
  const { clock } = clockAt(t, nowMs);
  for (const seen of [
    (nowMs + driftMsMax + 10) * 1000,
    Number.MAX_SAFE_INTEGER,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ]) {
    clock.see(seen);
    assert.ok(clock.stamp() < (nowMs + driftMsMax) * 1000, String(seen));
  }
});
