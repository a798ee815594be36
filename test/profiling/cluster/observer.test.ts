/** What the observer sees of real nodes under load, of a node that dies, and of what is no node at all. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { observeNodes } from '../../../profiling/cluster/observer.ts';
import type { NodeObservation } from '../../../profiling/cluster/observation.ts';
import { fakeNode, refusedUrl } from '../../cli/kvorum.ts';
import { eventually } from '../../support/eventually.ts';
import { startCluster, type Cluster } from '../../support/cluster.ts';
import { metricTotal } from '../../support/prometheus-text.ts';

const noAccounts = existsSync('/proc/self/schedstat') ? false : 'the system has no /proc/self/schedstat';

/** Writes through node 0 for as long as the window is to last. */
async function load(cluster: Cluster, windowMs: number): Promise<void> {
  const until = performance.now() + windowMs;
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let round = 0; performance.now() < until; round++) {
      await cluster.put(0, `key ${writer} ${round}`, 'value', { ack: 2, from: 3 });
    }
  });
  await Promise.all(writers);
}

function observationOf(observations: readonly NodeObservation[], index: number): NodeObservation {
  const one = observations[index];
  assert.ok(one !== undefined);
  return one;
}

// A node on a machine under much other load may not answer in time, and there is no sample then: windows are repeated.
test('observed nodes', { skip: noAccounts }, async (t) => {
  const cluster = await startCluster(t, { nodes: 3 });
  const urls = cluster.nodes.map(({ url }) => url);

  await t.test('each thread has its share, and together they are what the process says of itself', () =>
    eventually(async () => {
      const observer = await observeNodes(urls);
      const before = await metricTotal(urls[0] ?? '', 'process_cpu_seconds_total');
      await observer.begin();
      await load(cluster, 500);
      const observations = await observer.end();
      const processUs = ((await metricTotal(urls[0] ?? '', 'process_cpu_seconds_total')) - before) * 1e6;
      assert.deepEqual(
        observations.map(({ url, pid }) => [url, pid]),
        cluster.nodes.map(({ url, pid }) => [url, pid]),
      );
      const first = observationOf(observations, 0);
      const threads = new Map(first.threads?.map((thread) => [thread.thread, thread]));
      assert.deepEqual([...threads.keys()], ['main', 'worker 1', 'native']);
      for (const [name, thread] of threads) assert.ok(thread.cpuUs > 0, `${name} used no CPU`);
      for (const name of ['main', 'worker 1']) {
        assert.ok((threads.get(name)?.voluntarySwitches ?? 0) > 0, `${name} never waited`);
        assert.ok((threads.get(name)?.runQueueUs ?? -1) >= 0);
      }
      const threadsUs = [...threads.values()].reduce((sum, { cpuUs }) => sum + cpuUs, 0);
      // The process's own window is a little longer: it holds two answers to the question.
      assert.ok(threadsUs <= processUs + 20_000, `threads ${threadsUs}, process ${processUs}`);
      assert.ok(threadsUs >= processUs * 0.7 - 20_000, `threads ${threadsUs}, process ${processUs}`);
    }),
  );

  await t.test('a second has utilization, commits, memory and CPU, and the window the bytes between nodes', () =>
    eventually(async () => {
      const observer = await observeNodes(urls);
      await observer.begin();
      await load(cluster, 2300);
      const observations = await observer.end();
      for (const { series, url, residentBytesMax, peerBytesReceived } of observations) {
        assert.ok(series.length >= 2, `${url} has ${series.length} samples`);
        for (const [index, sample] of series.entries()) {
          assert.ok(sample.second >= 1 && (index === 0 || sample.second > (series[index - 1]?.second ?? 0)));
          assert.deepEqual(Object.keys(sample.utilization), ['main', 'worker 1']);
          for (const share of Object.values(sample.utilization)) assert.ok(share >= 0 && share <= 1, String(share));
          assert.ok((sample.commits ?? 0) > 0 && (sample.commitMsMean ?? 0) > 0, 'commits');
          assert.ok((sample.gcMs ?? -1) >= 0 && (sample.cpuUs ?? 0) > 0 && (sample.poolQueue ?? -1) >= 0);
          assert.ok((sample.residentBytes ?? 0) <= (residentBytesMax ?? 0));
        }
        assert.ok((peerBytesReceived ?? -1) >= 0);
      }
      const first = observationOf(observations, 0);
      assert.ok((first.peerBytesSent ?? 0) > 0 && (first.peerBytesReceived ?? 0) > 0);
      assert.ok(first.series.some(({ operationsInFlight }) => (operationsInFlight ?? 0) > 0));
    }),
  );

  await t.test('a window may follow another', () =>
    eventually(async () => {
      const observer = await observeNodes(urls);
      await observer.begin();
      await load(cluster, 100);
      const long = observationOf(await observer.end(), 0);
      await observer.begin();
      const short = observationOf(await observer.end(), 0);
      assert.ok((short.peerBytesSent ?? 0) < (long.peerBytesSent ?? 0));
    }),
  );

  await t.test('a node that dies meanwhile is known up to then, and the others go on', async () => {
    const observer = await observeNodes(urls);
    await observer.begin();
    await load(cluster, 1200);
    await cluster.stop(2, 'SIGKILL');
    await load(cluster, 1200);
    const observations = await observer.end();
    const dead = observationOf(observations, 2);
    assert.ok((dead.threads?.find(({ thread }) => thread === 'main')?.cpuUs ?? 0) > 0);
    const last = dead.series.at(-1);
    assert.deepEqual(
      [last?.operationsInFlight, last?.poolQueue, last?.utilization, last?.commits, last?.cpuUs, last?.residentBytes],
      [null, null, {}, null, null, null],
    );
    assert.ok(observationOf(observations, 0).series.length >= 2);
  });
});

test('what does not answer is nulls and no error, and is not waited for long', async (t) => {
  const hangs = await fakeNode(t, () => {});
  const refuses = await refusedUrl();
  const babbles = await fakeNode(t, (_, response) => response.end('hello'));
  const observer = await observeNodes([hangs, refuses, babbles]);
  await observer.begin();
  await setTimeout(600);
  for (const { pid, threads, peerBytesSent, residentBytesMax, series } of await observer.end()) {
    assert.deepEqual([pid, threads, peerBytesSent, residentBytesMax], [null, null, null, null]);
    for (const { second, utilization, ...figures } of series) {
      assert.ok(second >= 1);
      assert.deepEqual(utilization, {});
      assert.deepEqual(new Set(Object.values(figures)), new Set([null]));
    }
  }
});

test('a node that tells the number of another process is not taken for local', async (t) => {
  const status = { process: { pid: process.pid, threads: [{ thread: 'main', osThreadId: process.pid }] } };
  const url = await fakeNode(t, (_, response) => response.end(JSON.stringify(status)));
  const observer = await observeNodes([url]);
  await observer.begin();
  const [observation] = await observer.end();
  assert.deepEqual([observation?.pid, observation?.threads], [null, null]);
});
