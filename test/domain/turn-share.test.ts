/** What a turn's share promises: no turn does more, nothing is lost, and what waits goes on in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TurnShare } from '../../src/domain/turn-share.ts';

/** Turns by hand: `next` runs what was deferred to it, and says how many functions that were. */
function turns() {
  let deferred: (() => void)[] = [];
  return {
    defer: (run: () => void): unknown => deferred.push(run),
    next: (): number => {
      const due = deferred;
      deferred = [];
      for (const run of due) run();
      return due.length;
    },
  };
}

test('what is asked for later runs once, in order, as many a turn as the share has units', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat({ max: 12 }), { maxLength: 8 }), (perTurn, asked) => {
      const { defer, next } = turns();
      const share = new TurnShare(perTurn, defer);
      const ran: number[] = [];
      let count = 0;
      for (const many of asked) {
        for (let left = many; left > 0; left--) {
          const number = count++;
          share.later(() => ran.push(number));
        }
        const before = ran.length;
        next();
        assert.equal(ran.length, Math.min(before + perTurn, count));
      }
      while (next() > 0);
      assert.deepEqual(ran, [...Array(count).keys()]);
    }),
  );
});

test('a share is used up after as many units as it has, and whole again in the next turn', () => {
  const { defer, next } = turns();
  const share = new TurnShare(3, defer);
  for (let turn = 0; turn < 2; turn++) {
    assert.deepEqual([share.use(), share.use(), share.use(), share.use()], [true, true, false, false]);
    next();
  }
});

test('a turn that was shortened does an eighth, the next one all again', () => {
  const { defer, next } = turns();
  const share = new TurnShare(16, defer);
  let ran = 0;
  for (let count = 0; count < 100; count++) share.later(() => ran++);
  const after: number[] = [];
  for (const isShort of [true, false, true, true]) {
    if (isShort) share.shortenNext();
    next();
    after.push(ran);
  }
  assert.deepEqual(after, [2, 18, 20, 22]);
});

test('a share that nobody uses defers nothing', () => {
  const { defer, next } = turns();
  const share = new TurnShare(1, defer);
  share.use();
  assert.deepEqual([next(), next()], [1, 0]);
});

test('who pauses one after another takes a turn each', async () => {
  const share = new TurnShare(1, setImmediate);
  const order: string[] = [];
  const walk = async (name: string): Promise<void> => {
    for (let step = 0; step < 3; step++) {
      await share.pause();
      order.push(name);
    }
  };
  await Promise.all([walk('a'), walk('b')]);
  assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b']);
});
