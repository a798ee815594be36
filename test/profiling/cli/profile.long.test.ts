/** `kvorum profile` as a user runs it: a real profile and what it leaves, a running cluster, an interruption, bad input. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { test, type TestContext } from 'node:test';
import type { ProfileResult } from '../../../profiling/result/profile.ts';
import { sharedBrowser, skipWithoutChromium } from '../../support/browser.ts';
import type { FollowedSlice } from '../../../profiling/result/follow.ts';
import { eventually } from '../../support/eventually.ts';
import { profilerState, startRecording, stopRecording } from '../../../profiling/capture/profile-client.ts';
import { startCluster } from '../../support/cluster.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { kvorumInProcess } from '../../cli/in-process.ts';
import { kvorum, refusedUrl, spawnKvorum, type Ended } from '../../cli/kvorum.ts';

const openPage = sharedBrowser();
const load = ['--op', 'put', '--rate', '200', '--keys', '100', '--connections', '8', '--warmup', '200ms'];
const secret = 'correct horse';
const written = ['profile.json', 'profile.md', 'report.html'];

function profile(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return kvorum(['profile', ...args], { environment });
}

function read(directory: string): ProfileResult {
  return JSON.parse(readFileSync(join(directory, 'profile.json'), 'utf8')) as ProfileResult;
}

/** Every heading once on its level under the one above it, every row of a table as wide as its head. */
function assertMarkdown(text: string): void {
  const path: string[] = [];
  const seen = new Set<string>();
  let width: number | undefined;
  for (const line of text.split('\n')) {
    const level = /^(#+) /.exec(line)?.[1]?.length;
    if (level !== undefined) {
      path.length = level - 1;
      path[level - 1] = line;
      const whole = path.join(' / ');
      assert.ok(!seen.has(whole), `twice: ${whole}`);
      seen.add(whole);
    }
    const cells = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : undefined;
    if (cells !== undefined && width !== undefined) assert.equal(cells, width, line);
    width = cells;
  }
  assert.ok(!/undefined|NaN|\[object/.test(text), text);
}

/** No console error, nothing loaded from elsewhere, nothing wider than the window; its text. */
async function assertReport(directory: string): Promise<string> {
  const { page, complaints } = await openPage(readFileSync(join(directory, 'report.html'), 'utf8'));
  await page.waitForSelector('.flame canvas');
  assert.deepEqual(complaints, []);
  await page.setViewportSize({ width: 400, height: 800 });
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400);
  return page.locator('main').innerText();
}

test('kvorum profile', async (t) => {
  const directory = temporaryDirectory(t);
  const [own, running] = [join(directory, 'own'), join(directory, 'running')];

  await t.test('a cluster of its own: what it measures, says and writes', async () => {
    const pprof = join(directory, 'own.pb.gz');
    const junit = join(directory, 'own.xml');
    const instruments = ['--instruments', 'cpu,allocation,waits', '--pprof', pprof, '--junit', junit];
    const ended = await profile(['--up', '3', ...load, '--duration', '700ms', ...instruments, '--out', own]);
    assert.equal(ended.code, 0, ended.stderr);
    assertTold(ended, own);
    const result = read(own);
    assertMeasured(result);
    assertFiles(result, own);
    assertMarkdown(readFileSync(join(own, 'profile.md'), 'utf8'));
    const strings = gunzipSync(readFileSync(pprof)).toString('utf8');
    for (const text of ['nanoseconds', 'alloc_space', 'worker 1', 'workers/store/store.ts'])
      assert.ok(strings.includes(text), text);
    // Twice without an instrument, once with each; whether a rate is kept is the machine's affair.
    assert.match(readFileSync(junit, 'utf8'), /^<testsuite name="kvorum profile" [^>]*tests="5"/m);
  });

  await t.test(
    'a running cluster, by one node and the secret in a file; afterwards every profiler is off',
    async (sub) => {
      const environments = Array.from({ length: 3 }, () => ({ KVORUM_CLUSTER_SECRET: secret }));
      const cluster = await startCluster(sub, { nodes: 3, environments });
      const secretFile = join(directory, 'secret');
      writeFileSync(secretFile, `${secret}\n`);
      const target = ['--target', cluster.node(0).url, '--no-fill', ...load, '--duration', '300ms', '--out', running];
      const without = await kvorumInProcess(['profile', ...target]);
      assert.equal(without.code, 2, without.stderr);
      assert.match(without.stderr, /--secret-file|KVORUM_CLUSTER_SECRET/);
      assert.ok(!existsSync(running));

      const given = ['--secret-file', secretFile, '--instruments', 'cpu', '--baseline', own];
      const ended = await profile([...target, ...given]);
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(!ended.stderr.includes('Filled'));
      const nodes = new Set(read(running).runs[0]?.cpu?.threads.map(({ node }) => node));
      assert.deepEqual([...nodes], ['n1', 'n2', 'n3']);
      for (const { url } of cluster.nodes) {
        const { state, sessions } = await profilerState({ name: 'node', url, secret });
        assert.deepEqual([state, sessions], ['off', 0]);
      }
    },
  );

  await t.test(
    '--follow keeps the newest slices of a running cluster, over a slice that fails, until Ctrl-C',
    async (sub) => {
      const ring = join(directory, 'ring');
      const environments = [{ KVORUM_CLUSTER_SECRET: secret }];
      const cluster = await startCluster(sub, { nodes: 1, environments });
      const { url } = cluster.node(0);
      const args = ['profile', '--follow', '--target', url, '--slice', '1s', '--keep', '2', '--out', ring];
      const child = spawnKvorum(args, { KVORUM_CLUSTER_SECRET: secret });
      sub.after(() => child.kill('SIGKILL'));
      const slices = (): FollowedSlice[] =>
        JSON.parse(readFileSync(join(ring, 'slices.json'), 'utf8')) as FollowedSlice[];
      await eventually(() => assert.ok(slices().length > 0));
      const first = slices()[0]?.directory ?? '';
      // Somebody else records: a node takes one recording at a time.
      const target = { name: 'n1', url, secret };
      await eventually(() => startRecording(target, 'gc'));
      await eventually(() => assert.ok(slices().some(({ failure }) => failure !== null)));
      await stopRecording(target);
      await eventually(() => assert.ok(slices().every(({ failure }) => failure === null)));
      assert.ok(!existsSync(join(ring, first)), 'the oldest is gone');
      assert.equal(slices().length, 2);
      child.kill('SIGINT');
      const [code] = (await once(child, 'exit')) as [number | null];
      assert.equal(code, 0);
      const kept = readdirSync(ring, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
      assert.deepEqual(
        kept.toSorted(),
        slices().map((slice) => slice.directory),
      );
      for (const name of kept)
        assert.deepEqual(
          written.filter((file) => !existsSync(join(ring, name, file))),
          [],
        );
      assert.ok((read(join(ring, kept[0] ?? '')).runs[0]?.cpu?.threads.length ?? 0) >= 2);
      assert.equal((await profilerState(target)).state, 'off');
    },
  );

  await t.test(
    'the reports open without complaints, one compared with the other',
    { skip: skipWithoutChromium },
    async () => {
      const text = await assertReport(own);
      for (const words of ['without instruments', 'CPU of a request by part', 'open the flame graph', 'Waiting: PUT']) {
        assert.ok(text.includes(words), `${words}: ${text}`);
      }
      assert.match(text, /^(?:Kvorum profile: .*\s+)?(?:Dark colours\s+)?(?:VALID|INVALID|MISSED|ERRORS)/);
      assert.ok(!text.includes('Compared with'));
      assert.match(await assertReport(running), /Compared with batched put/);
    },
  );
});

function assertTold({ stdout, stderr }: Ended, directory: string): void {
  assert.match(stderr, /^Starting 3 nodes\n(?:Filled \d+ of \d+ keys, .+\n)+put: warming up\n/);
  assert.match(stderr, /^put under no instrument: .+\nput under V8's CPU profiler, 1,000 us: .+$/m);
  for (const name of written) assert.ok(stderr.includes(`Wrote ${join(directory, name)}\n`), stderr);
  const text = stdout.toString();
  assert.match(text, /^(?:VALID|INVALID|MISSED|ERRORS): /);
  assert.match(text, /^Cluster: 3 nodes, batched, fsync, n1: \d+ keys/m);
  assert.match(text, /^PUT at 200\/s, batched:\n {2}Without instruments a PUT takes [\d,]+ us of CPU, p50 /m);
  assert.match(text, /^ {2}Under PUT replication takes [\d.]+% of CPU/m);
}

function assertMeasured({ runs, cutShort }: ProfileResult): void {
  assert.equal(cutShort, false);
  const [run, ...others] = runs;
  assert.ok(run?.cpu && run.allocation && run.waits && run.overhead);
  assert.deepEqual([others, run.failed, run.op, run.rateAsked], [[], [], 'put', 200]);
  const names = ['n1', 'n2', 'n3'].flatMap((node) => [`${node} main`, `${node} store writer 1`, `${node} worker 1`]);
  for (const { threads, requests } of [run.cpu, run.allocation]) {
    assert.deepEqual(threads.map(({ node, thread }) => `${node} ${thread}`).toSorted(), names);
    assert.ok(requests > 0);
    const weight = (thread: (typeof threads)[number]): number => thread.parts.reduce((sum, { self }) => sum + self, 0);
    const whole = threads.reduce((sum, thread) => sum + weight(thread), 0);
    const unknown = threads.reduce((sum, thread) => sum + weight(thread) * thread.unattributedShare, 0);
    assert.ok(unknown / whole < 0.05, `${unknown} of ${whole}`);
  }
  const [all] = run.waits.operations;
  assert.ok(all && all.count > 0);
  const explainedUs = all.rows.reduce((sum, { stage, meanUs }) => sum + (stage === 'unaccounted' ? 0 : meanUs), 0);
  assert.ok(Math.abs(explainedUs - all.meanUs) <= 0.1 * all.meanUs, `${explainedUs} of ${all.meanUs}`);
  assert.equal(run.overhead.without.length, 2);
  assert.deepEqual(
    run.overhead.instruments.map(({ instrument }) => instrument),
    ['cpu', 'allocation', 'waits'],
  );
}

/** All are there; JSON where Chrome reads JSON, `stack weight` lines in folded ones; the worker's own code is in both. */
function assertFiles({ files }: ProfileResult, directory: string): void {
  for (const suffix of ['.cpuprofile', '.heapprofile', '.heap.folded']) {
    assert.ok(
      files.some(({ path }) => path.endsWith(suffix)),
      suffix,
    );
  }
  for (const { path } of files) {
    const text = readFileSync(join(directory, path), 'utf8');
    if (!path.endsWith('.folded')) assert.equal(typeof JSON.parse(text), 'object', path);
    // A store writer that has had no segment to check allocates nothing.
    else if (text !== '' || !path.includes('store-writer')) {
      for (const line of text.trimEnd().split('\n')) assert.match(line, /^.+ \d+$/, path);
    }
  }
  for (const name of ['n1-worker-1.folded', 'n1-worker-1.heap.folded']) {
    assert.match(readFileSync(join(directory, 'put', name), 'utf8'), /workers\/[\w-]+\.ts/, name);
  }
}

test('SIGINT ends it with what was measured, marked as cut short, exit code 130', async (t) => {
  for (const [at, runs] of [
    ['put: warming up', 0],
    ['put under no instrument: ', 1],
  ] as const) {
    const out = join(temporaryDirectory(t), 'out');
    const args = ['--up', '1', ...load, '--duration', '500ms', '--instruments', 'cpu,allocation', '--out', out];
    const { stderr, stdout, code } = await interrupted(t, args, at);
    assert.equal(code, 130, stderr);
    assert.ok(stderr.includes('Stopping; what was measured is kept\n'), stderr);
    assert.match(stdout, /^CUT SHORT/);
    const result = read(out);
    assert.deepEqual([result.cutShort, result.runs.length], [true, runs]);
    for (const name of written.slice(1)) assert.match(readFileSync(join(out, name), 'utf8'), /CUT SHORT/, name);
    assertMarkdown(readFileSync(join(out, 'profile.md'), 'utf8'));
  }
});

/** Runs until a line begins with `at`, sends SIGINT and waits for the end. */
async function interrupted(t: TestContext, args: readonly string[], at: string) {
  const child = spawnKvorum(['profile', ...args]);
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout && child.stderr);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  createInterface({ input: child.stderr }).on('line', (line) => {
    stderr += `${line}\n`;
    if (line.startsWith(at)) child.kill('SIGINT');
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

test('bad input is named in one line, exit code 2, and nothing is made', async (t) => {
  const directory = temporaryDirectory(t);
  const out = join(directory, 'out');
  const lists = 'separated by commas, each once';
  for (const [args, message] of [
    [['--op', 'put,take'], `Bad --op "put,take": expected one or more of put, get, delete, mixed, ${lists}`],
    [['--op', 'put,put'], `Bad --op "put,put": expected one or more of put, get, delete, mixed, ${lists}`],
    [
      ['--instruments', ''],
      `Bad --instruments "": expected one or more of cpu, allocation, collections, promises, waits, perf, locks, ${lists}`,
    ],
    [
      ['--clinic', 'flames'],
      `Bad --clinic "flames": expected one or more of flame, bubbleprof, doctor, heapprofiler, ${lists}`,
    ],
    [
      ['--clinic', 'flame', '--target', 'http://localhost:1'],
      '--clinic starts nodes of its own: give --up N and leave --url out',
    ],
    [['--warmup', 'long'], 'Bad --warmup "long": expected a time like 500ms, 30s or 3m, from 0s to 24h'],
    [['--rate', '0'], 'Bad --rate "0": expected a number above 0, up to 1000000'],
    [['--up', '3', '--target', 'http://localhost:1'], 'Two clusters: give --url or --up, not both'],
    [['--find-max'], 'Unknown option "--find-max"'],
    [['--up', '1', '--baseline', directory], `Bad --baseline "${directory}": it holds no "profile.json"`],
  ] as const) {
    const { code, stderr, stdout } = await kvorumInProcess(['profile', ...args, '--out', out]);
    assert.ok(stderr.startsWith(`kvorum: ${message}`), stderr);
    assert.deepEqual([code, stderr.trimEnd().split('\n').length, stdout.length], [2, 1, 0], stderr);
    assert.ok(!existsSync(out));
  }
});

test('a directory that cannot be written to or holds files is refused before anything runs', async (t) => {
  const directory = temporaryDirectory(t);
  const [full, file] = [join(directory, 'full'), join(directory, 'file')];
  mkdirSync(full);
  writeFileSync(join(full, 'kept'), 'kept');
  writeFileSync(file, '');
  for (const [out, why] of [
    [full, 'it is not empty; choose a new directory'],
    [join(file, 'below'), 'ENOTDIR'],
  ] as const) {
    const { code, stderr } = await kvorumInProcess(['profile', '--up', '1', '--instruments', 'cpu', '--out', out]);
    assert.ok(stderr.startsWith(`kvorum: Cannot write --out "${out}": ${why}`), stderr);
    assert.equal(code, 1);
  }
  assert.equal(readFileSync(join(full, 'kept'), 'utf8'), 'kept');
});

test('an instrument that cannot be used is an error where it was asked for', async (t) => {
  const out = join(temporaryDirectory(t), 'out');
  const target = ['--target', await refusedUrl(), '--instruments', 'perf', '--out', out];
  const { code, stderr } = await kvorumInProcess(['profile', ...target], { KVORUM_CLUSTER_SECRET: 'any' });
  assert.equal(stderr, 'kvorum: Cannot use --instruments "perf": nodes must be started for it, by --up\n');
  assert.equal(code, 1);
});

test('a node that cannot be reached is exit code 5', async (t) => {
  const out = join(temporaryDirectory(t), 'out');
  const url = await refusedUrl();
  const target = ['--target', url, '--instruments', 'cpu', '--out', out];
  const { code, stderr } = await profile(target, { KVORUM_CLUSTER_SECRET: 'any' });
  assert.ok(stderr.includes(url), stderr);
  assert.equal(code, 5, stderr);
});

test('--follow puts no load on: what says how is refused, as are its own options without it', async () => {
  for (const [args, message] of [
    [['--follow', '--up', '3'], '--follow records a running cluster and puts no load on: leave --up out'],
    [['--follow', '--rate', '5'], '--follow records a running cluster and puts no load on: leave --rate out'],
    [['--follow', '--slice', '10'], 'Bad --slice "10": expected a time like 500ms, 30s or 3m, from 1000ms to 24h'],
    [['--keep', '5'], '--keep is of use only with --follow'],
  ] as const) {
    const { code, stderr } = await kvorumInProcess(['profile', ...args]);
    assert.deepEqual([code, stderr], [2, `kvorum: ${message}\n`]);
  }
});
