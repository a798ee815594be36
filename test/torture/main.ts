/**
 * What takes too long for the tests: real nodes under load and faults of every kind, kill -9 of real nodes hundreds of times,
 * power loss on thousands of disks, thousands of flipped bytes.
 *
 *   npm run torture -- [--minutes N] [--seed N] [--control]              faults under load, see life.ts
 *   npm run torture -- --kill ROUNDS [--durability D]
 *   npm run torture -- --power-loss [--images N] [--only IMAGE] [--durability D]
 *   npm run torture -- --damage FLIPS [--seed N]                         flipped bytes in one node's store
 *   npm run torture -- --outages ROUNDS [--seed N] [--control]           deletions around outages, see outages.ts
 *
 * With `--control` operations ask for one replica only, and something must be found: what finds nothing then would find nothing
 * at all. With `--minutes` all of it is done again and again with further seeds. Kills and power loss do it once at each durability.
 * A disk that failed is printed with the command that repeats it. Real nodes depend on the moment: their seed repeats the
 * cluster, its load and its faults, and not what comes of them.
 */
import { randomInt } from 'node:crypto';
import { scriptLine } from '../../profiling/script-options.ts';
import { durabilities } from '../../src/domain/modes.ts';
import { testDamage } from './damage.ts';
import { testKills, type KillsResult } from './kills.ts';
import { playLife } from './life.ts';
import { playOutages } from './outages.ts';
import { wholeLife } from './plan.ts';
import { testPowerLoss } from './power-loss.ts';
import { whyNoRecording } from './system-calls.ts';
import { whyNoTorture } from './tortured-cluster.ts';

const { values } = scriptLine({
  options: {
    'power-loss': { type: 'boolean', default: false },
    kill: { type: 'string' },
    damage: { type: 'string' },
    outages: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    images: { type: 'string' },
    only: { type: 'string' },
    durability: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
  choices: { durability: durabilities },
  numbers: ['kill', 'damage', 'outages', 'minutes', 'seed', 'images', 'only'],
});

/** Rounds that one cluster goes through. */
const ROUNDS_OF_CLUSTER = 250;

// Nodes end with this process, in its handler of `exit`, also those that stand still.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

let seed = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
const started = performance.now();
const until = started + Number(values.minutes ?? 0) * 60_000;
const kills = Number(values.kill ?? 0);
const losesPower = values['power-loss'] || values.images !== undefined;
if (kills > 0 || losesPower) {
  do {
    if (kills > 0) await killNodes();
    if (losesPower) await powerLoss();
    seed += 2;
  } while (performance.now() < until && process.exitCode === undefined);
} else if (values.damage !== undefined) {
  await damageNode(Number(values.damage));
} else if (whyNoTorture !== undefined) {
  console.log(`skipped, ${whyNoTorture}`);
} else if (values.outages !== undefined) {
  await deleteAroundOutages(Number(values.outages));
} else {
  await tortureNodes();
}
// Left to itself Node once went round for ever in cleaning up, at the whole CPU, after an hour of torture.
process.exit();

/** One cluster after the other, to the end of its life, whatever is found. */
async function tortureNodes(): Promise<void> {
  const faults = new Map<string, number>();
  const sum = {
    clusters: 0,
    operations: 0,
    acknowledged: 0,
    answeredReads: 0,
    linearizable: 0,
    skipped: 0,
    violations: 0,
  };
  do {
    const say = (what: string): void => console.log(`  ${what}`);
    console.log(`seed ${seed}`);
    const result = await playLife({ seed, size: wholeLife, isControl: values.control, say });
    sum.clusters++;
    for (const key of ['operations', 'acknowledged', 'answeredReads', 'linearizable', 'skipped'] as const) {
      sum[key] += result[key];
    }
    sum.violations += result.violations.length;
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    for (const violation of result.violations) console.log(`VIOLATION ${violation}`);
    if (result.kept !== undefined) {
      process.exitCode = values.control ? 0 : 1;
      console.log(
        `  kept in ${result.kept}: faults, operations, logs, directories; again: npm run torture -- --seed ${seed}`,
      );
    }
    seed++;
  } while (performance.now() < until);
  if (values.control && sum.violations === 0) process.exitCode = 1;
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const happened = Object.fromEntries([...faults].sort(([left], [right]) => left.localeCompare(right)));
  console.log(`${minutes} minutes: ${JSON.stringify({ ...sum, faults: happened })}`);
}

/** Rounds on one cluster after another, each of its own mode, durability and number of workers, until something is found. */
async function deleteAroundOutages(rounds: number): Promise<void> {
  const outages = new Map<string, number>();
  const sum = { rounds: 0, acknowledged: 0, deleted: 0, expiring: 0, reads: 0, comparisons: 0 };
  let found = 0;
  for (; sum.rounds < rounds && found === 0; seed++) {
    const own = Math.min(ROUNDS_OF_CLUSTER, rounds - sum.rounds);
    const say = (what: string): void => console.log(`  ${what}`);
    console.log(`seed ${seed}`);
    const result = await playOutages({ seed, rounds: own, isControl: values.control, say });
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += result[key];
    for (const [kind, count] of result.outages) outages.set(kind, (outages.get(kind) ?? 0) + count);
    for (const violation of result.violations) console.log(`VIOLATION ${violation}`);
    console.log(`  ${result.rounds} rounds; at most ${result.tombstonesMax} tombstones and expired values on a node`);
    found += result.violations.length;
    if (result.kept === undefined) continue;
    const again = `npm run torture -- --outages ${own} --seed ${seed}`;
    console.log(`  kept in ${result.kept}: faults, operations, logs, directories; again: ${again}`);
  }
  process.exitCode = found > 0 === values.control ? 0 : 1;
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const happened = Object.fromEntries([...outages].sort(([left], [right]) => left.localeCompare(right)));
  console.log(`${minutes} minutes: ${JSON.stringify({ ...sum, violations: found, outages: happened })}`);
}

/** `--kill` rounds at each durability. */
async function killNodes(): Promise<void> {
  for (const durability of durabilities) {
    if (values.durability !== undefined && values.durability !== durability) continue;
    const ends: (() => Promise<void>)[] = [];
    const onRound = ({ rounds, acknowledged }: KillsResult): void => {
      if (rounds % 10 === 0) console.log(`  ${rounds} rounds, ${acknowledged} acknowledged writes`);
    };
    try {
      const owner = { after: (end: () => Promise<void>) => ends.push(end) };
      const { rounds, acknowledged, deletions, unanswered, wrong } = await testKills(owner, {
        durability,
        seed,
        rounds: kills,
        onRound,
      });
      console.log(
        `kill -9 at durability ${durability}: seed ${seed}, ${rounds} rounds, ${acknowledged} acknowledged writes ` +
          `(${deletions} deletions), ${unanswered} without an answer, ${wrong.length} wrong`,
      );
      for (const what of wrong) console.log(`  ${what}`);
      if (wrong.length > 0) process.exitCode = 1;
    } finally {
      for (const end of ends) await end();
    }
  }
}

async function damageNode(flips: number): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  try {
    const owner = { after: (end: () => Promise<void>) => ends.push(end) };
    const { keys, damaged, right, refused, wrong, seconds, left } = await testDamage(owner, { seed, flips });
    console.log(
      `damage: seed ${seed}, ${flips} flipped bytes in ${damaged} of ${keys} records of one node; ${right} reads right, ` +
        `${refused} refused, ${wrong.length} wrong; ${seconds.toFixed(1)} s until all nodes held the same, ${left} records damaged then`,
    );
    for (const what of wrong) console.log(`  ${what}`);
    if (wrong.length > 0 || left > 0) process.exitCode = 1;
  } finally {
    for (const end of ends) await end();
  }
}

/** `--images` disks at each durability, and a control without the log's syncs, which must lose something. */
async function powerLoss(): Promise<void> {
  const missing = whyNoRecording();
  if (missing !== undefined) return console.log(`power loss: skipped, ${missing}`);
  const images = Number(values.images ?? 1000);
  for (const durability of durabilities) {
    if (values.durability !== undefined && values.durability !== durability) continue;
    const only = values.only === undefined ? {} : { only: Number(values.only) };
    const result = await testPowerLoss({ durability, seed, images, ...only });
    const { acknowledged, failures, unsyncedSecondsMax } = result;
    console.log(
      `power loss at durability ${durability}: seed ${seed}, ${result.images} disks, ${acknowledged} acknowledged writes, ` +
        `${failures.length} disks failed; a sync began at most ${unsyncedSecondsMax.toFixed(2)} s after a write`,
    );
    for (const { image, problem, kept } of failures) {
      process.exitCode = 1;
      const again = `--power-loss --durability ${durability} --seed ${seed} --images ${images} --only ${image}`;
      console.log(`  disk ${image}: ${problem}\n    kept in ${kept}; again: npm run torture -- ${again}`);
    }
  }
  if (values.only !== undefined || values.durability === 'commit') return;
  const control = await testPowerLoss({ durability: 'fsync', seed, images: 200, ignoreLogSyncs: true });
  const lossy = control.failures.filter(({ problem }) => /was acknowledged|were on the disk/.test(problem));
  console.log(
    `  control without the log's syncs: ${lossy.length} disks lost what was acknowledged; there must be some`,
  );
  if (lossy.length === 0) process.exitCode = 1;
}
