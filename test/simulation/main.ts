/**
 * Plays many histories from seeds, and then each rule switched off, which must be found out.
 *
 *   npm run simulate -- [--histories N] [--seed S] [--all-rules | --only RULE] [--verbose]
 *
 * A seed that fails is printed with the command that plays it again.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { playHistory, type HistoryResult } from './run.ts';
import { allRules, mutations, type Rules } from './rules.ts';
import { neededBy } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    'all-rules': { type: 'boolean', default: false },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const firstSeed = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
const histories = Number(values.histories);

if (values.only === undefined) {
  await playAll();
  if (!values['all-rules']) for (const [name, rules] of Object.entries(mutations)) await findOut(name, rules);
} else {
  await findOut(values.only, mutations[values.only] ?? allRules);
}

async function playAll(): Promise<void> {
  const started = performance.now();
  const sum = { operations: 0, acknowledged: 0, answered: 0, linearizable: 0, converged: 0, purged: 0, failed: 0 };
  for (let count = 0; count < histories; count++) {
    const seed = (firstSeed + count) % 2 ** 32;
    const result = await playHistory(seed);
    sum.operations += result.operations;
    sum.acknowledged += result.acknowledged;
    sum.answered += result.answered;
    sum.linearizable += result.linearizable;
    sum.converged += result.isConverged ? 1 : 0;
    sum.purged += result.purged;
    if (result.violations.length === 0) continue;
    sum.failed++;
    process.exitCode = 1;
    tell(seed, result);
    if (sum.failed >= 10) break;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${histories} histories from seed ${firstSeed} in ${seconds} s: ${JSON.stringify(sum)}`);
}

/** A rule that is switched off must be found out. */
async function findOut(name: string, rules: Rules): Promise<void> {
  for (let count = 0; count < histories; count++) {
    const seed = (firstSeed + count) % 2 ** 32;
    const result = await playHistory(seed, rules, neededBy[name]);
    if (result.violations.length === 0) continue;
    console.log(`found out after ${count + 1} histories: ${name}; seed ${seed}`);
    if (values.verbose) tell(seed, result);
    return;
  }
  console.log(`NOT FOUND OUT in ${histories} histories: ${name}`);
  process.exitCode = 1;
}

function tell(seed: number, { violations, plan }: HistoryResult): void {
  console.log(`seed ${seed} fails; again: npm run simulate -- --seed ${seed} --histories 1 --verbose`);
  for (const violation of violations) console.log(`  ${violation}`);
  if (values.verbose) console.log(JSON.stringify(plan, null, 1));
}
