/** How far clocks are apart: what is measured, what counts of it, and when a node takes its own clock for the wrong one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  afterJump,
  bestOffset,
  describeOff,
  judgeClock,
  offsetOf,
  withOffset,
  type Offset,
} from '../../src/domain/clock-offsets.ts';

const bounds = { clockDriftMsMax: 5000 };
const exact = (...seconds: number[]): Offset[] => seconds.map((one) => ({ micros: one * 1e6, errorMicros: 0 }));

test('offsetOf() is within its error of the truth, however the way there and back differ', () => {
  const micros = fc.integer({ min: 0, max: 2 ** 40 });
  const offset = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
  fc.assert(
    fc.property(micros, offset, micros, micros, micros, (askedAt, truth, there, held, back) => {
      const receivedAt = askedAt + there + truth;
      const exchange = {
        askedAt,
        receivedAt,
        answeredAt: receivedAt + held,
        returnedAt: askedAt + there + held + back,
      };
      const { micros: measured, errorMicros } = offsetOf(exchange);
      assert.ok(Math.abs(measured - truth) <= errorMicros + 1, `${measured} instead of ${truth}, +-${errorMicros}`);
      assert.equal(errorMicros, Math.ceil((there + back) / 2));
    }),
  );
});

test('the measure with the quickest way counts, and is forgotten after eight newer ones', () => {
  let offsets: readonly Offset[] = [];
  assert.equal(bestOffset(offsets), undefined);
  offsets = withOffset(offsets, { micros: 1, errorMicros: 10 });
  for (let more = 0; more < 7; more++) {
    offsets = withOffset(offsets, { micros: 100 + more, errorMicros: 20 });
    assert.equal(bestOffset(offsets)?.micros, 1);
  }
  offsets = withOffset(offsets, { micros: 200, errorMicros: 20 });
  assert.equal(bestOffset(offsets)?.micros, 200, 'of equals the newest');
  assert.equal(offsets.length, 8);
});

test('a measure that contradicts older ones replaces them: a clock was put right', () => {
  const before = exact(300, 300);
  assert.deepEqual(withOffset(before, { micros: 0, errorMicros: 1000 }), [{ micros: 0, errorMicros: 1000 }]);
  const unsure = { micros: 0, errorMicros: 301e6 };
  assert.equal(withOffset(before, unsure).length, 3, 'a slow answer contradicts nothing');
});

test('afterJump() is what the peers would have measured', () => {
  assert.deepEqual(afterJump(exact(300, -1), 300e6), exact(0, -301));
});

/** The peers' offsets in seconds, and the verdict with how far the own clock is off in seconds. */
const cases: readonly (readonly [number[], string, number | undefined])[] = [
  [[], 'unmeasured', undefined],
  // One other: nobody can tell whose clock is wrong.
  [[0.2], 'good', -0.2],
  [[1.5], 'doubtful', -1.5],
  [[300], 'doubtful', -300],
  [[-300], 'doubtful', 300],
  // Two others.
  [[0.1, -0.1], 'good', 0],
  [[300, 300.2], 'skewed', -300],
  [[-45, -45], 'skewed', 45],
  [[300, 0], 'good', 0],
  [[300, -300], 'skewed', 300],
  [[2, 2], 'doubtful', -2],
  [[5, 5], 'doubtful', -5],
  [[5.001, 5.001], 'skewed', -5.001],
  [[2, 0], 'good', 0],
  // Of four clocks two differ: that is no majority.
  [[300, 300, 0], 'good', -300],
  [[300, 300, 300], 'skewed', -300],
  // Of five.
  [[300, 300, 0, 0], 'good', 0],
  [[300, 300, 300, 0], 'skewed', -300],
];

for (const [seconds, kind, off] of cases) {
  test(`judgeClock() of peers that are [${seconds.join()}] s ahead is ${kind}`, () => {
    const verdict = judgeClock(exact(...seconds), bounds);
    assert.equal(verdict.kind, kind);
    if (seconds.length === 3 && kind === 'good') return;
    const found = 'offMicros' in verdict ? verdict.offMicros / 1e6 : undefined;
    if (off === undefined) assert.equal(found, undefined);
    else assert.ok(Math.abs((found ?? Number.NaN) - off) < 0.11, `${found} instead of ${off}`);
  });
}

test('judgeClock() gives the benefit of the doubt: a slow answer alone makes no clock wrong', () => {
  const slow = { micros: 5.5e6, errorMicros: 0.6e6 };
  assert.equal(judgeClock([slow, slow], bounds).kind, 'doubtful');
  const quick = { micros: 5.5e6, errorMicros: 0.4e6 };
  assert.equal(judgeClock([quick, quick], bounds).kind, 'skewed');
});

test('a node that agrees with most is never skewed, and one that agrees with nobody always is', () => {
  const near = fc.integer({ min: -5_000_000, max: 5_000_000 });
  const far = fc.integer({ min: 5_000_001, max: 2 ** 45 }).chain((micros) => fc.constantFrom(micros, -micros));
  const counts = fc.integer({ min: 0, max: 6 });
  fc.assert(
    fc.property(counts, counts, fc.infiniteStream(near), fc.infiniteStream(far), (nears, fars, nearBy, farOff) => {
      const take = (stream: Iterator<number>, count: number): Offset[] =>
        Array.from({ length: count }, () => ({ micros: stream.next().value as number, errorMicros: 0 }));
      const verdict = judgeClock([...take(nearBy, nears), ...take(farOff, fars)], bounds);
      const isSkewed = nears + fars >= 2 && fars > (nears + fars + 1) / 2;
      assert.equal(verdict.kind === 'skewed', isSkewed);
    }),
  );
});

test('describeOff() says which way', () => {
  assert.equal(describeOff(-300_040_000), '300.0 s slow');
  assert.equal(describeOff(70_000_000), '70.0 s fast');
});
