/** How many PUTs a node gets at once: up while it accepts, down where it refuses, and a pause where it takes nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  judgeStatus,
  maySend,
  paceAfter,
  paceAtStart,
  type FillAnswer,
  type Pace,
} from '../../../profiling/load/fill-pace.ts';

const accepted: FillAnswer = { kind: 'accepted' };

function refused(changes: Partial<Extract<FillAnswer, { kind: 'refused' }>> = {}): FillAnswer {
  return { kind: 'refused', sentMs: 100, nowMs: 200, retryAfterMs: null, ...changes };
}

function paceOf(changes: Partial<Pace>): Pace {
  return { ...paceAtStart(64, 1000), ...changes };
}

const cases: readonly (readonly [what: string, from: Partial<Pace>, answer: FillAnswer, to: Partial<Pace>])[] = [
  ['an acceptance adds one at first', { limit: 2 }, accepted, { limit: 3 }],
  ['an acceptance never passes the connections', { limit: 64 }, accepted, { limit: 64 }],
  ['after a halving a whole window adds one', { limit: 8, fastBelow: 8 }, accepted, { limit: 8.125 }],
  ['an acceptance ends the longer pauses', { limit: 1, fastBelow: 1, pauseMs: 800 }, accepted, { pauseMs: 50 }],
  ['a refusal halves', { limit: 9 }, refused(), { limit: 4, fastBelow: 4, slowedAtMs: 200, resumeAtMs: -Infinity }],
  ['what was sent before the last halving says nothing new', { limit: 4, slowedAtMs: 150 }, refused(), { limit: 4 }],
  [
    'a single refused request makes the next one wait, twice as long each time',
    { limit: 1.5, pauseMs: 200 },
    refused(),
    { limit: 1, pauseMs: 400, resumeAtMs: 400 },
  ],
  ['pauses are bounded', { limit: 1, pauseMs: 900 }, refused(), { pauseMs: 1000, resumeAtMs: 1100 }],
  [
    'a node that says when to come again is obeyed',
    { limit: 8 },
    refused({ retryAfterMs: 3000 }),
    { resumeAtMs: 3200 },
  ],
  [
    'also by what was sent before the last halving',
    { limit: 4, slowedAtMs: 150 },
    refused({ retryAfterMs: 3000 }),
    { limit: 4, resumeAtMs: 3200 },
  ],
  ['but not for hours', { limit: 8 }, refused({ retryAfterMs: 86_400_000 }), { resumeAtMs: 10_200 }],
  ['a shorter pause does not end a longer one', { limit: 8, resumeAtMs: 900 }, refused(), { resumeAtMs: 900 }],
];

for (const [what, from, answer, to] of cases) {
  test(`paceAfter(): ${what}`, () => {
    const before = paceOf(from);
    const after = paceAfter(before, answer);
    assert.deepEqual(after, { ...after, ...to });
  });
}

test('paceAtStart() begins with two requests, or as many as there are connections', () => {
  assert.deepEqual([paceAtStart(64).limit, paceAtStart(1).limit], [2, 1]);
});

test('paceAfter() doubles each round until the first refusal, halves once for a round of them, then adds one a round', () => {
  let pace = paceAtStart(64);
  const round = (answers: FillAnswer): number => {
    for (let sent = Math.floor(pace.limit); sent > 0; sent--) pace = paceAfter(pace, answers);
    return Math.floor(pace.limit);
  };
  assert.deepEqual([round(accepted), round(accepted), round(accepted), round(accepted)], [4, 8, 16, 32]);
  assert.equal(round(refused({ sentMs: 100, nowMs: 200 })), 16);
  assert.equal(round(accepted), 16);
  assert.equal(round(accepted), 17);
});

test('maySend() holds to the limit and to the pause', () => {
  const pace = paceOf({ limit: 2.9, resumeAtMs: 500 });
  assert.deepEqual([maySend(pace, 1, 500), maySend(pace, 2, 500), maySend(pace, 0, 499)], [true, false, false]);
});

for (const [status, verdict] of [
  [201, 'accepted'],
  [408, 'for-now'],
  [429, 'for-now'],
  [500, 'for-now'],
  [503, 'for-now'],
  [504, 'for-now'],
  [200, 'for-good'],
  [400, 'for-good'],
  [413, 'for-good'],
  [507, 'for-good'],
] as const) {
  test(`judgeStatus() of ${status} is ${verdict}`, () => assert.equal(judgeStatus(status), verdict));
}
