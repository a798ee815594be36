import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { newDigests } from '../../../src/domain/digests.ts';
import { Semaphore } from '../../../workers/ground/semaphore.ts';
import { PeerRepair } from '../../../workers/repair/peer-repair.ts';

const INTERVAL_MS = 20;
const SILENT_MS = 10 * INTERVAL_MS;

test('a peer that said nothing for long is asked again after the interval: waiting is no work', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let asked = 0;
  let answer: (why: string) => void = () => {};
  const unused = (): never => assert.fail('nothing is to be pulled');
  const repair = new PeerRepair({
    peer: {
      ask: () => {
        asked++;
        return new Promise((resolve) => (answer = resolve));
      },
      stream: unused,
      submit: unused,
      flush: unused,
    },
    url: 'http://peer',
    group: 0,
    bucketCount: 16,
    selfId: 1,
    desk: { node: async () => newDigests(16) },
    replica: { submit: unused },
    pulling: new Semaphore(1),
    isWhole: () => true,
    timeoutMs: 1000,
    intervalMs: INTERVAL_MS,
    graceMicros: 0,
    nowMicros: () => 1,
    pace: unused,
    onDamaged: unused,
  });
  t.after(() => repair.close());
  repair.begin();
  const until = performance.now() + SILENT_MS;
  while (performance.now() < until) await nextTurn();
  answer('no reply');
  while (repair.passes === 0) await nextTurn();
  assert.deepEqual([asked, repair.status.state, repair.status.error], [1, 'unavailable', 'no reply']);
  t.mock.timers.tick(2 * INTERVAL_MS);
  await nextTurn();
  assert.equal(asked, 2);
});
