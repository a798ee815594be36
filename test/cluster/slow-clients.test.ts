/** Clients that are slow hold no more than the settings say, and hold up nobody. `npm run slow-clients` has thousands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { gather, largeKey, largeValue, pipelinedPastKernel, smallKey, smallValue } from '../support/slow-clients.ts';

const MIB = 1024 * 1024;

test('hundreds of slow clients of every kind hold up nobody, and nothing is left of them', async (t) => {
  const answerBytesMax = 64 * MIB;
  const bounds = ['--answer-bytes-in-flight-max', '64MiB', '--operations-in-flight-max', '500'];
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit', flags: bounds });
  const { url } = cluster.node(0);
  for (const [key, value] of [
    [largeKey, largeValue],
    [smallKey, smallValue],
  ] as const) {
    assert.equal((await cluster.put(0, key, value)).status, 201);
  }
  const crowd = await gather(
    url,
    { idle: 150, heads: 100, bodies: 520, readers: 10, pipeliners: 5 },
    pipelinedPastKernel,
  );
  t.after(() => crowd.close());
  await eventually(async () => {
    assert.equal(await metricTotal(url, 'kvorum_bodies_in_flight'), 520);
    assert.equal(await metricTotal(url, 'kvorum_operations_in_flight'), 0);
  });
  const waiting = await metricTotal(url, 'kvorum_answer_bytes_in_flight');
  assert.ok(waiting > 0 && waiting <= answerBytesMax + 15 * 16 * 1024, `${waiting} bytes wait`);
  assert.equal(await metricTotal(url, 'kvorum_body_bytes_in_flight'), 520);
  for (let index = 0; index < 50; index++) {
    assert.equal((await cluster.put(0, `beside ${index}`, 'v')).status, 201);
    assert.equal((await cluster.get(0, `beside ${index}`)).status, 200);
  }
  crowd.close();
  await eventually(async () => {
    for (const what of ['bodies', 'body_bytes', 'answer_bytes'])
      assert.equal(await metricTotal(url, `kvorum_${what}_in_flight`), 0, what);
  });
});

test('clients that read nothing get no more than the room for answers, and leave writes and short answers alone', async (t) => {
  const bounds = ['--value-bytes-max', '64KiB', '--answer-bytes-in-flight-max', '1MiB'];
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit', flags: bounds });
  const { url } = cluster.node(0);
  assert.equal((await cluster.put(0, smallKey, smallValue)).status, 201);
  const pipeliners = 8;
  const crowd = await gather(url, { idle: 0, heads: 0, bodies: 0, readers: 0, pipeliners }, pipelinedPastKernel);
  t.after(() => crowd.close());
  const refused = async (): Promise<number> => {
    assert.equal(await metricTotal(url, 'kvorum_operations_in_flight'), 0);
    return metricTotal(url, 'kvorum_answer_bytes_in_flight');
  };
  const waiting = await eventually(async () => {
    const bytes = await refused();
    assert.ok(bytes > MIB - smallValue.length, `${bytes} bytes wait`);
    return bytes;
  });
  // Refusals are answers, too, and come on top of the room: at most as much as a socket takes before it is not read from.
  assert.ok(waiting < MIB + pipeliners * 64 * 512, `${waiting} bytes wait`);
  assert.equal((await cluster.put(0, 'other', 'v')).status, 201);
  assert.equal((await cluster.get(0, smallKey)).status, 503);
  crowd.close();
  await eventually(async () => assert.equal((await cluster.get(0, smallKey)).status, 200));
});
