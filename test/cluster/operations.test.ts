/** What operators see and do: metrics, logs, health, and a stop under load. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { modes } from '../../src/domain/modes.ts';
import { lostOf } from '../support/acknowledged.ts';
import { ask } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal, parsePrometheus, type ParsedFamily } from '../support/prometheus-text.ts';
import { metricNamesIn, promtool, skipWithoutPromtool } from '../support/promtool.ts';
import { RawConnection } from '../support/raw-http.ts';

/** Families that dashboards may rely on, with their types. */
const promised: Readonly<Record<string, string>> = {
  kvorum_http_request_seconds: 'histogram',
  kvorum_operations_in_flight: 'gauge',
  kvorum_operations_refused_total: 'counter',
  kvorum_bodies_in_flight: 'gauge',
  kvorum_body_bytes_in_flight: 'gauge',
  kvorum_answer_bytes_in_flight: 'gauge',
  kvorum_frame_operations: 'histogram',
  kvorum_pool_queue_tasks: 'gauge',
  kvorum_pool_tasks_total: 'counter',
  kvorum_pool_wait_seconds: 'histogram',
  kvorum_pool_run_seconds: 'histogram',
  kvorum_event_loop_delay_seconds: 'summary',
  kvorum_event_loop_utilization: 'gauge',
  kvorum_event_loop_active_seconds_total: 'counter',
  kvorum_event_loop_idle_seconds_total: 'counter',
  kvorum_gc_seconds_total: 'counter',
  kvorum_gc_pauses_total: 'counter',
  kvorum_log_settle_seconds: 'histogram',
  kvorum_memtable_bytes: 'gauge',
  kvorum_checkpoint_seconds: 'histogram',
  kvorum_log_bytes_total: 'counter',
  kvorum_log_syncs_total: 'counter',
  kvorum_log_sync_seconds: 'histogram',
  kvorum_log_group_writes: 'histogram',
  kvorum_memtable_records: 'gauge',
  kvorum_store_records: 'gauge',
  kvorum_tombstones: 'gauge',
  kvorum_tombstones_purged_total: 'counter',
  kvorum_checkpoint_records_total: 'counter',
  kvorum_checkpoint_age_seconds: 'gauge',
  kvorum_checkpoint_disk_full: 'gauge',
  kvorum_replay_seconds: 'gauge',
  kvorum_replay_records: 'gauge',
  kvorum_log_damaged: 'gauge',
  kvorum_store_corrupt_records_total: 'counter',
  kvorum_peer_up: 'gauge',
  kvorum_peer_round_trip_seconds: 'histogram',
  kvorum_peer_batch_operations: 'histogram',
  kvorum_peer_sent_bytes_total: 'counter',
  kvorum_peer_received_bytes_total: 'counter',
  kvorum_peer_failures_total: 'counter',
  kvorum_peer_queued_bytes: 'gauge',
  kvorum_frames_pending: 'gauge',
  kvorum_read_repairs_total: 'counter',
  kvorum_stale_reads_total: 'counter',
  kvorum_hints: 'gauge',
  kvorum_hint_bytes: 'gauge',
  kvorum_hints_delivered_total: 'counter',
  kvorum_hints_handed_over_total: 'counter',
  kvorum_hints_dropped_total: 'counter',
  kvorum_second_rounds_total: 'counter',
  kvorum_peer_connections: 'gauge',
  kvorum_client_connections: 'gauge',
  kvorum_client_connections_accepted_total: 'counter',
  kvorum_client_connections_limit: 'gauge',
  kvorum_operations_in_flight_limit: 'gauge',
  kvorum_ready: 'gauge',
  kvorum_node_state: 'gauge',
  kvorum_clock_offset_seconds: 'gauge',
  kvorum_clock_skewed: 'gauge',
  kvorum_data_directory_bytes: 'gauge',
  kvorum_store_bytes: 'gauge',
  kvorum_store_limit_bytes: 'gauge',
  kvorum_log_file_bytes: 'gauge',
  kvorum_memtable_limit_bytes: 'gauge',
  kvorum_disk_free_bytes: 'gauge',
  kvorum_disk_bytes: 'gauge',
  kvorum_late_replies_total: 'counter',
  kvorum_build_info: 'gauge',
  process_cpu_seconds_total: 'counter',
  process_resident_memory_bytes: 'gauge',
  process_start_time_seconds: 'gauge',
  ...(process.platform === 'linux' && { process_open_fds: 'gauge', process_max_fds: 'gauge' }),
};

/** The one metric of the alerts that only nodes with certificates have. */
const ofTls = 'kvorum_tls_expiry_timestamp_seconds';

async function scrape(cluster: Cluster): Promise<Map<string, ParsedFamily>> {
  const answer = await ask(cluster.node(0).url, '/metrics');
  assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  return parsePrometheus(answer.body.toString());
}

test('metrics and logs', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, flags: ['--workers', '2'] });
  for (let index = 0; index < 20; index++) await cluster.put(0, `key ${index}`, 'v', { ack: 3, from: 3 });

  await t.test('/metrics is Prometheus text with every promised family', async () => {
    // The clocks of the peers are compared once a second.
    const families = await eventually(async () => {
      const scraped = await scrape(cluster);
      assert.ok((scraped.get('kvorum_clock_offset_seconds')?.samples.length ?? 0) > 0, 'clocks were compared');
      return scraped;
    });
    for (const [name, type] of Object.entries(promised)) {
      const family = families.get(name);
      assert.equal(family?.type, type, name);
      assert.ok(family.help !== '', `${name} has a help text`);
      assert.ok(family.samples.length > 0, `${name} has a sample`);
      const series = family.samples.map((sample) => `${sample.name} ${JSON.stringify(sample.labels)}`);
      assert.equal(new Set(series).size, series.length, `${name} names no series twice`);
    }
  });

  await t.test('promtool finds nothing to complain about in /metrics', { skip: skipWithoutPromtool }, async () => {
    const { body } = await ask(cluster.node(0).url, '/metrics');
    assert.deepEqual(promtool(['check', 'metrics'], body.toString()), { code: 0, said: '' });
  });

  await t.test('each metric that the board and the alerts name is in /metrics', async () => {
    const families = await scrape(cluster);
    for (const file of ['grafana-board.json', 'alerts.yml']) {
      const named = metricNamesIn(readFileSync(new URL(`../../../scripts/deploy/${file}`, import.meta.url), 'utf8'));
      assert.ok(named.length > 10);
      assert.deepEqual(
        named.filter((name) => !families.has(name) && name !== ofTls),
        [],
        file,
      );
    }
  });

  await t.test('histogram buckets are cumulative and end in the count', async () => {
    for (const [name, { type, samples }] of await scrape(cluster)) {
      if (type !== 'histogram') continue;
      let last = 0;
      for (const sample of samples) {
        if (sample.name.endsWith('_bucket')) {
          assert.ok(sample.value >= last, `${name}: ${sample.value} after ${last}`);
          last = sample.value;
        } else if (sample.name.endsWith('_count')) {
          assert.equal(sample.value, last, name);
          last = 0;
        }
      }
    }
  });

  await t.test('requests are counted by method and status, refusals too', async () => {
    await cluster.get(0, 'key 1');
    await cluster.get(0, 'no such key');
    await ask(cluster.node(0).url, '/v0/entity');
    const families = await scrape(cluster);
    const samples = families.get('kvorum_http_request_seconds')?.samples ?? [];
    const counted = new Map(
      samples
        .filter(({ name }) => name.endsWith('_count'))
        .map(({ labels, value }) => [`${labels['method']} ${labels['status']}`, value]),
    );
    assert.equal(counted.get('PUT 201'), 20);
    assert.equal(counted.get('GET 200'), 1);
    assert.equal(counted.get('GET 404'), 1);
    assert.equal(counted.get('GET 400'), 1);
  });

  await t.test('logs are one JSON object a line, and none is about a request', async () => {
    const before = cluster.nodes.map(({ logs }) => logs.length);
    for (let index = 0; index < 50; index++) await cluster.get(index % 3, `key ${index}`);
    for (const [index, node] of cluster.nodes.entries()) {
      const logs: { time?: string; level?: string; message?: string }[] = node.logs;
      assert.ok(logs.length > 0 && logs.length === before[index]);
      for (const line of logs) {
        assert.ok(!Number.isNaN(Date.parse(line.time ?? '')));
        assert.ok(['error', 'warn', 'info'].includes(line.level ?? ''));
        assert.equal(typeof line.message, 'string');
      }
    }
  });

  await t.test('a second signal forces the end', async () => {
    // A request whose body never comes keeps the node draining.
    const node = cluster.node(2);
    const connection = await RawConnection.open(t, node.url);
    connection.send('PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n');
    await eventually(async () => assert.equal(await metricTotal(node.url, 'kvorum_bodies_in_flight'), 1));
    node.signal('SIGTERM');
    await eventually(() => assert.ok(node.stderr.includes('"stopping"')));
    await node.stop('SIGTERM');
  });
});

for (const mode of modes) {
  test(`SIGTERM under load in mode ${mode} ends with exit 0 and loses no acknowledged write`, async (t) => {
    const cluster = await startCluster(t, { nodes: 3, mode });
    const acknowledged = new Set<string>();
    const load = { on: true };
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let count = 0; load.on; count++) {
        const key = `writer ${writer} write ${count}`;
        const answer = await cluster.put(0, key, key, { agent }).catch(() => undefined);
        if (answer === undefined) break;
        if (answer.status === 201) acknowledged.add(key);
        // The node coordinates what it accepted to the end, so while the others are up nothing is a 504.
        else assert.equal(answer.status, 503, `answered ${answer.status}`);
      }
      agent.destroy();
    });
    await eventually(() => assert.ok(acknowledged.size > 200));
    const exit = await cluster.stop(0);
    load.on = false;
    await Promise.all(writers);
    assert.deepEqual(exit, { code: 0, signal: null });
    await cluster.start(0);
    assert.deepEqual(await lostOf(cluster, acknowledged, [1]), []);
  });
}

test('a stopping node answers what is in flight, is not ready, and refuses new connections', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, flags: ['--drain-ms-max', '30s'] });
  const node = cluster.node(0);
  const inFlight = await RawConnection.open(t, node.url);
  inFlight.send('PUT /v0/entity?id=a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbo');
  await eventually(async () => assert.equal(await metricTotal(node.url, 'kvorum_bodies_in_flight'), 1));
  node.signal('SIGTERM');
  await eventually(() => assert.ok(node.stderr.includes('"stopping"')));
  await eventually(() => assert.rejects(ask(node.url, '/readyz'), { code: 'ECONNREFUSED' }));
  inFlight.send('dy');
  const answer = await inFlight.answer();
  assert.equal(answer.status, 201);
  assert.deepEqual(await node.exited, { code: 0, signal: null });
  await node.start();
  assert.equal((await cluster.get(0, 'a')).body.toString(), 'body');
});
