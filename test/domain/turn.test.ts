import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turn } from '../../src/domain/turn.ts';

test('what is asked for several times in a turn is run once, at its end, and again in the next turn', () => {
  const ends: (() => void)[] = [];
  let runs = 0;
  const turn = new Turn(
    () => runs++,
    (run) => ends.push(run),
  );
  turn.schedule();
  turn.schedule();
  assert.deepEqual([runs, ends.length], [0, 1]);
  ends.shift()?.();
  assert.deepEqual([runs, ends.length], [1, 0]);
  turn.schedule();
  ends.shift()?.();
  assert.equal(runs, 2);
});

test('what a run asks for comes in a turn of its own', () => {
  const ends: (() => void)[] = [];
  let runs = 0;
  const turn: Turn = new Turn(
    () => {
      if (++runs === 1) turn.schedule();
    },
    (run) => ends.push(run),
  );
  turn.schedule();
  ends.shift()?.();
  assert.deepEqual([runs, ends.length], [1, 1]);
});
