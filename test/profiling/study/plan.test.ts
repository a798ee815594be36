/** The plan of the study: it takes less than an hour, and its commands are such as the command line takes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { compareOptions, compareOrder } from '../../../profiling/cli/compare-options.ts';
import { planProfile, profileOptions } from '../../../profiling/cli/profile-options.ts';
import {
  compareArguments,
  expectedMinutes,
  profileArguments,
  profileSteps,
  studyPlan,
} from '../../../profiling/study/plan.ts';
import { parseLine } from '../../../src/cli/parse.ts';
import type { Option } from '../../../src/cli/command.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import type { Flags } from '../../../src/settings/sources.ts';
import { comparison } from '../../support/compare-results.ts';

function flagsOf(options: readonly Option[], args: readonly string[]): Flags {
  const run = (): Promise<0> => Promise.resolve(exitCodes.ok);
  const positionals = { min: 0, max: 0 };
  const line = parseLine({ name: 'x', summary: '', usage: '', positionals, options, examples: [], run }, args);
  assert.ok(line.kind === 'run', JSON.stringify(line));
  return line.flags;
}

test('a whole study takes less than an hour, with 3 rounds of 30 s for each mode and both durabilities', () => {
  const plan = studyPlan({ isShort: false });
  assert.ok(expectedMinutes(plan) < 60, `${expectedMinutes(plan)} min`);
  assert.ok(plan.load.rounds >= 3 && plan.load.durationMs >= 30_000);
  assert.deepEqual(plan.modes, ['sync', 'async', 'batched']);
  assert.deepEqual(
    plan.compares.map(({ durability }) => durability),
    ['fsync', 'commit'],
  );
});

test('a short one takes some minutes', () => {
  assert.ok(expectedMinutes(studyPlan({ isShort: true })) <= 6, `${expectedMinutes(studyPlan({ isShort: true }))}`);
});

for (const isShort of [true, false]) {
  test(`the command line takes what ${isShort ? 'a short' : 'a whole'} study asks of it`, () => {
    const plan = studyPlan({ isShort });
    for (const step of plan.compares) {
      const order = compareOrder(flagsOf(compareOptions, compareArguments(plan, step)));
      assert.ok(order.kind === 'modes');
      const { durability, rounds, durationMs, searchDurationMs, maximumShare } = order.settings;
      assert.deepEqual(
        [durability, rounds, durationMs, searchDurationMs, maximumShare],
        [step.durability, plan.load.rounds, plan.load.durationMs, plan.load.searchDurationMs, 0],
      );
    }
    for (const step of profileSteps(plan, undefined)) {
      const { rate, workload } = planProfile(flagsOf(profileOptions, profileArguments(plan, step)), {});
      assert.deepEqual([rate, workload.durationMs], [100, plan.profileMs]);
    }
  });
}

test('profiles run at 60% of what the weakest mode holds, and the last mode also at 60% of its own', () => {
  const steps = profileSteps(studyPlan({ isShort: false }), comparison());
  const best = comparison().searches.map(({ subject, best: held }) => [subject, held ?? 0] as const);
  const least = Math.min(...best.map(([, held]) => held));
  const own = Math.min(...best.flatMap(([subject, held]) => (subject === 'batched' ? [held] : [])));
  assert.deepEqual(
    steps.map(({ name, rate }) => [name, rate]),
    [
      ...['sync', 'async', 'batched'].map((mode) => [mode, Math.floor(least * 0.6)]),
      ['batched-high', Math.floor(own * 0.6)],
    ],
  );
});
