import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { kvorumInProcess } from './in-process.ts';
import { fakeNode, kvorum, refusedUrl, spawnKvorum } from './kvorum.ts';

interface Description {
  readonly state?: string;
  readonly topology?: string;
  readonly standing?: unknown;
  readonly peers: () => readonly string[];
  readonly clock?: { readonly offMs?: number; readonly skew?: string };
  /** What it says of its peers otherwise. */
  readonly seen?: { readonly state: string; readonly error?: string };
  /** Members of its answer besides. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A node that says what `/v0/status` and `/v0/node` say. */
function describing({
  state = 'ready',
  topology = 't1',
  standing,
  peers,
  clock,
  seen,
  more,
}: Description): RequestListener {
  return ({ url, headers }, response) => {
    const own = `http://${headers.host}`;
    const cluster = [
      { url: own, self: true },
      ...peers().map((peer) => ({ url: peer, self: false, state: 'up', ...seen })),
    ];
    const about = { state, standing, clock, mode: 'batched', durability: 'fsync', uptimeSeconds: 3725, ...more };
    const status = { node: { url: own }, ...about, cluster };
    response.statusCode = state === 'ready' ? 200 : 503;
    response.end(JSON.stringify(url === '/v0/node' ? { topology } : status));
  };
}

test('kvorum status shows every node of the cluster and exits 0 if all are ready', async (t) => {
  const second = await fakeNode(t, describing({ peers: () => [] }));
  const store = { bytes: 5_000_000, logBytes: 50 * 1024, freeBytes: 12_345_678_901 };
  const repair = { peers: [{ url: 'http://other', state: 'identical', identicalAt: '2999-01-01T00:00:00Z' }] };
  const more = { store, repair, quorum: { reads: { state: 'whole' }, writes: { state: 'whole' }, notes: [] } };
  const first = await fakeNode(t, describing({ peers: () => [second], clock: { offMs: 0.21 }, more }));
  const { code, stdout, stderr } = await kvorum(['status', '--url', first]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const lines = stdout.toString().split('\n');
  const rowsOf = (url: string): string[][] =>
    lines.filter((line) => line.startsWith(`${url} `)).map((line) => line.split(/ {2,}/).slice(1));
  assert.deepEqual(rowsOf(first), [
    ['ready', 'batched', 'fsync', '1h 2m', '+0.2ms', '1/1 up'],
    ['4.8 MiB', '50.0 KiB', '11.5 GiB', 'whole', '0s ago'],
  ]);
  assert.deepEqual(rowsOf(second), [
    ['ready', 'batched', 'fsync', '1h 2m', '-', '-'],
    ['-', '-', '-', '-', '-'],
  ]);
});

test('kvorum status exits 1 where a quorum is at risk, though all nodes are ready, and says what one more loss does', async (t) => {
  const note = '1 node does not count for writes; any one more loss stops writes';
  const quorum = { reads: { state: 'whole' }, writes: { state: 'at-risk' }, notes: [note] };
  const seen = { state: 'down', error: 'its proof of the cluster secret does not match' };
  const second = await fakeNode(t, describing({ peers: () => [] }));
  const url = await fakeNode(t, describing({ peers: () => [second], seen, more: { quorum } }));
  const { code, stdout, stderr } = await kvorumInProcess(['status', '--url', url]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), / at-risk +-\n/);
  assert.equal(stderr, `kvorum: ${url} says: ${note}\nkvorum: ${url} has ${second} down: ${seen.error}\n`);
  const asJson = await kvorumInProcess(['status', '--url', url, '--output', 'json']);
  const { nodes } = JSON.parse(asJson.stdout.toString()) as { nodes: { url: string; quorum?: unknown }[] };
  assert.deepEqual(nodes.find((node) => node.url === url)?.quorum, quorum);
});

test('kvorum status --watch off a terminal writes lines with the time, and ends with the last round’s exit code', async (t) => {
  const url = await fakeNode(t, describing({ state: 'draining', peers: () => [] }));
  const child = spawnKvorum(['status', '--watch', '--url', url]);
  const [line] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 1);
  assert.match(line.toString(), /^\d{4}-\d\d-\d\dT[\d:.]+Z http:\S+ {2}draining {2}batched .*\n$/);
  assert.ok(!line.includes('\u001b'));
});

test('kvorum status exits 1 and shows the node that cannot be reached', async (t) => {
  const gone = await refusedUrl();
  const url = await fakeNode(t, describing({ peers: () => [gone] }));
  const { code, stdout } = await kvorumInProcess(['status', '--url', url, '--output', 'json']);
  assert.equal(code, 1);
  const { nodes } = JSON.parse(stdout.toString()) as { nodes: { url: string; state: string }[] };
  assert.equal(nodes.find((node) => node.url === gone)?.state, 'unreachable');
});

test('kvorum status shows a wrong clock and a peer that is down within 80 columns, and says more of both below', async (t) => {
  const clock = { offMs: -300_012, skew: "This node's clock is 300.0 s slow" };
  const second = await fakeNode(t, describing({ peers: () => [] }));
  const seen = { state: 'down' };
  const first = await fakeNode(t, describing({ state: 'clock-skew', peers: () => [second], clock, seen }));
  const { code, stdout, stderr } = await kvorumInProcess(['status', '--url', first]);
  assert.equal(code, 1);
  const lines = stdout.toString().split('\n');
  assert.ok(
    lines.every((line) => line.length <= 80),
    stdout.toString(),
  );
  assert.match(stdout.toString(), / clock-skew +batched +fsync +1h 2m +-300s +0\/1 up\n/);
  assert.equal(stderr, `kvorum: ${first} has ${second} down\nkvorum: ${first} says: ${clock.skew}\n`);
});

test('kvorum status exits 1 while a node is draining', async (t) => {
  const url = await fakeNode(t, describing({ state: 'draining', peers: () => [] }));
  const { code, stdout } = await kvorumInProcess(['status', '--url', url]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /draining/);
});

test('kvorum status says so where nodes have different lists of nodes', async (t) => {
  const second = await fakeNode(t, describing({ topology: 't2', peers: () => [] }));
  const first = await fakeNode(t, describing({ topology: 't1', peers: () => [second] }));
  const { stderr } = await kvorumInProcess(['status', '--url', first]);
  assert.match(stderr, /different --cluster lists/);
});

test('kvorum status exits 5 where the node asked cannot be reached', async () => {
  const url = await refusedUrl();
  const { code, stdout, stderr } = await kvorumInProcess(['status', '--url', url]);
  assert.equal(code, 5);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^kvorum: Cannot reach /);
});

test('kvorum status tells a server that is no node from one, whether it is asked or named by one', async (t) => {
  for (const status of [200, 404]) {
    const url = await fakeNode(t, (_, response) => response.writeHead(status).end('<html>'));
    const why = `it is no Kvorum node (it answers ${status})`;
    const asked = await kvorumInProcess(['status', '--url', url]);
    assert.deepEqual([asked.code, asked.stdout.length], [5, 0]);
    assert.equal(asked.stderr, `kvorum: Cannot reach ${url}: ${why}\n`);
    const node = await fakeNode(t, describing({ peers: () => [url] }));
    const named = await kvorumInProcess(['status', '--url', node]);
    assert.equal(named.code, 1);
    assert.ok(named.stdout.includes(why), named.stdout.toString());
  }
});

test('kvorum status shows a server that answers as nobody knows as one whose state is not known', async (t) => {
  const url = await fakeNode(t, (_, response) => response.end('{"a":1}'));
  const { code, stdout } = await kvorumInProcess(['status', '--url', url]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /unknown/);
});

test('kvorum status says of a node that does not vote why, and how far it has come', async (t) => {
  const peers = [
    { url: 'http://b:1', isMerged: true, records: 40 },
    { url: 'http://c:1', isMerged: false, records: 2 },
  ];
  const recovering = describing({
    state: 'recovering',
    standing: { state: 'recovering', reason: 'empty', peers },
    peers: () => [],
  });
  const url = await fakeNode(t, recovering);
  const { code, stderr } = await kvorumInProcess(['status', '--url', url]);
  assert.equal(code, 1);
  assert.match(stderr, /recovers \(empty\): has merged 1 of 2 nodes, read 42 records/);
  const alone = await fakeNode(
    t,
    describing({ standing: { state: 'forming', awaited: ['http://d:1'] }, peers: () => [] }),
  );
  const formed = await kvorumInProcess(['status', '--url', alone]);
  assert.deepEqual([formed.code, formed.stderr.includes('waits for http://d:1 to form a cluster')], [0, true]);
});
