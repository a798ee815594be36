/** A short real profile of a cluster under load: CPU and allocation of every thread, files that tools open, costs, perf. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownerOf } from '../../../profiling/attribution/frame.ts';
import type { StackTree } from '../../../profiling/attribution/stack-tree.ts';
import {
  measureAllocation,
  measureCollections,
  measureCpu,
  measurePromises,
} from '../../../profiling/capture/measure.ts';
import {
  cpuSamples,
  measurePerf,
  perfMaps,
  perfNodeOptions,
  recordPerfOfNodes,
  removePerfMaps,
} from '../../../profiling/capture/perf-recording.ts';
import { perfObstacle } from '../../../profiling/capture/perf.ts';
import {
  profilerState,
  startRecording,
  stopRecording,
  type ProfileTarget,
} from '../../../profiling/capture/profile-client.ts';
import { recordNodes, type NodeRecording } from '../../../profiling/capture/record.ts';
import {
  indexName,
  treeOf,
  writeIndex,
  writePerfFiles,
  writeRecordingFiles,
  type ProfileIndex,
} from '../../../profiling/capture/recording-files.ts';
import { frameResolver } from '../../../profiling/capture/source-frames.ts';
import { builtInEngine } from '../../../profiling/load/built-in-engine.ts';
import type { Workload } from '../../../profiling/load/result.ts';
import type { CpuProfile } from '../../../src/waits/recording.ts';
import { startCluster, type Cluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const secret = 'correct horse';
const durationMs = 500;
const resolve = frameResolver();

function targetsOf(cluster: Cluster): ProfileTarget[] {
  return cluster.nodes.map(({ url }, index) => ({ name: `n${index + 1}`, url, secret }));
}

/** Load from now to the end of `work`. */
async function underLoad<T>(targets: readonly ProfileTarget[], work: () => Promise<T>): Promise<T> {
  const workload: Workload = {
    op: 'put',
    readShare: 0,
    rate: 300,
    arrival: 'constant',
    connections: 8,
    durationMs: 120_000,
    warmupMs: 0,
    keys: 100,
    distribution: 'uniform',
    valueBytes: 100,
    ack: null,
    from: null,
    targets: targets.map(({ url }) => url),
    seed: 1,
  };
  const end = new AbortController();
  const load = builtInEngine().run(workload, { signal: end.signal });
  try {
    return await work();
  } finally {
    end.abort();
    await load;
  }
}

function hasWorkerFunction(tree: StackTree): boolean {
  return tree.some(({ frame }) => frame.origin === 'project' && /^workers\/.+\.ts$/.test(frame.file));
}

function workerTrees(recordings: readonly NodeRecording[]): StackTree[] {
  return recordings.flatMap(({ recording }) =>
    recording.threads.flatMap((thread) => (thread.thread === 'main' ? [] : [treeOf(thread, resolve) ?? []])),
  );
}

test('a cluster under load is recorded, thread by thread', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: ['--cluster-secret', secret, '--profile-ms-max', '601s'] });
  const targets = targetsOf(cluster);
  const directory = temporaryDirectory(t);
  await underLoad(targets, async () => {
    const [cpu, heap] = await eventually(async () => {
      const found = [
        await recordNodes(targets, 'cpu', { durationMs }),
        await recordNodes(targets, 'heap', { durationMs, interval: 16_384 }),
      ] as const;
      for (const recordings of found) assert.ok(recordings.every(({ requests }) => (requests['PUT'] ?? 0) > 0));
      return found;
    });

    await t.test('with functions of the workers in the CPU graph and in the allocation graph', () => {
      for (const recordings of [cpu, heap]) {
        assert.equal(recordings.length, 3);
        assert.ok(workerTrees(recordings).some(hasWorkerFunction));
      }
    });

    await t.test('in files that DevTools and speedscope open, with an index', () => {
      const files = writeRecordingFiles([...cpu, ...heap], { directory, op: 'put', resolve });
      writeIndex(directory, files);
      const index = JSON.parse(readFileSync(join(directory, indexName), 'utf8')) as ProfileIndex;
      assert.equal(index.schema, 'kvorum-profile-files/1');
      assert.equal(index.files.length, 3 * 3 * 2 * 2, 'nodes, threads, kinds, raw and collapsed');
      assert.ok(index.files.some(({ path }) => path === 'put/n1-main.cpuprofile'));
      const worker = index.files.find(({ path }) => path === 'put/n3-worker-1.cpuprofile');
      const profile = JSON.parse(readFileSync(join(directory, worker?.path ?? ''), 'utf8')) as CpuProfile;
      assert.ok(profile.nodes.length > 10 && (profile.samples?.length ?? 0) > 10);
      const folded = readFileSync(join(directory, 'put/n1-worker-1.folded'), 'utf8');
      assert.match(folded, /^worker 1;.+ \d+$/m);
      assert.match(folded, /workers\/[\w-]+\.ts:\d+/);
      assert.ok(!folded.includes('(idle)'));
    });

    await t.test('split by parts: CPU as the system accounts it, bytes, under 5% unattributed', () => {
      const costs = measureCpu(cpu, resolve);
      assert.equal(costs.threads.length, 9);
      assert.ok(costs.requests > 0);
      assert.equal(costs.native?.length, process.platform === 'linux' ? 3 : undefined);
      for (const thread of costs.threads) {
        const sum = thread.parts.reduce((so, { self }) => so + self, 0);
        assert.ok(Math.abs(sum - thread.cpuUs) <= thread.cpuUs * 0.001 + 1, `${sum} of ${thread.cpuUs}`);
        assert.ok(thread.unattributedShare < 0.05, `${thread.thread}: ${thread.unknown.join(', ')}`);
        assert.equal(thread.isWallTime, process.platform !== 'linux');
      }
      const allocation = measureAllocation(heap, resolve);
      for (const { bytes, unattributedShare } of allocation.threads.filter(isBusy)) {
        assert.ok(bytes > 0 && unattributedShare < 0.05);
      }
    });

    await t.test('with collections, memory and promises', async () => {
      const collections = measureCollections(await recordNodes(targets, 'gc', { durationMs }));
      const promises = measurePromises(await recordNodes(targets, 'promises', { durationMs }));
      for (const { heapBytes, offHeapBytes } of collections.threads.filter(isBusy)) {
        assert.ok(heapBytes > 0 && offHeapBytes > 0);
      }
      for (const one of promises.threads.filter(isBusy)) assert.ok(one.promises > 0);
      assert.deepEqual([collections.failed, promises.failed], [[], []]);
    });
  });
  for (const target of targets) assert.equal((await profilerState(target)).sessions, 0);

  await t.test('on all nodes or on none', async () => {
    const [first, second] = targets as [ProfileTarget, ProfileTarget];
    await startRecording(second, 'gc');
    await assert.rejects(recordNodes([first, second], 'cpu', { durationMs: 10 }), {
      code: 'profile-failed',
      message: `Cannot profile "${second.url}": it answers 409: There is a recording already; stop it first`,
    });
    assert.equal((await profilerState(first)).state, 'off');
    assert.equal((await stopRecording(second)).kind, 'gc', 'the other one goes on');
    await assert.rejects(
      recordNodes([{ ...first, secret: 'wrong' }], 'cpu', { durationMs: 10 }),
      /secret does not match/,
    );
  });

  await t.test('and can be ended early', async () => {
    await assert.rejects(recordNodes(targets, 'cpu', { durationMs: 601_000 }), /raise their --profile-ms-max/);
    const end = new AbortController();
    const recorded = await recordNodes(targets, 'cpu', {
      durationMs: 600_000,
      signal: end.signal,
      onRecording: () => end.abort(),
    });
    assert.equal(recorded.length, 3);
    assert.ok(recorded.every(({ recording }) => recording.durationMs < 600_000));
  });
});

test(
  'perf sees JavaScript, native code and the kernel',
  { skip: (await perfObstacle(cpuSamples)) ?? false },
  async (t) => {
    const environments = Array.from({ length: 2 }, () => ({ NODE_OPTIONS: perfNodeOptions }));
    const cluster = await startCluster(t, { nodes: 2, flags: ['--cluster-secret', secret], environments });
    const targets = targetsOf(cluster);
    const pids = cluster.nodes.map(({ pid }) => pid ?? 0);
    // Removed only after their ends: nodes write them until then. Their parent is this process, which has none.
    const leftBehind = perfMaps(pids);
    cluster.afterNodes.push(() => removePerfMaps(leftBehind));
    const directory = temporaryDirectory(t);
    await underLoad(targets, () =>
      eventually(async () => {
        const recording = await recordPerfOfNodes(targets, { durationMs, resolve });
        assert.ok(recording.threads.some(({ thread, tree }) => thread === 'worker 1' && hasWorkerFunction(tree)));
        const frames = recording.threads.flatMap(({ tree }) => tree.map(({ frame }) => frame));
        for (const origin of ['native', 'kernel', 'node', 'project']) {
          assert.ok(
            frames.some((frame) => frame.origin === origin),
            origin,
          );
        }
        assert.ok(frames.some((frame) => ownerOf(frame) === 'storage'));
        const { threads, requests } = measurePerf(recording);
        assert.ok(requests > 0);
        assert.deepEqual(
          threads.map(({ node, thread }) => `${node} ${thread}`),
          ['n1 main', 'n1 worker 1', 'n1 native', 'n2 main', 'n2 worker 1', 'n2 native'],
        );
        const [file] = writePerfFiles(recording.threads, { directory, op: 'put', resolve });
        assert.ok(existsSync(join(directory, file?.path ?? '')));
      }),
    );
    for (const pid of pids) assert.ok(leftBehind.includes(`/tmp/perf-${pid}.map`));
  },
);

/** Store writers have nothing to do until a segment of the log is full. */
function isBusy({ thread }: { readonly thread: string }): boolean {
  return !thread.startsWith('store writer');
}
