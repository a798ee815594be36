/** A small share of `npm run torture`. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { playLife } from '../torture/life.ts';
import { shortLife } from '../torture/plan.ts';
import { whyNoTorture } from '../torture/tortured-cluster.ts';

const seed = Number(process.env['KVORUM_TEST_SEED'] ?? randomInt(2 ** 30));

test('faults of many kinds under load break no promise', { skip: whyNoTorture ?? false }, async (t) => {
  t.diagnostic(`KVORUM_TEST_SEED=${seed}`);
  const result = await playLife({ seed, size: shortLife });
  t.diagnostic(JSON.stringify({ ...result, faults: Object.fromEntries(result.faults) }));
  assert.deepEqual(result.violations, [], `kept in ${result.kept}`);
  assert.ok(result.acknowledged > 0 && result.answeredReads > 0 && result.linearizable > 0, 'nothing was done');
  assert.ok(result.faults.size > 0, 'no fault happened');
});
