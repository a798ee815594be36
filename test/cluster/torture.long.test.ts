/** A small share of `npm run torture`. Both of its clusters wait most of the time, so they are up together. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { playLife } from '../torture/life.ts';
import { playOutages } from '../torture/outages.ts';
import { shortLife } from '../torture/plan.ts';
import { whyNoTorture } from '../torture/tortured-cluster.ts';

const seed = Number(process.env['KVORUM_TEST_SEED'] ?? randomInt(2 ** 30));

describe('real nodes under faults', { concurrency: true, skip: whyNoTorture ?? false }, () => {
  test('faults of many kinds under load break no promise', async (t) => {
    t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
    const result = await playLife({ seed, size: shortLife });
    t.diagnostic(JSON.stringify({ ...result, faults: Object.fromEntries(result.faults) }));
    assert.deepEqual(result.violations, [], `kept in ${result.kept}`);
    assert.ok(result.acknowledged > 0 && result.answeredReads > 0 && result.linearizable > 0, 'nothing was done');
    assert.ok(result.faults.size > 0, 'no fault happened');
  });

  test('what is deleted around outages stays away, and its tombstones go', async (t) => {
    t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
    const result = await playOutages({ seed, rounds: 3, downMsMax: 500 });
    t.diagnostic(JSON.stringify({ ...result, outages: Object.fromEntries(result.outages) }));
    assert.deepEqual(result.violations, [], `kept in ${result.kept}`);
    assert.ok(result.deleted > 0 && result.expiring > 0 && result.reads > 0, 'nothing was done');
    assert.ok(result.outages.size > 0, 'no outage happened');
  });
});
