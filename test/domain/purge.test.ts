/** What may be removed for good, and what is kept from coming back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClusterList } from '../../src/domain/node-claim.ts';
import {
  floorRule,
  formatFloors,
  isPurged,
  parseFloors,
  purgeBound,
  raiseFloor,
  type PurgeFloor,
} from '../../src/domain/purge.ts';
import { hashKey, preferenceList } from '../../src/domain/rendezvous.ts';
import { nodeIdOf } from '../../src/domain/topology.ts';

const seconds = 1_000_000;
const now = 1_700_000_000 * seconds;
const rule = { nowMicros: now, stepMs: 1000, timeoutMs: 1000, clockDriftMsMax: 5000 };
const young = 11 * seconds;

test('purgeBound() is what all peers have confirmed and no hint is older than, and never what may be on its way', () => {
  for (const [peers, oldestHint, expected] of [
    [[], undefined, now - young],
    [[now], undefined, now - young],
    [[now - 20 * seconds, now], undefined, now - 20 * seconds],
    [[now - 20 * seconds, 0], undefined, 0],
    [[now], now - 30 * seconds, now - 30 * seconds],
    [[now - 40 * seconds], now - 30 * seconds, now - 40 * seconds],
    [[now - 20 * seconds + 1], undefined, now - 20 * seconds],
    [[now - 20 * seconds - 1], undefined, now - 21 * seconds],
  ] as const) {
    assert.equal(purgeBound({ peers, oldestHint }, rule), expected, `${peers.join()} ${oldestHint}`);
  }
});

test('purgeBound() is above nothing that anybody holds back', () => {
  const anyVersion = fc.maxSafeNat();
  const anyHint = fc.option(anyVersion, { nil: undefined });
  fc.assert(
    fc.property(
      fc.array(anyVersion),
      anyHint,
      anyVersion,
      fc.integer({ min: 1, max: 1e6 }),
      (peers, hint, at, stepMs) => {
        const bound = purgeBound({ peers, oldestHint: hint }, { ...rule, nowMicros: at, stepMs });
        assert.ok(bound >= 0 && bound % (stepMs * 1000) === 0);
        for (const limit of [at - young, hint ?? Infinity, ...peers]) assert.ok(bound === 0 || bound <= limit);
      },
    ),
  );
});

test('a copy of a store that is too young to be told from it holds nothing that a bound is above', () => {
  const slack = { ...rule, timeoutMs: 1, clockDriftMsMax: 5000 };
  assert.ok(purgeBound({ peers: [], oldestHint: undefined }, slack) <= now - 10 * seconds);
});

const urls = ['http://n1', 'http://n2', 'http://n3', 'http://n4', 'http://n5'];
const list = (count: number, replicationFactor: number): ClusterList => ({
  urls: urls.slice(0, count),
  replicationFactor,
});

test('a floor is raised and never lowered, one for each list, of the newest lists only', () => {
  let floors: readonly PurgeFloor[] = [];
  for (const [own, below] of [
    [list(3, 3), 10],
    [list(3, 3), 7],
    [list(4, 3), 8],
    [list(3, 3), 12],
  ] as const) {
    floors = raiseFloor(floors, own, below);
  }
  assert.deepEqual(floors, [
    { below: 12, list: list(3, 3) },
    { below: 8, list: list(4, 3) },
  ]);
  for (let count = 1; count <= 5; count++) floors = raiseFloor(floors, list(count, 1), count);
  assert.deepEqual(
    floors.map(({ below }) => below),
    [5, 4, 3, 2],
  );
});

test('a floor holds for the keys that the node kept under its list, and for no others', () => {
  const self = 'http://n1';
  const floors = raiseFloor(raiseFloor([], list(3, 3), 10), list(5, 3), 20);
  const { floorOf, newest } = floorRule(floors, self);
  assert.equal(newest, 20);
  const ids = urls.map(nodeIdOf);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (key) => {
      const hash = hashKey(key, 0, key.length);
      const isOwn = preferenceList(hash, ids, 3).includes(0);
      assert.equal(floorOf(hash), isOwn ? 20 : 10);
    }),
  );
  assert.equal(floorRule(floors, 'http://stranger').floorOf(1), 0);
  assert.deepEqual([floorRule([], self).newest, floorRule([], self).floorOf(1)], [0, 0]);
});

test('floors read back as they were kept, and from what is none follows no floor', () => {
  const floors = raiseFloor(raiseFloor([], list(3, 2), 10), list(5, 3), 20);
  assert.deepEqual(parseFloors(formatFloors(floors)), floors);
  for (const text of [undefined, '', '{', 'null', '7', '[7, null, {}]', '[{"below":1.5,"list":{}}]', '[{"below":1}]']) {
    assert.deepEqual(parseFloors(text), [], text);
  }
});

test('below the floor a write of now is never stored, what some replica held where the key is there or a majority has it', () => {
  const cases = [true, false].flatMap((isFirstHand) => [true, false].map((isMissing) => ({ isFirstHand, isMissing })));
  assert.deepEqual(
    cases.map((met) => isPurged({ ...met, isVouched: false })),
    [true, true, true, false],
  );
  assert.deepEqual(
    cases.map((met) => isPurged({ ...met, isVouched: true })),
    [true, true, false, false],
  );
});
