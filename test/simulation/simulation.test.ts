/**
 * The coordinator, the replica, the clock and the standing of nodes as they are, among simulated ones: whatever goes wrong,
 * acknowledged writes hold, reads never go back, nothing that was deleted comes back, and strict operations are linearizable.
 * A history that fails is played again by its seed: `npm run simulate -- --seed S --histories 1 --verbose`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { playHistory } from './run.ts';
import { allRules, mutations } from './rules.ts';
import { neededBy, scenarioNames } from './scenarios.ts';

/** The same ones each time, so that a change is judged by itself; others are played by `npm run simulate`. */
const FIRST_SEED = 5_000_000;
const HISTORIES = 10_000;
const PLAYED_EACH = 12;
const main = fileURLToPath(new URL('main.js', import.meta.url));

// In a process of its own, since under the test runner a promise takes six times as long.
test(`${HISTORIES} histories of faults keep every promise`, async (t) => {
  const args = [
    '--enable-source-maps',
    main,
    '--all-rules',
    '--seed',
    String(FIRST_SEED),
    '--histories',
    String(HISTORIES),
  ];
  const said = await promisify(execFile)(process.execPath, args).then(
    ({ stdout }) => stdout,
    (error: unknown) => assert.fail(String((error as { stdout?: unknown }).stdout ?? error)),
  );
  t.diagnostic(said);
  const acknowledged = Number(/"acknowledged":(\d+)/.exec(said)?.[1]);
  assert.ok(acknowledged > HISTORIES, said);
});

for (const scenario of scenarioNames) {
  test(`promises hold where ${scenario}`, async () => {
    for (let seed = 1; seed <= PLAYED_EACH; seed++) {
      const { violations } = await playHistory(seed, allRules, scenario);
      assert.deepEqual(violations, [], `seed ${seed}`);
    }
  });
}

for (const [name, rules] of Object.entries(mutations)) {
  test(`it is found out when ${name}`, async (t) => {
    const scenario = neededBy[name];
    assert.ok(scenario !== undefined);
    for (let seed = 1; seed <= 40 * PLAYED_EACH; seed++) {
      const { violations } = await playHistory(seed, rules, scenario);
      if (violations.length > 0) return t.diagnostic(`seed ${seed}: ${violations[0]}`);
    }
    assert.fail('nothing was found');
  });
}
