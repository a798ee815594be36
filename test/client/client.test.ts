/** The client against servers that fail: who is asked next, and when a write is not sent again. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { connect, KvorumClientError, type ClientErrorCode } from '../../src/client/client.ts';
import { refusedUrl } from '../cli/kvorum.ts';
import { foundFields, node, problem, reset, silence, status, value } from './fake-nodes.ts';

/** So long that only a request that hangs reaches it. */
const timeoutMs = 60_000;
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

async function codeOf(promise: Promise<unknown>): Promise<ClientErrorCode> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof KvorumClientError, String(error));
    return error.code;
  }
  return assert.fail('it did not fail');
}

test('a request says what its options say, and those of connect() where it has none', async (t) => {
  const { url, asked } = await node(t, status(201));
  const store = connect(url, { ack: 2, from: 3, timeoutMs });
  await store.put('a b&+/é', 'v');
  await store.put(new Uint8Array([0xc3, 0xa9, 0x20]), 'v', { ack: 1, consistency: 'strict', ttlMs: 5 });
  assert.deepEqual(asked, [
    'PUT /v0/entity?id=a%20b%26%2B%2F%C3%A9&ack=2&from=3',
    'PUT /v0/entity?id=%C3%A9%20&ack=1&from=3&consistency=strict&ttl=5',
  ]);
});

test('get() and head() tell a value, its version and times, and undefined of a key that has none', async (t) => {
  const { url } = await node(t, (request, response) => {
    if (request.url?.includes('missing') === true) return problem(404, 'not-found')(request, response, 0);
    return void response.writeHead(200, { ...foundFields, 'kvorum-expires': '1764352800500' }).end('value');
  });
  const store = connect(url, { timeoutMs });
  const head = {
    version: 1764352800000001,
    lastModified: new Date('2025-11-28T18:00:00Z'),
    expiresAt: new Date(1764352800500),
  };
  const { value: bytes, ...rest } = (await store.get('k')) ?? assert.fail();
  assert.deepEqual([text(bytes), rest], ['value', head]);
  assert.deepEqual(await store.head('k'), head);
  assert.deepEqual([await store.get('missing'), await store.head('missing')], [undefined, undefined]);
});

test('requests one after another share their connections, also after refusals', async (t) => {
  const { url, connections } = await node(t, (request, response, count) => {
    if (count % 3 === 0) return problem(400, 'bad-quorum')(request, response, count);
    return (request.method === 'PUT' ? status(201) : value('v'))(request, response, count);
  });
  const store = connect(url, { timeoutMs });
  for (let round = 0; round < 10; round++) {
    assert.equal(await codeOf(store.get('k')), 'refused');
    await store.get('k');
    await store.put('k', 'v');
  }
  // A second one where a request comes before fetch has noted the end of the one before.
  assert.ok(connections.size <= 3, `${connections.size} connections for 30 requests`);
});

test('a node that is not there, refuses or fails a read is followed by the next, and asked last from then on', async (t) => {
  for (const answer of [problem(503, 'overloaded'), problem(504, 'timeout'), problem(500, 'failed'), reset]) {
    const [bad, good] = [await node(t, answer), await node(t, value('v'))];
    const store = connect([await refusedUrl(), bad.url, good.url], { timeoutMs });
    assert.equal(text((await store.get('k'))?.value), 'v');
    assert.deepEqual([bad.asked.length, good.asked.length], [1, 1]);
  }
  const [bad, good] = [await node(t, problem(503, 'draining', { 'retry-after': '9' })), await node(t, value('v'))];
  const store = connect([bad.url, good.url], { timeoutMs });
  await store.get('k');
  await store.get('k');
  assert.deepEqual([bad.asked.length, good.asked.length], [1, 2]);
});

test('a value that breaks off is read from the next node', async (t) => {
  const cut = await node(t, (_, response) => {
    response.writeHead(200, { ...foundFields, 'content-length': '100' });
    response.write('half', () => response.destroy());
  });
  const good = await node(t, value('v'));
  assert.equal(text((await connect([cut.url, good.url], { timeoutMs }).get('k'))?.value), 'v');
  assert.equal(await codeOf(connect(cut.url, { timeoutMs, roundsMax: 1 }).get('k')), 'answer-cut');
});

test('a node that hangs takes half of the time of a read; the rest is for the next', async (t) => {
  const [hung, good] = [await node(t, silence), await node(t, value('v'))];
  assert.equal(text((await connect([hung.url, good.url], { timeoutMs: 1000 }).get('k'))?.value), 'v');
  assert.equal(await codeOf(connect(hung.url, { timeoutMs: 50 }).get('k')), 'timeout');
});

test('a write that nothing came of goes to the next node', async (t) => {
  for (const answer of [problem(503, 'clock-skew'), problem(503, 'starting')]) {
    const [bad, good] = [await node(t, answer), await node(t, status(201))];
    await connect([await refusedUrl(), bad.url, good.url], { timeoutMs }).put('k', 'v');
    assert.deepEqual([bad.asked.length, good.asked.length], [1, 1]);
  }
});

test('a write that may have taken effect is not sent again, unless its caller says that it may be', async (t) => {
  for (const answer of [
    problem(504, 'timeout'),
    problem(507, 'disk-full'),
    problem(500, 'failed'),
    status(502),
    reset,
  ]) {
    const [bad, good] = [await node(t, answer), await node(t, status(202))];
    const store = connect([bad.url, good.url], { timeoutMs });
    assert.equal(await codeOf(store.del('k')), 'outcome-unknown');
    assert.deepEqual([bad.asked.length, good.asked.length], [1, 0]);
    await connect([bad.url, good.url], { timeoutMs }).del('k', { retry: 'idempotent' });
    assert.deepEqual([bad.asked.length, good.asked.length], [2, 1]);
  }
});

test('a write sent twice whose second try is refused stays unknown', async (t) => {
  const { url } = await node(t, (request, response, count) => {
    return (count === 0 ? problem(504, 'timeout') : problem(503, 'overloaded'))(request, response, count);
  });
  const store = connect(url, { timeoutMs, retry: 'idempotent', roundsMax: 2 });
  await assert.rejects(store.put('k', 'v'), { code: 'outcome-unknown', status: 504, problem: 'timeout' });
});

test('a write is not sent to a node that may be gone before it has answered something harmless', async (t) => {
  const hung = await node(t, silence);
  const good = await node(t, status(201));
  // A listener that accepts and says nothing, as a machine does that has lost its power.
  const store = connect([hung.url, good.url], {
    timeoutMs: 2000,
    fetch: (target, init) => {
      if (!target.startsWith(hung.url)) return fetch(target, init);
      return fetch(target.replace('/livez', '/v0/entity?id=hung'), init);
    },
  });
  await store.put('k', 'v');
  assert.deepEqual(hung.asked, ['GET /v0/entity?id=hung']);
  assert.equal(good.asked.length, 1);
  const [first, second] = [await node(t, status(201)), await node(t, status(201))];
  const other = connect([first.url, second.url], { timeoutMs });
  await other.put('k', 'v');
  await other.put('k', 'v');
  assert.deepEqual([first.greetings, first.asked.length, second.asked.length], [1, 2, 0]);
});

test('all nodes are asked roundsMax times, and the last failure is told', async (t) => {
  const busy = await node(t, problem(503, 'overloaded', { 'retry-after': '0' }));
  const store = connect([busy.url, await refusedUrl()], { timeoutMs, roundsMax: 2 });
  await assert.rejects(store.get('k'), { name: 'KvorumClientError' });
  assert.equal(busy.asked.length, 2);
  await assert.rejects(connect(busy.url, { timeoutMs, roundsMax: 1 }).put('k', 'v'), {
    code: 'unavailable',
    url: busy.url,
    status: 503,
    problem: 'overloaded',
    reason: 'said overloaded',
  });
});

test('a node that asks to be left alone for longer than there is time is not asked again', async (t) => {
  const busy = await node(t, problem(503, 'overloaded', { 'retry-after': '3600' }));
  assert.equal(await codeOf(connect(busy.url, { timeoutMs: 20_000 }).get('k')), 'unavailable');
  assert.equal(busy.asked.length, 1);
});

test('a signal ends a request, its pauses and a body under way, and gets one listener', async (t) => {
  const busy = await node(t, problem(503, 'overloaded', { 'retry-after': '30' }));
  const hung = await node(t, silence);
  const endless = await node(t, (_, response) => void response.writeHead(200, foundFields).write('begin'));
  for (const { url } of [busy, hung, endless]) {
    const stop = new AbortController();
    const request = connect(url, { timeoutMs, signal: stop.signal }).get('k');
    setTimeout(() => stop.abort(), 20);
    assert.equal(await codeOf(request), 'aborted');
  }
  assert.equal(await codeOf(connect(hung.url, { signal: AbortSignal.abort() }).put('k', 'v')), 'aborted');
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  const store = connect((await node(t, value('v'))).url, { timeoutMs, signal });
  await Promise.all([store.get('k'), store.get('k')]);
  await store.get('k');
  assert.equal(listeners, 1);
});

test('a body that keeps coming may take longer than timeoutMs, one that stands still may not', async (t) => {
  const slow = await node(t, (_, response) => {
    response.writeHead(200, foundFields);
    let left = 6;
    const timer = setInterval(() => {
      if (--left > 0) return void response.write('x');
      clearInterval(timer);
      return void response.end();
    }, 200);
  });
  assert.equal(text((await connect(slow.url, { timeoutMs: 1000 }).get('k'))?.value), 'xxxxx');
  const stuck = await node(t, (_, response) => void response.writeHead(200, foundFields).write('x'));
  await assert.rejects(connect(stuck.url, { timeoutMs: 100 }).get('k'), {
    code: 'answer-cut',
    reason: 'the answer stopped half-way',
  });
});

test('wrong arguments are refused before anything is sent', async (t) => {
  const { url, asked } = await node(t, value('v'));
  for (const wrong of ['localhost:8080', 'ftp://a', '']) {
    assert.throws(() => connect(wrong), { code: 'bad-argument' });
  }
  const store = connect(url);
  assert.equal(await codeOf(store.get('')), 'bad-argument');
  assert.equal(await codeOf(store.put('\ud800', 'v')), 'bad-argument');
  assert.equal(await codeOf(store.get('k', { timeoutMs: 0 })), 'bad-argument');
  assert.equal(await codeOf(connect([]).get('k')), 'bad-argument');
  assert.deepEqual(asked, []);
});

test('other servers are told from nodes, whatever they are asked', async (t) => {
  const { url } = await node(t, status(200));
  const store = connect(url, { timeoutMs });
  assert.equal(await codeOf(store.get('k')), 'not-a-node');
  assert.equal(await codeOf(store.head('k')), 'not-a-node');
  assert.equal(await codeOf(store.put('k', 'v')), 'not-a-node');
  assert.equal(await codeOf(store.del('k')), 'not-a-node');
  assert.equal(await codeOf(store.keys().next()), 'not-a-node');
});

const line = (json: object): string => `${JSON.stringify(json)}\n`;
const ndjson = { 'content-type': 'application/x-ndjson' };

test('a range gives its records, however they are cut, and what the limit cut off', async (t) => {
  const bytes = Buffer.from(
    line({ key: 'é', version: 1, value: 'ключ' }) +
      line({ key: 'b', version: 2, value64: Buffer.from([0xff, 0]).toString('base64'), expires: 1000 }) +
      line({ end: 'complete', next: 'c' }),
  );
  const { url, asked } = await node(t, (_, response) => {
    response.writeHead(200, ndjson);
    const send = (at: number): void => {
      if (at === bytes.length) response.end();
      else response.write(bytes.subarray(at, at + 1), () => send(at + 1));
    };
    send(0);
  });
  const store = connect(url, { timeoutMs });
  const records = store.range({ start: 'é', end: 'z', limit: 2, scope: 'node' });
  const expected = [
    { key: 'é', version: 1, expiresAt: undefined, value: new Uint8Array(Buffer.from('ключ')) },
    { key: 'b', version: 2, expiresAt: new Date(1000), value: new Uint8Array([0xff, 0]) },
  ];
  for (const record of expected) assert.deepEqual(await records.next(), { done: false, value: record });
  assert.deepEqual(await records.next(), { done: true, value: { next: 'c' } });
  const keys = [];
  for await (const { key } of store.keys()) keys.push(key);
  assert.deepEqual(keys, ['é', 'b']);
  assert.deepEqual(asked, [
    'GET /v0/entities?start=%C3%A9&end=z&limit=2&tail=1',
    'GET /v0/entities?keys=1&cluster=1&tail=1',
  ]);
});

test('a range without its last line, or with one that names a failure, throws after what has come', async (t) => {
  const record = line({ key: 'a', version: 1, value: 'v' });
  for (const [last, code, reason] of [
    ['', 'answer-cut', /broke off, records are missing$/],
    [line({ end: 'failed', detail: 'a disk' }), 'answer-cut', /records are missing: a disk$/],
    [line({ end: 'not-enough-replicas', detail: '1 of 3' }), 'quorum-not-met', /records are missing: 1 of 3$/],
    ['{"key":"b","ver', 'answer-cut', /broke off/],
    ['nonsense\n{"end":"complete"}\n', 'answer-cut', /no record: nonsense/],
  ] as const) {
    const { url } = await node(t, (_, response) => void response.writeHead(200, ndjson).end(record + last));
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { key } of connect(url, { timeoutMs }).range()) seen.push(key);
    };
    await assert.rejects(read(), (error) => {
      assert.ok(error instanceof KvorumClientError);
      assert.equal(error.code, code);
      assert.match(error.reason, reason);
      return true;
    });
    assert.deepEqual(seen, ['a']);
  }
});

test('a range is read no faster than its reader takes it, and leaving the loop ends it', async (t) => {
  const record = line({ key: 'k', version: 1, value: 'x'.repeat(64 * 1024) });
  let written = 0;
  let isGone = false;
  const { url } = await node(t, (_, response) => {
    response.writeHead(200, ndjson).on('close', () => (isGone = true));
    const more = (): void => {
      while (!isGone && written < 1e9) {
        written += record.length;
        if (!response.write(record)) return void response.once('drain', more);
      }
    };
    more();
  });
  let isStalled = false;
  for await (const { value: bytes } of connect(url, { timeoutMs }).range()) {
    assert.equal(bytes.length, 64 * 1024);
    // Until the server has stood still for a while: then every buffer on the way is full.
    for (let last = -1; last !== written;) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    isStalled = true;
    break;
  }
  assert.ok(isStalled);
  assert.ok(written < 64e6, `${written} bytes were read ahead`);
  while (!isGone) await new Promise((resolve) => setTimeout(resolve, 10));
});
