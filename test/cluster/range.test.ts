/** Range queries of real nodes, over sockets. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, test, type TestContext } from 'node:test';
import { ask, entityTarget, problemCode } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { answerIfWhole, askRange, RangeRequest, type RangeAnswer } from '../support/range-client.ts';
import { RawConnection } from '../support/raw-http.ts';

const oneNode = { nodes: 1, durability: 'commit' } as const;

async function putAll(cluster: Cluster, records: Readonly<Record<string, string | Buffer>>, node = 0): Promise<void> {
  for (const [key, value] of Object.entries(records)) {
    assert.equal((await cluster.put(node, key, value)).status, 201, key);
  }
}

/** One node for the tests that need no more; each has keys of its own. */
const shared = await startCluster({ after }, oneNode);

const url = (cluster: Cluster, index = 0): string => cluster.node(index).url;
const openReaders = (cluster: Cluster): Promise<number> => metricTotal(url(cluster), 'kvorum_range_readers_open');

/** 48 MiB: more than all buffers between a node and a client that does not read. */
async function putMuch(cluster: Cluster): Promise<number> {
  const value = Buffer.alloc(12 * 1024 * 1024, 'much ');
  await putAll(cluster, { much1: value, much2: value, much3: value, much4: value });
  return 4 * value.length;
}

test('a range is chunked, one chunk of key, newline and value a record, in byte order of the key', async (t) => {
  const cluster = shared;
  const large = 'large '.repeat(100_000);
  const records = { b: 'two\nlines\r\n', a: '', é: 'after z', Z: 'before a', aa: 'x', large };
  await putAll(cluster, { ...records, gone: 'deleted' });
  assert.equal((await cluster.del(0, 'gone')).status, 202);
  const whole = await askRange(t, url(cluster), '/v0/entities?start=%01');
  assert.equal(whole.status, 200);
  assert.equal(whole.headers.get('transfer-encoding'), 'chunked');
  assert.equal(whole.headers.get('content-length'), undefined);
  assert.deepEqual(whole.chunks, ['Z\nbefore a', 'a\n', 'aa\nx', 'b\ntwo\nlines\r\n', `large\n${large}`, 'é\nafter z']);
  assert.equal(whole.trailers.size, 0);
  const part = await askRange(t, url(cluster), '/v0/entities?start=a&end=b');
  assert.deepEqual(part.chunks, ['a\n', 'aa\nx']);
  const keys = await askRange(t, url(cluster), '/v0/entities?start=b&keys=1');
  assert.deepEqual(keys.chunks, ['b\n', 'large\n', 'é\n']);
  for (const query of ['start=zz&end=zzz', 'start=b&end=b', 'start=b&end=a']) {
    const { status, body } = await askRange(t, url(cluster), `/v0/entities?${query}`);
    assert.deepEqual([status, body.length], [200, 0], query);
  }
});

test('a key with a line feed ends a range in the default format with a word on NDJSON, and is whole in that', async (t) => {
  const cluster = shared;
  const bounds = 'end=%7F%7F&start=%7F';
  await putAll(cluster, { '\u007fa': 'v', '\u007fb\r\t\0': 'v', '\u007fc\nd': 'v', '\u007fe': 'v' });
  for (const keys of ['', '&keys=1']) {
    const part = await askRange(t, url(cluster), `/v0/entities?${bounds}${keys}`);
    assert.deepEqual(part.chunks, keys === '' ? ['\u007fa\nv', '\u007fb\r\t\0\nv'] : ['\u007fa\n', '\u007fb\r\t\0\n']);
    const error = part.trailers.get('kvorum-error') ?? '';
    assert.match(
      error,
      /^not-acceptable; Key "\?c\\nd" has a line feed, .* use NDJSON \(accept: application\/x-ndjson\)$/,
    );
    const refused = await ask(url(cluster), `/v0/entities?${bounds}c${keys}`);
    assert.deepEqual([refused.status, problemCode(refused)], [406, 'not-acceptable']);
    assert.match(refused.body.toString(), /NDJSON/);
    const limited = await askRange(t, url(cluster), `/v0/entities?${bounds}&limit=2${keys}`);
    assert.equal(limited.chunks.length, 2, 'what a limit cuts off is not looked at');
    const json = await askRange(t, url(cluster), `/v0/entities?${bounds}${keys}`, { accept: 'application/x-ndjson' });
    const found = json.chunks.map((line) => (JSON.parse(line) as { key: string }).key);
    assert.deepEqual(found, ['\u007fa', '\u007fb\r\t\0', '\u007fc\nd', '\u007fe']);
  }
});

test('a range as JSON lines names key, version and value', async (t) => {
  const cluster = shared;
  await putAll(cluster, { 'json a': 'text "quoted"', 'json b': Buffer.from([0xff, 0]), 'json c': '' });
  const answer = await askRange(t, url(cluster), '/v0/entities?start=json&end=jsoo', {
    accept: 'application/x-ndjson',
  });
  assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
  const lines = answer.chunks.map((line) => JSON.parse(line) as { version: number });
  assert.ok(lines.every(({ version }) => Number.isSafeInteger(version) && version > 0));
  assert.deepEqual(
    lines.map((line) => ({ ...line, version: 0 })),
    [
      { key: 'json a', version: 0, value: 'text "quoted"' },
      { key: 'json b', version: 0, value64: '/wA=' },
      { key: 'json c', version: 0, value: '' },
    ],
  );
});

test('with tail=1 a last JSON line says that a range is whole, and what follows it', async (t) => {
  await putAll(shared, { 'tail a': '1', 'tail b': '2' });
  const lastLine = async (query: string, version: '1.0' | '1.1' = '1.1'): Promise<string | undefined> => {
    const asked = { accept: 'application/x-ndjson', version };
    const { body, chunks, trailers } = await askRange(t, url(shared), `/v0/entities?tail=1&start=tail&${query}`, asked);
    assert.equal(trailers.size, 0);
    const text = chunks.at(-1) ?? body.toString();
    return text.trimEnd().split('\n').at(-1);
  };
  const whole = '{"end":"complete"}';
  for (const query of ['end=taim', 'end=tail+a', 'end=a', 'end=taim&keys=1', 'end=taim&cluster=1&limit=2']) {
    assert.equal(await lastLine(query), whole, query);
  }
  assert.equal(await lastLine('end=taim', '1.0'), whole);
  assert.equal(await lastLine('limit=1'), '{"end":"complete","next":"tail b"}');
});

test('HTTP/1.0 gets the records without chunks, ended by the connection', async (t) => {
  const cluster = shared;
  await putAll(cluster, { old1: '1', old2: '2' });
  const { headers, body } = await askRange(t, url(cluster), '/v0/entities?start=old&end=ole', { version: '1.0' });
  assert.equal(headers.get('transfer-encoding'), undefined);
  assert.equal(body.toString(), 'old1\n1old2\n2');
});

test('answers to requests behind a range come after it, on the same connection', async (t) => {
  const cluster = shared;
  await putAll(cluster, { p1: 'x'.repeat(200_000), p2: 'y' });
  const raw = await RawConnection.open(t, url(cluster));
  raw.send('GET /v0/entities?start=p&end=q&limit=2&keys=1 HTTP/1.1\r\nhost: localhost\r\n\r\n');
  raw.send(`GET ${entityTarget('p2')} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  raw.send('GET /v0/entities?start=q&end=r HTTP/1.1\r\nhost: localhost\r\n\r\n');
  raw.send(`GET ${entityTarget('p2')} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
  const range = await raw.answer();
  assert.equal(range.status, 200);
  assert.equal(range.headers.get('transfer-encoding'), 'chunked');
  const chunks = '3\r\np1\n\r\n3\r\np2\n\r\n0\r\n\r\n';
  assert.equal((await raw.take(chunks.length)).toString(), chunks);
  assert.equal((await raw.answer()).body.toString(), 'y');
  const empty = await raw.answer();
  assert.deepEqual([empty.status, empty.headers.get('content-length')], [200, '0']);
  assert.equal((await raw.answer()).body.toString(), 'y');
  await raw.closed();
});

test('limit and the next link lead through everything exactly once', async (t) => {
  const cluster = shared;
  // Behind the keys of all other tests, so that a range without an end is of these alone.
  const records = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`ö ${index} +&é`, `${index}`]));
  await putAll(cluster, records);
  for (const [limit, query] of [
    [1, ''],
    [7, '&keys=1&cluster=1'],
    [25, '&end=%C3%B7'],
    [1000, ''],
  ] as const) {
    const seen: string[] = [];
    let target: string | undefined = `/v0/entities?start=%C3%B6&limit=${limit}${query}`;
    while (target !== undefined) {
      const answer = await askRange(t, url(cluster), target);
      assert.ok(answer.chunks.length <= limit && answer.chunks.length > 0);
      seen.push(...answer.chunks.map((chunk) => chunk.slice(0, chunk.indexOf('\n'))));
      target = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(seen, Object.keys(records).sort());
  }
});

test('where a limited range is too long to be held back, the next link is a trailer', async (t) => {
  const cluster = shared;
  const value = 'v'.repeat(100_000);
  await putAll(cluster, Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`k${index + 10}`, value])));
  const answer = await askRange(t, url(cluster), '/v0/entities?start=k&limit=11');
  assert.equal(answer.chunks.length, 11);
  assert.equal(answer.headers.get('link'), undefined);
  assert.match(answer.headers.get('trailer') ?? '', /link/);
  assert.equal(answer.trailers.get('link'), '</v0/entities?start=k21&limit=11>; rel="next"');
});

test('bad range requests are refused', async () => {
  const cluster = shared;
  for (const query of [
    '?tail=1',
    '?start=',
    '?end=',
    '?start=a&limit=0',
    '?start=%ff',
    '?start=a&start=b',
    '?start=a&x=1',
  ]) {
    const answer = await ask(url(cluster), `/v0/entities${query}`);
    assert.deepEqual([answer.status, problemCode(answer)], [400, 'bad-parameter'], query);
  }
  const wrongMethod = await ask(url(cluster), '/v0/entities?start=a', { method: 'PUT', body: 'x' });
  assert.deepEqual([wrongMethod.status, wrongMethod.headers.allow], [405, 'GET, HEAD, OPTIONS']);
});

test('a client that does not read stops the scan; one that leaves frees its reader', async (t) => {
  const cluster = shared;
  const total = await putMuch(cluster);
  const sentBytes = 'kvorum_range_bytes_total';
  const sentBefore = await metricTotal(url(cluster), sentBytes);
  const request = new RangeRequest(t, url(cluster), '/v0/entities?start=much&end=mucj');
  await eventually(async () => assert.equal(await openReaders(cluster), 1));
  const sent = async (): Promise<number> => (await metricTotal(url(cluster), sentBytes)) - sentBefore;
  let last = -1;
  await eventually(async () => {
    const before = last;
    last = await sent();
    assert.ok(last > 0 && last === before, 'still sending');
  });
  assert.ok(last < total, `${last} of ${total} bytes`);
  assert.equal((await cluster.get(0, 'much1')).status, 200);
  assert.equal(await openReaders(cluster), 1);
  request.socket.destroy();
  await eventually(async () => assert.equal(await openReaders(cluster), 0));
  assert.ok((await sent()) < total);
});

test('a client that starts to read late gets everything, as it was', async (t) => {
  const cluster = shared;
  const total = await putMuch(cluster);
  const request = new RangeRequest(t, url(cluster), '/v0/entities?start=much&end=mucj');
  await eventually(async () => assert.equal(await openReaders(cluster), 1));
  await putAll(cluster, { much2: 'changed', much5: 'added' });
  assert.equal((await cluster.del(0, 'much3')).status, 202);
  const { chunks } = await request.answer();
  assert.deepEqual(
    chunks.map((chunk) => chunk.slice(0, 6)),
    ['much1\n', 'much2\n', 'much3\n', 'much4\n'],
  );
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.length - 6, 0),
    total,
  );
  assert.equal(await openReaders(cluster), 0);
});

const isTimeout = ({ status, body }: RangeAnswer): boolean =>
  status === 503 && body.toString().includes('"code":"range-timeout"');

test('past --range-ms-max', async (t) => {
  const cluster = await startCluster(t, { ...oneNode, flags: ['--range-ms-max', '300'] });
  const started = (): Promise<number> => metricTotal(url(cluster), 'kvorum_ranges_started_total');

  await t.test('the reader is freed and the answer is no whole one', async (sub) => {
    await putMuch(cluster);
    const request = new RangeRequest(sub, url(cluster), '/v0/entities?start=much');
    await eventually(async () => assert.equal(await started(), 1));
    await eventually(async () => assert.equal(await openReaders(cluster), 0));
    const outcome = await answerIfWhole(request);
    // It broke off within a record, or on a busy machine before the first one.
    assert.ok(outcome === undefined || isTimeout(outcome));
  });

  await t.test('the trailer and the last line say so where a record is complete', async (sub) => {
    const value = 'v'.repeat(100_000);
    for (let index = 0; index < 160; index++) await putAll(cluster, { [`k${index + 100}`]: value });
    const target = '/v0/entities?start=k&end=l&tail=1';
    const request = new RangeRequest(sub, url(cluster), target, { accept: 'application/x-ndjson' });
    await eventually(async () => assert.equal(await started(), 2));
    await eventually(async () => assert.equal(await openReaders(cluster), 0));
    const outcome = await answerIfWhole(request);
    // A page ends anywhere, so that the last record may be cut: then the connection breaks.
    if (outcome === undefined || isTimeout(outcome)) return;
    assert.match(outcome.trailers.get('kvorum-error') ?? '', /^range-timeout; /);
    assert.match(outcome.headers.get('trailer') ?? '', /kvorum-error/);
    assert.match(outcome.chunks.at(-1) ?? '', /^\{"end":"range-timeout","detail":"[^"]+"\}\n$/);
    assert.ok(outcome.chunks.length < 160);
  });
});

test('more ranges than --ranges-max are refused with 503', async (t) => {
  const cluster = await startCluster(t, { ...oneNode, flags: ['--ranges-max', '1'] });
  await putMuch(cluster);
  const first = new RangeRequest(t, url(cluster), '/v0/entities?start=much');
  await eventually(async () => assert.equal(await openReaders(cluster), 1));
  const second = await ask(url(cluster), '/v0/entities?start=a');
  assert.deepEqual([second.status, second.headers['retry-after'], problemCode(second)], [503, '1', 'overloaded']);
  first.socket.destroy();
  await eventually(async () => assert.equal((await ask(url(cluster), '/v0/entities?start=z')).status, 200));
});

const scanCluster = (t: TestContext, cluster: Cluster, node: number, query = 'start=k') =>
  askRange(t, url(cluster, node), `/v0/entities?${query}&cluster=1`);

test('where every node has every record', async (t) => {
  // A node that missed writes is to stay so.
  const cluster = await startCluster(t, { nodes: 3, durability: 'commit', flags: ['--hint-bytes-max', '0'] });

  await t.test(
    'a cluster scan shows every record once, the newest of each, with a node down and after missed writes',
    async (sub) => {
      await putAll(cluster, { k1: 'old', k2: 'old', k3: 'old', k4: 'same' });
      await cluster.stop(2);
      await putAll(cluster, { k1: 'new', k5: 'added' });
      assert.equal((await cluster.del(0, 'k2')).status, 202);
      const expected = ['k1\nnew', 'k3\nold', 'k4\nsame', 'k5\nadded'];
      for (const node of [0, 1]) {
        await eventually(async () => assert.deepEqual((await scanCluster(sub, cluster, node)).chunks, expected));
      }
      await cluster.start(2);
      await eventually(async () => assert.deepEqual((await scanCluster(sub, cluster, 2)).chunks, expected));
      const own = await askRange(sub, url(cluster, 2), '/v0/entities?start=k');
      assert.deepEqual(own.chunks, ['k1\nold', 'k2\nold', 'k3\nold', 'k4\nsame']);
    },
  );

  await t.test('a cluster scan whose peer is killed in the midst of it is whole', async (sub) => {
    const { keys, found, error } = await scanAndKill(sub, cluster);
    assert.deepEqual(found, keys);
    assert.equal(error, undefined);
  });
});

test('where each record is on one node', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability: 'commit', flags: ['--replication-factor', '1'] });

  await t.test('a cluster scan whose peer is killed in the midst of it is whole or broken off', async (sub) => {
    await putAll(cluster, { k1: '1', k2: '2', k3: '3', k4: '4', k5: '5' });
    await eventually(async () => assert.equal((await scanCluster(sub, cluster, 0)).chunks.length, 5));
    const { keys, found, error } = await scanAndKill(sub, cluster);
    // What the killed node had sent already still comes: then the answer may be whole without it.
    if (found !== undefined && error === undefined) assert.deepEqual(found, keys);
    if (error !== undefined) assert.match(error, /^not-enough-replicas; /);
  });

  await t.test('a cluster scan that some records may be missing from is refused with 504', async () => {
    const refused = await ask(url(cluster), '/v0/entities?start=k&cluster=1');
    assert.deepEqual([refused.status, problemCode(refused)], [504, 'not-enough-replicas']);
  });
});

/** Kills a node while another one sends the records of the cluster; what of them came, if the answer was not broken off. */
async function scanAndKill(t: TestContext, cluster: Cluster) {
  const value = 'v'.repeat(100_000);
  const keys = Array.from({ length: 300 }, (_, index) => `scan ${index + 1000}`);
  await Promise.all(keys.map((key) => cluster.put(0, key, value)));
  const sentBytes = (): Promise<number> => metricTotal(url(cluster), 'kvorum_range_bytes_total');
  const before = await sentBytes();
  const request = new RangeRequest(t, url(cluster), '/v0/entities?start=scan&cluster=1');
  // After the first bytes the status is said, and cannot be 504 any more.
  await eventually(async () => assert.ok((await sentBytes()) > before));
  await cluster.stop(2, 'SIGKILL');
  const outcome = await answerIfWhole(request);
  const found = outcome?.chunks.map((chunk) => chunk.slice(0, chunk.indexOf('\n')));
  return { keys, found, error: outcome?.trailers.get('kvorum-error') };
}
