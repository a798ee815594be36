import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/free-ports.ts';
import { keepCertificates } from '../../src/cli/cluster-certificates.ts';
import { planCluster } from '../../src/cli/cluster-plan.ts';
import { DAY_MS } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ask, entityTarget } from '../support/client.ts';
import { mountSmall, whyNoMount } from '../support/fault-injection.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorumInProcess } from './in-process.ts';
import { kvorum, listen, portOf, spawnKvorum } from './kvorum.ts';

interface NodeLine {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly logFile: string;
}

interface Up {
  readonly process: ChildProcess;
  readonly nodes: readonly NodeLine[];
  readonly stderr: () => string;
}

/** `kvorum up` with JSON output, once its nodes are ready. */
async function startUp(t: TestContext, directory: string, ...more: string[]): Promise<Up> {
  const [port] = await freePorts(2);
  const args = ['up', '-n', '2', '--port', String(port), '--data', directory, '--output', 'json', ...more];
  const process = spawnKvorum(args);
  t.after(() => process.kill('SIGKILL'));
  let stderr = '';
  process.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  for await (const line of createInterface({ input: process.stdout as NodeJS.ReadableStream })) {
    return { process, nodes: (JSON.parse(line) as { nodes: NodeLine[] }).nodes, stderr: () => stderr };
  }
  throw new Error(`kvorum up ended: ${stderr}`);
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

function isAlive({ pid }: NodeLine): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('kvorum up', async (t) => {
  const directory = temporaryDirectory(t);
  const secretFile = join(directory, 'cluster-secret');
  let secret = '';
  let port = '';

  await t.test('starts nodes that replicate, and ends them and itself with 0 on SIGINT', async (sub) => {
    const { process, nodes } = await startUp(sub, directory);
    const [first, second] = nodes;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.dataDirectory, second.logFile], [join(directory, 'n1'), join(directory, 'n2.log')]);
    assert.equal((await kvorum(['put', 'greeting', 'hello', '--url', first.url])).code, 0);
    assert.equal((await kvorumInProcess(['get', 'greeting', '--url', second.url])).stdout.toString(), 'hello');
    assert.equal((await kvorumInProcess(['status', '--url', first.url])).code, 0);
    secret = readFileSync(secretFile, 'utf8');
    ({ port } = new URL(first.url));
    await assertEnds(process, nodes, 'SIGINT');
  });

  await t.test(
    'keeps data and secret over a restart, the secret for its owner only, and ends on SIGTERM',
    async (sub) => {
      const { process, nodes } = await startUp(sub, directory, '--port', port);
      const got = await kvorumInProcess(['get', 'greeting', '--url', nodes[1]?.url ?? '']);
      assert.equal(got.stdout.toString(), 'hello');
      assert.equal(readFileSync(secretFile, 'utf8'), secret);
      assert.equal(statSync(secretFile).mode & 0o777, 0o600);
      await assertEnds(process, nodes, 'SIGTERM');
    },
  );
});

async function assertEnds(up: ChildProcess, nodes: readonly NodeLine[], signal: NodeJS.Signals): Promise<void> {
  up.kill(signal);
  assert.equal(await exitCodeOf(up), 0);
  assert.deepEqual(nodes.map(isAlive), [false, false]);
}

test('kvorum up beside another one, and beyond the end of its nodes', async (t) => {
  const directory = temporaryDirectory(t);
  const { process: up, nodes, stderr } = await startUp(t, directory);

  await t.test('shows the last line of a node that cannot start, and stops the others', async () => {
    const [port] = await freePorts(2);
    const again = await kvorum(['up', '-n', '2', '--port', String(port), '--data', directory]);
    assert.equal(again.code, 1);
    assert.match(
      again.stderr,
      /^kvorum: Node n[12] \(http:.*\) ended before it was ready; its last line in .*n[12]\.log: kvorum: .*\n$/,
    );
    assert.deepEqual(nodes.map(isAlive), [true, true]);
  });

  await t.test('goes on without a node that dies, and ends with 1 when all are dead', async () => {
    process.kill(nodes[1]?.pid ?? 0, 'SIGKILL');
    await eventually(() => assert.ok(stderr().includes(`Node n2 (${nodes[1]?.url}) died: signal SIGKILL`)));
    assert.equal(up.exitCode, null);
    process.kill(nodes[0]?.pid ?? 0, 'SIGKILL');
    assert.equal(await exitCodeOf(up), 1);
    assert.match(stderr(), /Node n1 .* died: signal SIGKILL/);
  });
});

test('kvorum up takes its nodes with it when it is killed', async (t) => {
  const { process: up, nodes } = await startUp(t, temporaryDirectory(t));
  up.kill('SIGKILL');
  // These are not our children: nothing tells us of their end.
  await eventually(() => assert.ok(!nodes.some(isAlive)));
});

test('kvorum up names the port that is taken', async (t) => {
  const server = await listen();
  t.after(() => server.close());
  const { code, stdout, stderr } = await kvorum([
    'up',
    '-n',
    '1',
    '--port',
    String(portOf(server)),
    '--data',
    temporaryDirectory(t),
  ]);
  assert.deepEqual({ code, stdout: stdout.length }, { code: 1, stdout: 0 });
  assert.match(stderr, new RegExp(`^kvorum: Port ${portOf(server)} is taken`));
});

test('kvorum serve refuses a data directory that it cannot make in one line with exit code 1', async () => {
  const [port] = await freePorts(1);
  const { code, stderr } = await kvorum([
    'serve',
    '--port',
    String(port),
    '--data',
    '/dev/null/data',
    '--log-level',
    'error',
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /^kvorum: .*"\/dev\/null\/data".*\n$/);
});

test('kvorum serve stops with 0 on SIGTERM', async (t) => {
  const [port] = await freePorts(1);
  const node = spawnKvorum(['serve', '--port', String(port), '--data', temporaryDirectory(t)]);
  t.after(() => node.kill('SIGKILL'));
  const lines: readonly unknown[] = await once(node.stdout as NodeJS.ReadableStream, 'data');
  assert.equal(lines.join(), `Listening on http://localhost:${port}\n`);
  node.kill('SIGTERM');
  assert.equal(await exitCodeOf(node), 0);
});

test('kvorum serve writes nothing but JSON where its output and its log are one stream', async (t) => {
  const [port] = await freePorts(1);
  const log = join(temporaryDirectory(t), 'log');
  const stream = openSync(log, 'w');
  const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const line = [program, 'serve', '--port', String(port), '--data', temporaryDirectory(t)];
  const node = spawn(process.execPath, line, { stdio: ['ignore', stream, stream] });
  t.after(() => node.kill('SIGKILL'));
  await eventually(() => assert.match(readFileSync(log, 'utf8'), /"message":"ready","url":"http/));
  node.kill('SIGTERM');
  assert.equal(await exitCodeOf(node), 0);
  for (const told of readFileSync(log, 'utf8').trimEnd().split('\n')) JSON.parse(told);
  closeSync(stream);
});

test('kvorum serve stops at once with 130 on a second signal', async (t) => {
  const [port] = await freePorts(1);
  const node = spawnKvorum(['serve', '--port', String(port), '--data', temporaryDirectory(t)]);
  t.after(() => node.kill('SIGKILL'));
  await once(node.stdout as NodeJS.ReadableStream, 'data');
  node.kill('SIGTERM');
  node.kill('SIGINT');
  assert.equal(await exitCodeOf(node), 130);
});

const noMount = whyNoMount();

test(
  'kvorum up goes on when the disk of its logs is full, and stops as ever',
  { skip: noMount ?? false },
  async (t) => {
    const directory = temporaryDirectory(t);
    const mounted = mountSmall(directory, 48);
    t.after(() => mounted.unmount());
    const small = ['--store-bytes-max', '64MiB', '--log-segment-bytes', '1MiB', '--memtable-bytes-max', '2MiB'];
    const { process: up, nodes } = await startUp(t, directory, ...small, '--log-level', 'debug');
    const url = nodes[0]?.url ?? '';
    assert.equal((await ask(url, entityTarget('kept'), { method: 'PUT', body: 'v' })).status, 201);
    assert.throws(() => writeFileSync(join(directory, 'filler'), Buffer.alloc(64 * 1024 * 1024)), { code: 'ENOSPC' });
    const logged = nodes.map(({ logFile }) => statSync(logFile).size);
    // More than there is room for in files that were made before, so that something is said of it.
    const value = Buffer.alloc(60_000, 'x');
    await eventually(async () => {
      const { status } = await ask(url, entityTarget(`more ${performance.now()}`), { method: 'PUT', body: value });
      assert.equal(status, 507);
    });
    assert.equal((await ask(url, entityTarget('kept'))).body.toString(), 'v');
    assert.deepEqual(nodes.map(isAlive), [true, true]);
    assert.ok(nodes.every(({ logFile }, index) => statSync(logFile).size - (logged[index] ?? 0) < 4096));
    await assertEnds(up, nodes, 'SIGTERM');
  },
);

test('planCluster() gives each node a port, replica ports and a directory of its own', () => {
  const flags = new Map([
    ['port', '9000'],
    ['data', 'd'],
    ['workers', '2'],
    ['replica-port', '9100'],
    ['mode', 'async'],
  ]);
  const { directory, nodes } = planCluster({ flags, environment: { KVORUM_SELF: 'http://elsewhere:1' } }, 2);
  assert.equal(directory, 'd');
  assert.deepEqual(
    nodes.map(({ name, logFile, settings }) => [
      name,
      logFile,
      settings.self,
      settings.port,
      settings.replicaPort,
      settings.dataDirectory,
    ]),
    [
      ['n1', 'd/n1.log', 'http://localhost:9000', 9000, 9100, 'd/n1'],
      ['n2', 'd/n2.log', 'http://localhost:9001', 9001, 9102, 'd/n2'],
    ],
  );
  assert.deepEqual(nodes[0]?.settings.cluster, nodes[1]?.settings.cluster);
  assert.equal(nodes[1]?.settings.mode, 'async');
});

test('planCluster() gives nodes with certificates https URLs', () => {
  const flags = new Map(Object.entries({ 'tls-cert': 'cert', 'tls-key': 'key', 'tls-ca': 'ca' }));
  const { nodes } = planCluster({ flags, environment: {} }, 2);
  assert.deepEqual(
    nodes.map(({ settings }) => settings.self),
    ['https://localhost:8080', 'https://localhost:8081'],
  );
});

test('keepCertificates() makes certificates once, and anew when they are about to expire or are not whole', (t) => {
  const directory = temporaryDirectory(t);
  const now = Date.now();
  const files = keepCertificates(directory, now);
  const text = (): string => readFileSync(files.cert, 'utf8');
  const first = text();
  assert.equal(statSync(files.key).mode & 0o777, 0o600);
  keepCertificates(directory, now);
  assert.equal(text(), first);
  keepCertificates(directory, now + 80 * DAY_MS);
  const second = text();
  assert.notEqual(second, first);
  writeFileSync(files.key, 'cut');
  keepCertificates(directory, now + 80 * DAY_MS);
  assert.notEqual(text(), second);
});

test('planCluster() has nodes stop without a delay, unless one is asked for', () => {
  const delays = (given: Readonly<Record<string, string>>): number[] =>
    planCluster({ flags: new Map(Object.entries(given)), environment: {} }, 2).nodes.map(
      ({ settings }) => settings.drainDelayMs,
    );
  assert.deepEqual(delays({}), [0, 0]);
  assert.deepEqual(delays({ 'drain-delay-ms': '2s' }), [2000, 2000]);
});
