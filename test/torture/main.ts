/**
 * What takes too long for the tests: power loss on thousands of disks, kill -9 of real nodes hundreds of times.
 *
 *   npm run torture -- --power-loss [--images N] [--only IMAGE]
 *   npm run torture -- --kill ROUNDS
 *   both take [--minutes N] [--seed N] [--durability D]; without either, the power is lost
 *
 * It does all of it once at each durability, and with `--minutes` again and again with further seeds. A disk that failed is
 * printed with the command that repeats it; kills depend on the moment, so their seed repeats no more than their load.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { durabilities } from '../../src/domain/modes.ts';
import { testKills, type KillsResult } from './kills.ts';
import { testPowerLoss } from './power-loss.ts';
import { whyNoRecording } from './system-calls.ts';

const { values } = parseArgs({
  options: {
    'power-loss': { type: 'boolean', default: false },
    kill: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    images: { type: 'string', default: '1000' },
    only: { type: 'string' },
    durability: { type: 'string' },
  },
});

let seed = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
const until = performance.now() + Number(values.minutes ?? 0) * 60_000;
const kills = Number(values.kill ?? 0);
do {
  if (kills > 0) await killNodes();
  if (kills === 0 || values['power-loss']) await powerLoss();
  seed += 2;
} while (performance.now() < until && process.exitCode === undefined);

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

/** `--images` disks at each durability, and a control without the log's syncs, which must lose something. */
async function powerLoss(): Promise<void> {
  const missing = whyNoRecording();
  if (missing !== undefined) return console.log(`power loss: skipped, ${missing}`);
  const images = Number(values.images);
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
