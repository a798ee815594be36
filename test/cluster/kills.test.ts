/** A small share of `npm run torture -- --kill`. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { durabilities } from '../../src/domain/modes.ts';
import { testKills } from '../torture/kills.ts';

const seed = Number(process.env['KVORUM_TEST_SEED'] ?? randomInt(2 ** 30));
/** Three together: each takes some seconds. */
const rounds = { fsync: 2, commit: 1 } as const;

for (const durability of durabilities) {
  test(`kill -9 at random moments under load loses nothing that was acknowledged at durability ${durability}`, async (t) => {
    t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
    const { acknowledged, wrong } = await testKills(t, { durability, seed, rounds: rounds[durability] });
    assert.deepEqual(wrong, []);
    assert.ok(acknowledged > 0, 'no write was acknowledged');
  });
}
