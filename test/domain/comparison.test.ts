/** What a node does after each comparison with a peer, and since when it knows that both hold the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  afterComparison,
  begun,
  bySlowerClock,
  cameLate,
  foundIdentical,
  havePulled,
  identicalSince,
  nextPassMs,
  paced,
  pulled,
  told,
  unknown,
  type Known,
} from '../../src/domain/comparison.ts';

test('a pass pulls what differs twice, and then looks whether the peer comes to hold the same', () => {
  const first = afterComparison(begun, 3);
  assert.equal(first.kind, 'compare');
  assert.ok(first.kind === 'compare' && first.afterMs > 0, 'what is on its way comes meanwhile');
  const second = first.kind === 'compare' ? afterComparison(first.pass, 2) : first;
  assert.deepEqual(second, { kind: 'pull' });
  let step = afterComparison(pulled, 1);
  let looks = 0;
  for (; step.kind === 'compare'; looks++) step = afterComparison(step.pass, 1);
  assert.deepEqual(step, { kind: 'end', isIdentical: false }, 'it does not go on for ever');
  assert.ok(looks > 1);
});

test('a pass ends as soon as nothing differs', () => {
  for (const pass of [begun, { kind: 'suspected' } as const, pulled, { kind: 'pulled', tries: 4 } as const]) {
    assert.deepEqual(afterComparison(pass, 0), { kind: 'end', isIdentical: true });
  }
});

test('passes that do not find both the same follow sooner, and further apart each time; all take a small share of the time', () => {
  const at = (failures: number, workMs = 0, intervalMs = 60_000): number =>
    nextPassMs({ intervalMs, failures, workMs });
  assert.deepEqual(
    [0, 1, 2, 3, 9].map((failures) => at(failures)),
    [60_000, 1000, 2000, 4000, 30_000],
  );
  assert.equal(at(9, 0, 5000), 5000);
  assert.equal(at(1, 500), 5000);
  assert.equal(at(0, 10_000), 100_000);
});

const grace = 100;

test('nothing is known before both directions are', () => {
  assert.equal(identicalSince(unknown), 0);
  assert.equal(identicalSince(havePulled(unknown, 1000, grace)), 0);
  assert.equal(identicalSince(told(havePulled(unknown, 1000, grace), 700)), 700);
  assert.equal(identicalSince(foundIdentical(unknown, 1000, grace)), 900);
});

test('nodes agree on nothing that is to come by the clock of one of them', () => {
  assert.equal(bySlowerClock(5000, { here: 9000, there: 9000 }), 5000);
  assert.equal(bySlowerClock(5000, { here: 9000, there: 7000 }), 3000, 'this one is ahead');
  assert.equal(bySlowerClock(5000, { here: 9000, there: 12_000 }), 5000, 'the peer is ahead');
});

test('what came late takes it back, until a comparison that began afterwards', () => {
  const known = foundIdentical(unknown, 1000, grace);
  const late = cameLate(known, 300, 1500);
  assert.equal(identicalSince(late), 300);
  assert.equal(identicalSince(foundIdentical(late, 1400, grace)), 300, 'its digests may be older than what came');
  assert.equal(identicalSince(told(late, 1500)), 300, 'the peer pulled before that');
  assert.equal(identicalSince(foundIdentical(late, 1600, grace)), 1500);
  assert.equal(identicalSince(told({ ...late, heldHere: 2000 }, 1501)), 1501);
});

test('it never says more than what some comparison has found since the last thing that came late', () => {
  const event = fc.tuple(fc.constantFrom('same', 'pulled', 'told', 'late'), fc.integer({ min: 1, max: 50 }));
  fc.assert(
    fc.property(fc.array(event), (events) => {
      let now = 1000;
      let known: Known = unknown;
      let below = 0;
      for (const [kind, step] of events) {
        now += step;
        if (kind === 'same') {
          known = foundIdentical(known, now, grace);
          below = now - grace;
        } else if (kind === 'pulled') {
          known = havePulled(known, now, grace);
        } else if (kind === 'told') {
          known = told(known, now - grace);
          if (now - grace > known.lateAt) below = Math.max(below, now - grace);
        } else {
          known = cameLate(known, now - grace - step, now);
          below = Math.min(below, now - grace - step);
        }
        assert.ok(identicalSince(known) <= Math.max(0, below));
      }
    }),
  );
});

test('bytes go at the rate, after a pause some of them at once', () => {
  const rule = { bytesPerSecondMax: 1000, now: 10_000 };
  const first = paced({ freeAt: 0 }, 100, rule);
  assert.equal(first.waitMs, 0);
  const second = paced(first.pace, 1000, rule);
  assert.equal(second.waitMs, 850);
  assert.equal(paced(second.pace, 1000, { ...rule, now: 10_850 }).waitMs, 1000);
});
