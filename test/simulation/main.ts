/**
 * Plays many histories from seeds, and then each rule switched off, which must be found out.
 *
 *   npm run simulate -- [--histories N] [--seed S] [--threads N] [--all-rules | --only RULE] [--verbose]
 *
 * A seed that fails is printed with the command that plays it again.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { scriptLine } from '../../profiling/script-options.ts';
import { playHistory, type HistoryResult } from './run.ts';
import { mutations, type Rules } from './rules.ts';
import { neededBy } from './scenarios.ts';
import { playShares, seedAt, type Failure } from './shares.ts';

/** With more than these something is wrong in general. */
const FAILURES_MAX = 10;

const { values } = scriptLine({
  options: {
    histories: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    'all-rules': { type: 'boolean', default: false },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
  numbers: ['histories', 'seed', 'threads'],
  choices: { only: Object.keys(mutations) },
});
const firstSeed = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
const histories = Number(values.histories);

if (values.only === undefined) {
  await playAll();
  if (!values['all-rules']) for (const [name, rules] of Object.entries(mutations)) await findOut(name, rules);
} else {
  await findOut(values.only, mutations[values.only] as Rules);
}

async function playAll(): Promise<void> {
  const started = performance.now();
  let failed = 0;
  const onFailure = ({ seed, result }: Failure): boolean => {
    tell(seed, result);
    process.exitCode = 1;
    return ++failed < FAILURES_MAX;
  };
  const sum = await playShares({ first: firstSeed, count: histories }, { threads: Number(values.threads), onFailure });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${histories} histories from seed ${firstSeed} in ${seconds} s: ${JSON.stringify(sum)}`);
}

/** A rule that is switched off must be found out. */
async function findOut(name: string, rules: Rules): Promise<void> {
  for (let count = 0; count < histories; count++) {
    const seed = seedAt(firstSeed, count);
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
