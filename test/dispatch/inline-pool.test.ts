/** The worker on the main thread. What it does for the pool stands in worker-pool.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { MessagePort } from 'node:worker_threads';
import { InlinePool } from '../../src/dispatch/inline-pool.ts';
import { threadTimeMs } from '../../src/protocol/frame-task.ts';
import type { WorkerReady } from '../../src/protocol/workers.ts';
import { outcomeCodes } from '../../src/formats/codes.ts';
import { outcomesIn, writeFrame } from '../support/operation-frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { workerSettings } from '../support/worker-settings.ts';

test('an inline worker says that it listens, runs tasks here, and leaves their memory where it is', async (t) => {
  const pool = new InlinePool(workerSettings(temporaryDirectory(t), { workers: 1, mode: 'batched' }));
  await assert.rejects(pool.run({ frame: writeFrame(1, 'early', 'x'), sentAt: threadTimeMs() }), {
    code: 'worker-failed',
  });
  const [ready] = (await once(pool, 'message')) as [WorkerReady & { control: MessagePort }];
  assert.deepEqual([ready.kind, ready.threadId, ready.replicaPort > 0], ['worker-ready', 0, true]);
  // As a node does whose store has lost nothing.
  const voting = { kind: 'voting', formed: {}, isAccepted: false } as const;
  ready.control.postMessage({ kind: 'standing', standing: voting, sources: [] });
  const frame = writeFrame(2, 'key', 'value');
  const outcomes = await pool.run({ frame, sentAt: threadTimeMs() });
  assert.deepEqual(outcomesIn(outcomes ?? frame), [{ tag: 2, code: outcomeCodes.written, value: '' }]);
  assert.ok(frame.buffer.byteLength > 0);
  const stopped = new Promise<void>((resolve) => {
    ready.control.on('message', ({ kind }: { kind: string }) => {
      if (kind === 'stopped') resolve();
    });
  });
  ready.control.postMessage({ kind: 'stop' });
  await stopped;
  await pool.destroy();
});
