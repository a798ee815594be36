/** A small share of `npm run torture -- --power-loss`, with its control. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { durabilities } from '../../../src/domain/modes.ts';
import { testPowerLoss } from '../../torture/power-loss.ts';
import { whyNoRecording } from '../../torture/system-calls.ts';

const skip = whyNoRecording() ?? false;
const seed = Number(process.env['KVORUM_TEST_SEED'] ?? randomInt(2 ** 30));
const IMAGES = 25;

for (const durability of durabilities) {
  test(`a power loss at durability ${durability} loses nothing that it promised`, { skip }, async (t) => {
    t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
    const { acknowledged, failures } = await testPowerLoss({ durability, seed, images: IMAGES });
    assert.deepEqual(failures, []);
    assert.ok(acknowledged > 500);
  });
}

test('the same test finds lost writes where the syncs of the log do nothing', { skip }, async (t) => {
  t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
  const { failures } = await testPowerLoss({ durability: 'fsync', seed, images: 100, ignoreLogSyncs: true });
  // Lost in silence, or missed by the log itself, which knows of a later sync.
  assert.ok(failures.some(({ problem }) => /was acknowledged|were on the disk/.test(problem)));
});
