/** A profile outlives what fails in it. The cluster here only answers as nodes do, and the load is made up. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LoadEngine } from '../../../profiling/load/engine.ts';
import { profileCluster } from '../../../profiling/profile/run-profile.ts';
import type { ProfileResult } from '../../../profiling/result/profile.ts';
import { bareRun } from '../../support/bench-results.ts';
import { requestServer, workloadOf } from '../../support/load.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Every load is held but those that `fails` names by how many there were before. */
async function profileOf(t: TestContext, fails: (count: number) => boolean): Promise<ProfileResult> {
  const url = await requestServer(t, ({ reply }) => reply('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  let count = 0;
  const engine: LoadEngine = {
    name: 'built-in',
    run: ({ rate }) =>
      fails(count++)
        ? Promise.reject(new Error('the node died'))
        : Promise.resolve({ ...bareRun({ rate }), saturated: null }),
  };
  return profileCluster({
    nodes: [],
    ops: ['put', 'get'],
    rateOf: () => 100,
    workload: { ...workloadOf({ targets: [url] }), warmupMs: 0 },
    targets: [url],
    instruments: [],
    directory: temporaryDirectory(t),
    command: 'kvorum profile',
    engine,
    fillTimeoutMs: null,
  });
}

test('what fails late leaves what was measured before, and the other operations go on', async (t) => {
  // The second load is the last of PUT, without an instrument.
  const { runs, failures, cutShort } = await profileOf(t, (count) => count === 1);
  assert.deepEqual(failures, ['put: the node died']);
  assert.deepEqual(
    runs.map(({ op, overhead }) => [op, overhead?.without.length]),
    [
      ['put', 1],
      ['get', 2],
    ],
  );
  assert.equal(cutShort, false);
});

test('an operation of which nothing could be measured is named, and the others are there', async (t) => {
  const { runs, failures } = await profileOf(t, (count) => count === 0);
  assert.deepEqual([runs.map(({ op }) => op), failures], [['get'], ['put: the node died']]);
});

test('where nothing at all could be measured it throws what failed first', async (t) => {
  await assert.rejects(
    profileOf(t, () => true),
    { message: 'the node died' },
  );
});
