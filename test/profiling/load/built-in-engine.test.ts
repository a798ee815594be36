/** The built-in generator in its own process, against servers over real sockets. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import test from 'node:test';
import { builtInEngine } from '../../../profiling/load/built-in-engine.ts';
import type { LoadProgress } from '../../../profiling/load/engine.ts';
import { percentileUs } from '../../../profiling/load/histogram.ts';
import type { StatusCount } from '../../../profiling/load/result.ts';
import { judgeRun } from '../../../profiling/load/verdict.ts';
import { requestServer, workloadOf } from '../../support/load.ts';

const countOf = (statuses: readonly StatusCount[], name: string): number =>
  statuses.find(({ status }) => status === name)?.count ?? 0;

test('a server that stalls 1 s once in a 5 s run at 200/s: all 1,000 requests with the whole of their wait', async (t) => {
  const [rate, durationMs] = [200, 5000];
  const answeredMs: number[] = [];
  let firstMs = 0;
  let isStalled = false;
  const waiting: (() => void)[] = [];
  const url = await requestServer(t, ({ reply }) => {
    const answer = (): void => {
      answeredMs.push(performance.now());
      reply();
    };
    // The first request starts the clock: the stall is from 2 s to 3 s.
    if (firstMs === 0) {
      firstMs = performance.now();
      setTimeout(() => (isStalled = true), 2000);
      setTimeout(() => {
        isStalled = false;
        for (const one of waiting.splice(0)) one();
      }, 3000);
    }
    if (isStalled) waiting.push(answer);
    else answer();
  });
  const workload = workloadOf({ rate, durationMs, connections: 16, targets: [url] });
  const seen: LoadProgress[] = [];
  const result = await builtInEngine().run(workload, { onProgress: (progress) => seen.push(progress) });
  const { latency, totals, service } = result;
  assert.equal(latency.count, 1000);
  assert.equal(totals.completed, 1000);
  assert.equal(seen.length, 5);
  // From when each was due to when it was answered: on a busy machine the stall ends late, and the server itself is slow.
  const waitedMs = answeredMs.map((atMs, index) => atMs - firstMs - (index * 1000) / rate).sort((a, b) => a - b);
  for (const percentile of [50, 90, 99]) {
    const expectedMs = waitedMs[percentile * 10 - 1] ?? 0;
    const ms = percentileUs(latency, percentile) / 1000;
    t.diagnostic(`p${percentile} ${ms} ms, seen by the server ${expectedMs.toFixed(1)} ms`);
    assert.ok(Math.abs(ms - expectedMs) < 100, `p${percentile} ${ms} ms instead of ${expectedMs} ms`);
  }
  assert.ok(percentileUs(latency, 90) >= 450_000 && percentileUs(latency, 99) >= 900_000, 'the stall is in there');
  assert.ok(totals.pendingMax >= 180, `${totals.pendingMax} waiting at most`);
  assert.equal(result.saturated, null, 'a stalled server is no saturated generator');
  // Sixteen connections were in the stall; the others waited for them, which is no service time.
  assert.ok(service !== null && percentileUs(service, 90) < 450_000);
});

test('requests say operation, key, quorum, host and value', async (t) => {
  const seen: string[] = [];
  const url = await requestServer(t, ({ line, body, reply }) => {
    seen.push(`${line} ${body.length}`);
    reply();
  });
  const base = {
    rate: 100,
    durationMs: 60,
    targets: [url],
    keys: 3,
    distribution: 'sequential',
    ack: 2,
    from: 3,
  } as const;
  for (const op of ['put', 'get', 'delete'] as const) await builtInEngine().run(workloadOf({ ...base, op }));
  const keyed = (method: string, bytes: number): string[] =>
    [0, 1, 2].map((key) => `${method} /v0/entity?id=k00000${key}&ack=2&from=3 HTTP/1.1 ${bytes}`);
  assert.deepEqual(new Set(seen), new Set([...keyed('PUT', 8), ...keyed('GET', 0), ...keyed('DELETE', 0)]));
});

test('values too long to stand behind the head are sent whole', async (t) => {
  const sizes = new Set<number>();
  const url = await requestServer(t, ({ body, reply }) => {
    sizes.add(body.length);
    reply();
  });
  const { totals } = await builtInEngine().run(workloadOf({ targets: [url], valueBytes: 50_000, durationMs: 200 }));
  assert.equal(totals.completed, 40);
  assert.deepEqual([...sizes], [50_000]);
});

test('answers are counted by status; 404 of a GET is none of the failures', async (t) => {
  const empty = 'content-length: 0\r\n\r\n';
  let count = 0;
  const url = await requestServer(t, ({ reply }) => {
    const turn = count++ % 4;
    const line = ['200 OK', '404 Not Found', '504 Not Enough Replicas', '503 Service Unavailable'][turn];
    reply(`HTTP/1.1 ${line}\r\n${empty}`);
  });
  const workload = workloadOf({ op: 'get', targets: [url] });
  const result = await builtInEngine().run(workload);
  assert.equal(result.totals.completed, 100);
  assert.equal(result.totals.failed, 50);
  assert.deepEqual([result.latency.count, result.service?.count, result.errorLatency?.count], [50, 50, 50]);
  assert.deepEqual(
    result.statuses.map(({ status, count: n }) => [status, n]),
    ['200', '404', '503', '504'].map((status) => [status, 25]),
  );
  // Whether the generator itself was on time depends on what else the machine does.
  const { kind, sentence } = judgeRun({ ...result, workload, bounds: {}, saturated: null });
  assert.equal(kind, 'failed');
  assert.match(sentence, /50 of 100 .* 25 times 503 \(overloaded or not ready\), 25 times 504 \(quorum not met\)/);
});

test('a lost connection costs its own request only, and is opened again', async (t) => {
  let count = 0;
  const url = await requestServer(t, ({ reply, socket }) => {
    if (++count % 10 === 0) socket.destroy();
    else reply();
  });
  const { totals, statuses } = await builtInEngine().run(workloadOf({ targets: [url] }));
  assert.equal(totals.due, 100);
  assert.equal(totals.completed, 90);
  assert.equal(totals.unanswered, 10);
  assert.deepEqual(countOf(statuses, 'connection lost'), 10);
});

test('a server that closes each connection in good order loses nothing', async (t) => {
  const url = await requestServer(t, ({ socket }) =>
    socket.end('HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
  );
  const { totals, statuses } = await builtInEngine().run(workloadOf({ targets: [url] }));
  assert.equal(totals.completed, 100);
  assert.deepEqual(statuses, [{ status: '201', count: 100 }]);
});

test('a request without an answer is given up after the timeout', async (t) => {
  let count = 0;
  const url = await requestServer(t, ({ reply }) => {
    if (++count !== 5) reply();
  });
  const { totals, statuses } = await builtInEngine({ timeoutMs: 500 }).run(workloadOf({ targets: [url] }));
  const timeouts = countOf(statuses, 'timeout');
  t.diagnostic(`${timeouts} timeouts`);
  // A machine that stands still for as long makes others late, too; none is counted twice or forgotten.
  assert.ok(timeouts >= 1 && timeouts < 100, `${timeouts} timeouts`);
  assert.equal(totals.completed, 100 - timeouts);
  assert.equal(totals.unanswered, timeouts);
});

test('load is spread over all targets', async (t) => {
  const counts = [0, 0];
  const urls = await Promise.all(
    counts.map((_, index) =>
      requestServer(t, ({ reply }) => {
        counts[index] = (counts[index] ?? 0) + 1;
        reply();
      }),
    ),
  );
  const { targets } = await builtInEngine().run(workloadOf({ targets: urls }));
  assert.deepEqual(
    targets.map(({ url, completed }) => [url, completed]),
    urls.map((url, index) => [url, counts[index]]),
  );
  assert.ok(
    counts.every((count) => count > 20),
    counts.join(),
  );
});

test('an interrupted run gives what it measured, marked as cut short', async (t) => {
  const stop = new AbortController();
  let count = 0;
  const url = await requestServer(t, ({ reply }) => {
    if (++count === 50) stop.abort();
    reply();
  });
  const workload = workloadOf({ targets: [url], durationMs: 600_000 });
  const result = await builtInEngine().run(workload, { signal: stop.signal });
  assert.equal(result.cutShort, true);
  assert.ok(result.totals.completed >= 50 && result.totals.completed < 10_000);
  assert.ok(result.totals.seconds > 0 && result.totals.seconds < 60);
  assert.equal(result.latency.count, result.totals.completed);
});

test('a target that nobody listens on is named', async () => {
  await assert.rejects(builtInEngine().run(workloadOf({ targets: ['http://127.0.0.1:1'] })), {
    code: 'node-unreachable',
    message: 'Cannot reach http://127.0.0.1:1: connection refused',
  });
});

test('the warm-up is load that is in no figure', async (t) => {
  const url = await requestServer(t, ({ reply }) => reply());
  const { totals } = await builtInEngine().run(workloadOf({ targets: [url], durationMs: 200, warmupMs: 300 }));
  assert.equal(totals.due, 40);
  assert.equal(totals.completed, 40);
});

test('a mix is counted by kind; a modify is a GET and then a PUT of its key, and one operation', async (t) => {
  const seen = new Map<string, string[]>();
  const url = await requestServer(t, ({ line, reply }) => {
    const [method = '', path = ''] = line.split(' ');
    const key = /k\d+/.exec(path)?.[0] ?? '';
    seen.set(key, [...(seen.get(key) ?? []), method]);
    if (path.startsWith('/v0/entities')) reply('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n');
    else reply(method === 'GET' ? 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n' : undefined);
  });
  const mix = { modify: 2, insert: 1, range: 1 } as const;
  const workload = workloadOf({ op: 'mixed', mix, targets: [url], keys: 1_000_000, durationMs: 1000 });
  const { kinds = [], totals, latency } = await builtInEngine().run(workload);
  const completed = new Map(kinds.map((one) => [one.kind, one.completed]));
  assert.equal(totals.completed, 200);
  assert.equal(latency.count, 200);
  assert.equal(
    [...completed.values()].reduce((sum, one) => sum + one, 0),
    200,
  );
  const modified = [...seen.values()].filter((methods) => methods.join() === 'GET,PUT').length;
  assert.equal(modified, completed.get('modify'));
  const inserted = [...seen].filter(([key, methods]) => key.length === 8 && methods.join() === 'PUT').length;
  assert.equal(inserted, completed.get('insert'));
  assert.ok((completed.get('range') ?? 0) > 20);
});

test('a modify whose connection is lost between its requests, or whose PUT is refused, is counted once', async (t) => {
  let isAnswered = false;
  const url = await requestServer(t, ({ line, socket, reply }) => {
    if (line.startsWith('PUT')) return reply('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    if (isAnswered) return void socket.destroy();
    isAnswered = true;
    return reply('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  const workload = workloadOf({ op: 'mixed', mix: { modify: 1 }, targets: [url], connections: 1, durationMs: 300 });
  const { totals, statuses } = await builtInEngine().run(workload);
  assert.equal(countOf(statuses, '503'), 1);
  assert.equal(totals.completed + totals.unanswered, 60);
});

test('stages: each has what was due in it, and the whole is their mean', async (t) => {
  const url = await requestServer(t, ({ reply }) => reply());
  const stages = [
    { rate: 100, durationMs: 0 },
    { rate: 100, durationMs: 500 },
    { rate: 0, durationMs: 400 },
  ];
  const result = await builtInEngine().run(workloadOf({ targets: [url], stages, rate: 70 / 0.9, durationMs: 900 }));
  assert.deepEqual(
    result.stages?.map(({ due, completed, fromRate, toRate }) => [due, completed, fromRate, toRate]),
    [
      [50, 50, 100, 100],
      [20, 20, 100, 0],
    ],
  );
  assert.equal(result.totals.due, 70);
});
