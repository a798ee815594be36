/** `kvorum profile` as a user meets it: a real profile, its baseline, a cluster that runs, and what it refuses. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { profileSchema, type ProfileResult } from '../../profiling/capture/result.ts';
import { profilerState } from '../../profiling/capture/profile-client.ts';
import { startLocalCluster } from '../../profiling/cluster/local-cluster.ts';
import { sharedBrowser, skipWithoutChromium } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { assertFits, assertReadable, assertStructured } from '../support/report-page.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorum, spawnKvorum, refusedUrl } from './kvorum.ts';

const openPage = sharedBrowser();
const short = ['--rate', '100', '--duration', '1s', '--warmup', '1s', '--keys', '50', '--connections', '4'];
const isLinux = existsSync('/proc/self/schedstat');

function resultIn(directory: string): ProfileResult {
  return JSON.parse(readFileSync(join(directory, 'profile.json'), 'utf8')) as ProfileResult;
}

async function checkReport(t: TestContext, directory: string): Promise<void> {
  const html = readFileSync(join(directory, 'report.html'), 'utf8');
  for (const [width, colorScheme] of [
    [1280, 'light'],
    [400, 'dark'],
  ] as const) {
    await t.test(`its report at ${width} px, ${colorScheme}`, { skip: skipWithoutChromium }, async () => {
      const { page, complaints } = await openPage(html, { viewport: { width, height: 900 }, colorScheme });
      await page.locator('.flame canvas').first().waitFor();
      await assertStructured(page);
      await assertReadable(page);
      await assertFits(page);
      assert.deepEqual(complaints, []);
    });
  }
}

test('a profile of an own cluster, and a second one against it', async (t) => {
  const directory = temporaryDirectory(t);
  const [first, second] = [join(directory, 'first'), join(directory, 'second')];
  const instruments = ['--instruments', 'cpu,allocation,waits'];
  const ended = await kvorum(['profile', '--up', '3', '--op', 'put', ...short, ...instruments, '--out', first], {
    timeoutMs: 120_000,
  });
  assert.equal(ended.code, 0, ended.stderr);
  const result = resultIn(first);
  const [run] = result.runs;
  assert.deepEqual([result.schema, run?.op, run?.mode, run?.rateAsked], [profileSchema, 'put', 'batched', 100]);

  await t.test('says on the terminal and in tables where the CPU goes', () => {
    assert.match(ended.stdout.toString(), /^PUT at 100\/s, batched:\n {2}Under PUT replication takes [\d.]+% of CPU/);
    assert.match(ended.stderr, /put under V8's CPU profiler, 1,000 us: /);
    const markdown = readFileSync(join(first, 'profile.md'), 'utf8');
    for (const part of ['Storage', 'HTTP client between nodes', 'Turn batching', 'What the instruments cost']) {
      assert.ok(markdown.includes(part), part);
    }
  });

  await t.test('knows whose the CPU and the allocation are', () => {
    for (const threads of [run?.cpu?.threads, run?.allocation?.threads]) {
      assert.deepEqual(
        threads?.map(({ node, thread }) => `${node} ${thread}`),
        ['n1', 'n2', 'n3'].flatMap((node) => [`${node} main`, `${node} worker 1`]),
      );
    }
    const storage = run?.cpu?.threads.find(({ thread }) => thread === 'worker 1')?.parts;
    assert.ok((storage?.find(({ part }) => part === 'storage')?.total ?? 0) > 0);
    const whole = run?.cpu?.threads.reduce((sum, { cpuUs }) => sum + cpuUs, 0) ?? 0;
    const lost = run?.cpu?.threads.reduce((sum, { cpuUs, unattributedShare: share }) => sum + cpuUs * share, 0) ?? 0;
    assert.ok(lost / whole < 0.05, `${lost} of ${whole}`);
  });

  await t.test('explains the waiting to within a tenth', () => {
    assert.ok((run?.waits?.operations[0]?.count ?? 0) > 0);
    assert.ok((run?.waits?.operations[0]?.accountedShare ?? 0) > 0.9);
  });

  await t.test('measures what each instrument costs', { skip: !isLinux && 'needs /proc' }, () => {
    assert.equal(run?.overhead?.without.length, 2);
    for (const { cpuUsPerRequest } of run?.overhead?.instruments ?? []) assert.ok((cpuUsPerRequest ?? 0) > 0);
  });

  await t.test('leaves raw files that hold functions of the workers', () => {
    const cpu = JSON.parse(readFileSync(join(first, 'put/n1-worker-1.cpuprofile'), 'utf8')) as { nodes: unknown[] };
    assert.ok(cpu.nodes.length > 10);
    assert.match(readFileSync(join(first, 'put/n1-worker-1.folded'), 'utf8'), /workers\/\w[\w-]*\.ts/);
    assert.match(readFileSync(join(first, 'put/n1-worker-1.heap.folded'), 'utf8'), /workers\/\w[\w-]*\.ts/);
    assert.ok(result.files.every(({ path }) => existsSync(join(first, path))));
  });

  await checkReport(t, first);

  const against = await kvorum(
    ['profile', '--up', '3', '--op', 'put', ...short, '--instruments', 'cpu', '--baseline', first, '--out', second],
    { timeoutMs: 120_000 },
  );
  assert.equal(against.code, 0, against.stderr);
  await t.test('the second report compares its flame graphs', { skip: skipWithoutChromium }, async () => {
    const { page, complaints } = await openPage(readFileSync(join(second, 'report.html'), 'utf8'));
    await page.locator('.flame canvas').first().waitFor();
    assert.match(await page.locator('main').innerText(), /Compared with batched put/);
    assert.deepEqual(complaints, []);
  });
});

test('a profile of a cluster that runs, cut short by Ctrl-C', async (t) => {
  await using cluster = await startLocalCluster({ count: 3 });
  const [node] = cluster.nodes;
  const out = join(temporaryDirectory(t), 'out');
  const secretFile = join(cluster.directory, 'cluster-secret');
  const target = ['--target', node?.url ?? '', '--secret-file', secretFile];
  const long = ['--rate', '50', '--duration', '60s', '--warmup', '0s', '--keys', '20', '--connections', '2'];
  const child = spawnKvorum(['profile', ...target, '--op', 'get', ...long, '--instruments', 'cpu', '--out', out]);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await eventually(() => assert.match(stderr, /get: warming up/));
  child.kill('SIGINT');
  assert.equal(await ended, 130, stderr);
  assert.equal(resultIn(out).cutShort, true);
  assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /Cut short/);
  const secret = readFileSync(secretFile, 'utf8').trim();
  for (const { name, url } of cluster.nodes) assert.equal((await profilerState({ name, url, secret })).state, 'off');
});

test('what is wrong is said in one line that names the flag, before anything runs', async (t) => {
  const directory = temporaryDirectory(t);
  const full = join(directory, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'precious'), '');
  const out = ['--out', join(directory, 'new')];
  const wrong: readonly (readonly [args: readonly string[], message: string, code: number])[] = [
    [['--up', '3', '--op', 'put,scan', ...out], 'Bad --op "put,scan": expected one or more of put, get', 2],
    [['--up', '3', '--instruments', 'xray', ...out], 'Bad --instruments "xray": expected one or more of cpu', 2],
    [['--up', '3', '--rate', '0', ...out], 'Bad --rate "0"', 2],
    [['--up', '3', '--duration', 'soon', ...out], 'Bad --duration "soon"', 2],
    [['--up', '3', '--clinic', 'top', ...out], 'Bad --clinic "top": expected one or more of flame', 2],
    [['--clinic', 'flame', ...out], '--clinic starts nodes of its own', 2],
    [['--up', '3', '--target', 'http://a', ...out], 'Two clusters: give --target or --up, not both', 2],
    [['--target', 'http://a', ...out], 'Profiling needs the cluster secret', 2],
    [['--up', '3', '--baseline', full, ...out], `Bad --baseline "${full}": it holds no "profile.json"`, 2],
    [['--up', '3', '--out', full], `Cannot write --out "${full}": it is not empty`, 1],
    [['--up', '3', '--out', join(full, 'precious')], 'Cannot write --out', 1],
    [['--target', 'http://a', '--instruments', 'perf', ...out], 'Cannot use --instruments "perf"', 1],
  ];
  const outcomes = await Promise.all(wrong.map(([args]) => kvorum(['profile', ...args])));
  for (const [index, { code, stderr, stdout }] of outcomes.entries()) {
    const [args, message, expected] = wrong[index] ?? [[], '', 0];
    assert.ok(stderr.includes(message) && stderr.trimEnd().split('\n').length === 1, `${args.join(' ')}: ${stderr}`);
    assert.deepEqual([code, stdout.length], [expected, 0], args.join(' '));
  }
  const unreachable = ['--target', await refusedUrl(), '--instruments', 'cpu', '--op', 'get', ...out];
  const { code, stderr } = await kvorum(['profile', ...unreachable], { environment: { KVORUM_CLUSTER_SECRET: 'x' } });
  assert.equal(code, 5, stderr);
});
