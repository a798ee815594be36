/** Measuring the peers' clocks: by the four stamps, whatever this machine's clock does meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClockAnswer } from '../../../src/protocol/nodes.ts';
import { measurePeerClocks, type PeerWithClock } from '../../../workers/peers/peer-clocks.ts';

/** This machine's clocks, milliseconds. */
const time = { wall: 1_000_000, passed: 0 };
const options = (seen: number[]): Parameters<typeof measurePeerClocks>[1] => ({
  newest: 77,
  onNewest: (newest) => seen.push(newest),
  wallMicros: () => time.wall * 1000,
  now: () => time.passed,
});

function pass(ms: number): void {
  time.wall += ms;
  time.passed += ms;
}

/** A peer whose clock is so far ahead, and who is asked and answers in so many milliseconds. */
function peer(
  url: string,
  aheadMs: number,
  [there, held, back]: readonly number[],
  told: number[] = [],
): PeerWithClock {
  return {
    status: { url, state: 'up', error: undefined },
    askClock: async (newest): Promise<ClockAnswer> => {
      told.push(newest);
      pass(there ?? 0);
      const receivedAt = (time.wall + aheadMs) * 1000;
      pass(held ?? 0);
      const answeredAt = (time.wall + aheadMs) * 1000;
      pass(back ?? 0);
      return { receivedAt, answeredAt, newest: 99 };
    },
  };
}

test('each peer that answers is measured, told what this node has seen, and heard', async () => {
  const [told, seen]: number[][] = [[], []];
  const gone: PeerWithClock = {
    status: { url: 'gone', state: 'down', error: 'x' },
    askClock: () => Promise.resolve(undefined),
  };
  const peers = [undefined, gone, peer('even', 300_000, [2, 50, 2], told)];
  const measured = await measurePeerClocks(peers, options(seen ?? []));
  assert.deepEqual(measured, [{ url: 'even', offset: { micros: 300_000_000, errorMicros: 2000 } }]);
  assert.deepEqual([told, seen], [[77], [99]]);
});

test('a way that is longer in one direction is an error within its bound', async () => {
  const [measured] = await measurePeerClocks([peer('uneven', -45_000, [10, 0, 0])], options([]));
  assert.deepEqual(measured?.offset, { micros: -44_995_000, errorMicros: 5000 });
});

test('a clock that is set while the answer is under way changes nothing', async () => {
  const set = peer('set', 0, [1, 0, 1]);
  const asked = measurePeerClocks([set], options([]));
  time.wall += 300_000;
  const [measured] = await asked;
  assert.ok((measured?.offset.errorMicros ?? 0) <= 1000);
});
