/**
 * What takes too long for the tests: power loss on thousands of disks.
 *
 *   npm run torture -- [--power-loss] [--minutes N] [--seed N] [--images N] [--durability D]
 *
 * It does all of it once, and with `--minutes` again and again with further seeds. Every failure is printed with
 * the command that repeats it.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { durabilities } from '../../src/domain/modes.ts';
import { testPowerLoss } from './power-loss.ts';
import { whyNoRecording } from './system-calls.ts';

const { values } = parseArgs({
  options: {
    'power-loss': { type: 'boolean', default: false },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    images: { type: 'string', default: '1000' },
    only: { type: 'string' },
    durability: { type: 'string' },
  },
});

let seed = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
const until = performance.now() + Number(values.minutes ?? 0) * 60_000;
do {
  await powerLoss();
  seed += 2;
} while (performance.now() < until && process.exitCode === undefined);

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
