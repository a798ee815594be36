/** A comparison of modes outlives the mode that fails. The nodes here only answer as nodes do. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import type { LocalCluster, LocalClusterOptions } from '../../../profiling/cluster/local-cluster.ts';
import { compareModes, type ModesEvent } from '../../../profiling/compare/compare-modes.ts';
import type { CompareSettings } from '../../../profiling/result/compare.ts';
import { refusedUrl } from '../../cli/kvorum.ts';
import { compareText } from '../../../profiling/cli/compare-table.ts';
import { comparison } from '../../support/compare-results.ts';
import { requestServer } from '../../support/load.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const settings: CompareSettings = {
  ...(comparison().settings as CompareSettings),
  ops: ['put'],
  // Nothing is below it to be searched.
  rates: [1],
  rounds: 1,
  nodes: 1,
  durationMs: 500,
  searchDurationMs: 500,
  warmupMs: 0,
  connections: 4,
  keys: 10,
  // Nothing is held.
  p99MsMax: 0.001,
};

/** A node that is ready; PUTs get the status line that `answer` gives for how many there were before. */
async function node(t: TestContext, answer: (count: number) => string): Promise<string> {
  let count = 0;
  return requestServer(t, ({ line, reply }) => {
    const [statusLine, body] = line.startsWith('PUT') ? [answer(count++), ''] : ['200 OK', '{}'];
    reply(`HTTP/1.1 ${statusLine}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
}

interface Fake {
  readonly start: (options: LocalClusterOptions) => Promise<LocalCluster>;
  readonly stopped: string[];
}

function fakeClusters(urls: Readonly<Record<string, string>>): Fake {
  const stopped: string[] = [];
  const start = ({ flags = [], directory = '' }: LocalClusterOptions): Promise<LocalCluster> => {
    const mode = flags[1] ?? '';
    mkdirSync(directory);
    const one = { name: 'n1', url: urls[mode] ?? '', pid: 0, dataDirectory: directory, logFile: '' };
    const stop = (): Promise<void> => Promise.resolve(void stopped.push(mode));
    return Promise.resolve({ nodes: [one], directory, [Symbol.asyncDispose]: stop });
  };
  return { start, stopped };
}

test('compareModes() leaves out a mode that cannot be filled, compares the others and says which failed', async (t) => {
  const full = await node(t, () => '507 Insufficient Storage');
  const [first, last] = [await node(t, () => '201 Created'), await node(t, () => '201 Created')];
  const clusters = fakeClusters({ sync: first, async: full, batched: last });
  const events: ModesEvent[] = [];
  const directory = temporaryDirectory(t);
  const { result, failure } = await compareModes({
    modes: ['sync', 'async', 'batched'],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: directory,
    command: 'kvorum compare',
    startCluster: clusters.start,
    onEvent: (event) => events.push(event),
  });
  const reason = `async: Cannot fill: ${full} answers 507, its disk is full`;
  assert.deepEqual(result.failures, [reason]);
  assert.equal((failure as Error).message, reason);
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'left-out'),
    [{ kind: 'left-out', reason }],
  );
  assert.deepEqual([...new Set(result.runs.map(({ subject }) => subject))].toSorted(), ['batched', 'sync']);
  assert.deepEqual(
    result.subjects.map(({ name }) => name),
    ['sync', 'batched'],
  );
  assert.deepEqual(
    result.steps.map(({ from, to }) => [from, to]),
    [['sync', 'batched']],
  );
  assert.equal(result.cutShort, false);
  assert.equal(clusters.stopped[0], 'async');
  assert.deepEqual(clusters.stopped.toSorted(), ['async', 'batched', 'sync']);
  assert.ok(existsSync(directory));
  assert.deepEqual(readdirSync(directory), []);
});

test('compareModes() that is left without a mode throws what failed first', async (t) => {
  const full = await node(t, () => '507 Insufficient Storage');
  const failed = compareModes({
    modes: ['sync', 'async'],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: temporaryDirectory(t),
    command: 'kvorum compare',
    startCluster: fakeClusters({ sync: full, async: full }).start,
  });
  await assert.rejects(failed, { code: 'disk-full', message: /^sync: Cannot fill: / });
});

test('compareModes() keeps the comparison where what comes afterwards fails', async (t) => {
  const url = await node(t, () => '201 Created');
  const { result, failure } = await compareModes({
    modes: ['sync', 'async'],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: temporaryDirectory(t),
    command: 'kvorum compare',
    startCluster: fakeClusters({ sync: url, async: url }).start,
    afterwards: () => Promise.reject(new Error('no profile')),
  });
  assert.equal((failure as Error).message, 'no profile');
  assert.deepEqual(result.failures, ['no profile']);
  assert.ok(result.runs.length > 0);
});

test('compareModes() names a run that fails, keeps those of the others, and says that something failed', async (t) => {
  const good = await node(t, () => '201 Created');
  let isUp = true;
  const dying = await requestServer(t, ({ line, reply, socket }) => {
    if (!isUp) return void socket.destroy();
    const isPut = line.startsWith('PUT');
    return reply(`HTTP/1.1 ${isPut ? '201 Created' : '200 OK'}\r\ncontent-length: 2\r\n\r\n{}`);
  });
  const { result, failure } = await compareModes({
    modes: ['sync', 'async'],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: temporaryDirectory(t),
    command: 'kvorum compare',
    startCluster: fakeClusters({ sync: good, async: dying }).start,
    onEvent: ({ kind }) => {
      if (kind === 'idle') isUp = false;
    },
  });
  assert.equal(result.failures?.length, 2);
  assert.match(result.failures[0] ?? '', /^async, put at 1\/s: Cannot reach /);
  assert.equal((failure as Error).message, result.failures[0]);
  assert.equal(result.cutShort, false);
  assert.deepEqual([...new Set(result.runs.map(({ subject }) => subject))], ['sync']);
});

/** An etcd as far as a comparison asks; it has used a second of CPU for each time that it was asked for its metrics. */
async function fakeEtcd(t: TestContext): Promise<string> {
  let asked = 0;
  const own: { url?: string } = {};
  const answers: Readonly<Record<string, () => string>> = {
    '/version': () => '{"etcdserver":"9.9.9"}',
    '/v3/cluster/member/list': () => JSON.stringify({ members: [{ clientURLs: [own.url] }] }),
    '/metrics': () => `process_cpu_seconds_total ${asked++}\nprocess_resident_memory_bytes 1e6\n`,
  };
  own.url = await requestServer(t, ({ line, reply }) => {
    const body = answers[line.split(' ')[1] ?? '']?.() ?? '{"header":{}}';
    reply(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  return own.url;
}

test('compareModes() puts the same load on a peer, compares it with the last mode, and leaves it running', async (t) => {
  const [url, etcd] = [await node(t, () => '201 Created'), await fakeEtcd(t)];
  const { result, failure } = await compareModes({
    modes: ['sync', 'batched'],
    peers: [{ protocol: { kind: 'etcd' }, url: etcd }],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: temporaryDirectory(t),
    command: 'kvorum compare',
    startCluster: fakeClusters({ sync: url, batched: url }).start,
    afterwards: (clusters, compared) => {
      assert.deepEqual(
        clusters.map(({ mode }) => mode),
        ['sync', 'batched'],
      );
      return Promise.resolve(compared);
    },
  });
  assert.equal(failure, undefined);
  assert.deepEqual(
    result.steps.map(({ from, to }) => [from, to]),
    [
      ['sync', 'batched'],
      ['batched', 'etcd'],
    ],
  );
  const subject = result.subjects.at(-1);
  assert.deepEqual(subject?.environment.cluster, { store: 'etcd 9.9.9', durability: 'fsync, majority of 1' });
  const run = result.runs.find((one) => one.subject === 'etcd');
  assert.equal(run?.result.nodes[0]?.cpuUs, 1e6);
  assert.match(compareText(result), /^An acknowledged write +\S.* fsync, majority of 1$/m);
  assert.match(compareText(result), /^PUT at 1\/s: CPU of all processes /m);
});

test('compareModes() ends at once where a peer is not there', async (t) => {
  const url = await node(t, () => '201 Created');
  const clusters = fakeClusters({ batched: url });
  const failed = compareModes({
    modes: ['batched'],
    peers: [{ protocol: { kind: 'redis', waitReplicas: 1 }, url: await refusedUrl() }],
    settings,
    fillTimeoutMs: 60_000,
    dataDirectory: temporaryDirectory(t),
    command: 'kvorum compare',
    startCluster: clusters.start,
  });
  await assert.rejects(failed, { code: 'node-unreachable', message: /^redis: Cannot reach .*: connection refused$/ });
  assert.deepEqual(clusters.stopped, ['batched']);
});
