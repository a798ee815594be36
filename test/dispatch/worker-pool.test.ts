/** The pool over real workers, in threads and inline. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { Worker } from 'node:worker_threads';
import { WorkerPool, type WorkerPoolOptions } from '../../src/dispatch/worker-pool.ts';
import type { KvorumError } from '../../src/diagnostics/errors.ts';
import type { Task } from '../../src/dispatch/task-queue.ts';
import { threadTimeMs } from '../../src/protocol/frame-task.ts';
import { outcomeCodes } from '../../src/formats/codes.ts';
import type { TlsMaterial } from '../../src/tls/material.ts';
import { certificates } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { outcomesIn, readFrame, writeFrame, type ReadOutcome } from '../support/operation-frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { workerSettings } from '../support/worker-settings.ts';

interface Started {
  readonly pool: WorkerPool;
  readonly ahead: ReadOutcome[];
  readonly gone: number[];
  readonly errors: string[];
}

type Options = Partial<Omit<WorkerPoolOptions, 'settings' | 'log'>> & {
  readonly workers?: number;
  readonly tls?: TlsMaterial;
};

function poolIn(directory: string, errors: string[], { workers = 1, tls, ...options }: Options): WorkerPool {
  const quiet = (): void => {};
  return new WorkerPool({
    settings: { ...workerSettings(directory, { workers, mode: 'batched' }), tls },
    dispatch: 'pool',
    queueMax: 10,
    tasksPerWorkerMax: 10,
    log: { error: (message) => errors.push(message), warn: quiet, info: quiet, debug: quiet },
    ...options,
  });
}

const voting = { kind: 'voting', formed: {}, isAccepted: false } as const;

async function start(t: TestContext, options: Options = {}): Promise<Started> {
  const started = { ahead: [] as ReadOutcome[], gone: [] as number[], errors: [] as string[] };
  const pool = poolIn(temporaryDirectory(t), started.errors, options);
  t.after(async () => assert.equal(await pool.stop(), true, 'everything is on the disk'));
  await pool.start({
    onOutcomes: (bytes) => started.ahead.push(...outcomesIn(bytes)),
    onVersion: () => {},
    onStampAbove: (above, give) => give(above + 1),
    onInspected: () => {},
    onRange: () => {},
    onStanding: () => {},
    // As a node does whose store has lost nothing.
    onWorkerReady: (worker) => pool.tell(worker, { kind: 'standing', standing: voting, sources: [] }),
    onWorkerGone: (worker) => started.gone.push(worker),
    onFatal: (error) => started.errors.push(error.message),
  });
  return { pool, ...started };
}

function taskOf(frame: Buffer, onPosted?: () => void): Task {
  return { frame, sentAt: threadTimeMs(), isWanted: () => true, onPosted };
}

/** Runs a frame of one operation; its outcome may come with the task or ahead of it. */
async function outcomeOf({ pool, ahead }: Started, frame: Buffer): Promise<ReadOutcome> {
  const outcome = await pool.run(0, taskOf(frame));
  assert.equal(outcome.kind, 'done');
  const outcomes = outcome.kind === 'done' && outcome.result !== undefined ? outcomesIn(outcome.result) : [];
  return [...outcomes, ...ahead.splice(0)][0] as ReadOutcome;
}

for (const dispatch of ['pool', 'inline'] as const) {
  test(`frames reach a worker and their outcomes come back, dispatch ${dispatch}`, async (t) => {
    const started = await start(t, { dispatch });
    let posted = 0;
    assert.equal((await outcomeOf(started, writeFrame(3, 'key', 'value'))).code, outcomeCodes.written);
    assert.deepEqual(await outcomeOf(started, readFrame(4, 'key')), {
      tag: 4,
      code: outcomeCodes.found,
      value: 'value',
    });
    assert.equal(
      (
        await started.pool.run(
          0,
          taskOf(readFrame(5, 'key'), () => posted++),
        )
      ).kind,
      'done',
    );
    assert.equal(posted, 1);
    assert.deepEqual([started.pool.workers, started.pool.replicaPorts.length], [[0], 1]);
    assert.equal((await started.pool.report()).length, 1);
  });

  test(`a frame that does not parse fails, and the worker goes on, dispatch ${dispatch}`, async (t) => {
    const started = await start(t, { dispatch });
    assert.equal((await started.pool.run(0, taskOf(Buffer.from(new Uint8Array(5))))).kind, 'failed');
    assert.equal((await outcomeOf(started, readFrame(1, 'key'))).code, outcomeCodes.missing);
  });

  test(`a frame that waited past the deadline is refused, and nothing of it is done, dispatch ${dispatch}`, async (t) => {
    const started = await start(t, { dispatch });
    const late = { ...taskOf(writeFrame(1, 'key', 'value')), sentAt: threadTimeMs() - 3_600_000 };
    const outcome = await started.pool.run(0, late);
    assert.ok(outcome.kind === 'done' && outcome.result !== undefined);
    assert.deepEqual(outcomesIn(outcome.result), [{ tag: 1, code: outcomeCodes.overloaded, value: '' }]);
    assert.equal((await outcomeOf(started, readFrame(2, 'key'))).code, outcomeCodes.missing);
  });

  test(`what finds its worker busy and the queue full is refused, dispatch ${dispatch}`, async (t) => {
    const { pool } = await start(t, { dispatch, tasksPerWorkerMax: 1, queueMax: 1 });
    const tasks = [1, 2, 3].map((tag) => pool.run(0, taskOf(readFrame(tag, 'key'))));
    assert.equal(pool.hasRoom, false);
    assert.deepEqual(
      (await Promise.all(tasks)).map(({ kind }) => kind),
      ['done', 'done', 'refused'],
    );
    assert.equal(pool.hasRoom, true);
  });

  test(`a worker that cannot start says why, dispatch ${dispatch}`, async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'store.mdb'), 'no store of ours');
    const pool = poolIn(directory, [], { dispatch });
    const ignored = (): void => {};
    const handlers = {
      onOutcomes: ignored,
      onVersion: ignored,
      onStampAbove: ignored,
      onInspected: ignored,
      onRange: ignored,
      onWorkerGone: ignored,
      onStanding: ignored,
      onWorkerReady: ignored,
    };
    const fatal: KvorumError[] = [];
    await assert.rejects(pool.start({ ...handlers, onFatal: (error) => fatal.push(error) }), {
      code: 'store-unusable',
    });
    assert.deepEqual(fatal, []);
    assert.equal(await pool.stop(), false);
  });
}

test('a thread that dies is replaced by one with the same index', async (t) => {
  const threads: Worker[] = [];
  const note = (thread: Worker): void => void threads.push(thread);
  process.on('worker', note);
  t.after(() => process.off('worker', note));
  const { pool, gone, errors } = await start(t, { workers: 3 });
  await threads[1]?.terminate();
  await eventually(() => assert.deepEqual(gone, [1]));
  await eventually(() => assert.deepEqual(pool.workers, [0, 1, 2]));
  assert.equal(threads.length, 4);
  assert.deepEqual(errors, ['a worker thread ended; another one takes its place']);
  const reports = await pool.report();
  // The name is the worker's, whichever thread it is: a metric goes on where it was.
  const names = reports.map(({ thread }) => thread);
  assert.deepEqual(names.sort(), ['worker-1', 'worker-2', 'worker-3']);
  assert.equal(new Set(pool.replicaPorts).size, 3);
});

test('workers show another certificate when they are told, and so does the one that takes the place of a dead one', async (t) => {
  const threads: Worker[] = [];
  const note = (thread: Worker): void => void threads.push(thread);
  process.on('worker', note);
  t.after(() => process.off('worker', note));
  const [former, next] = [certificates(), certificates()];
  const { pool, gone } = await start(t, { tls: former });
  const shown = async (): Promise<string> => {
    const socket = connect({ port: pool.replicaPorts[0] ?? 0, host: '127.0.0.1', ...next, rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate()?.toString();
    socket.destroy();
    return certificate ?? '';
  };
  assert.equal(await shown(), former.cert);
  pool.useTls(next);
  await eventually(async () => assert.equal(await shown(), next.cert));
  await threads[0]?.terminate();
  await eventually(() => assert.deepEqual(gone, [0]));
  await eventually(() => assert.deepEqual(pool.workers, [0]));
  await eventually(async () => assert.equal(await shown(), next.cert));
});
