/** What defaults follow from the memory that a process may have. */
import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import { resolveSettings } from '../../src/settings/config.ts';
import { memoryLimit } from '../../src/settings/memory-limit.ts';

const MIB = 1024 * 1024;

test('memoryLimit() is some memory, and no more than the machine has', () => {
  assert.ok(memoryLimit() > 0 && memoryLimit() <= totalmem());
});

for (const [memory, flags, bodies, answers, queue] of [
  [64 * 1024 * MIB, {}, 256, 256, 512],
  [2048 * MIB, {}, 256, 256, 512],
  [1024 * MIB, {}, 128, 128, 256],
  [512 * MIB, {}, 64, 64, 128],
  [64 * MIB, {}, 16, 16, 16 + 1 / 16],
  [512 * MIB, { 'value-bytes-max': '100MiB', 'frame-bytes-max': '200MiB' }, 100, 100, 128],
  [512 * MIB, { 'body-bytes-in-flight-max': '200MiB' }, 200, 64, 200 + 1 / 16],
] as const) {
  test(`in ${memory / MIB} MiB with ${JSON.stringify(flags)} the bounds are ${bodies}, ${answers} and ${queue} MiB`, () => {
    const { settings } = resolveSettings({ flags: new Map(Object.entries(flags)), environment: {} }, memory);
    const { bodyBytesInFlightMax, answerBytesInFlightMax, peerQueueBytesMax } = settings;
    const bounds = [bodyBytesInFlightMax, answerBytesInFlightMax, peerQueueBytesMax];
    assert.deepEqual(
      bounds.map((bytes) => bytes / MIB),
      [bodies, answers, queue],
    );
  });
}
