/** `kvorum compare` as a user meets it: short real comparisons, an interrupted one, files, and what it refuses. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  compareSchema,
  measureKinds,
  type CompareResult,
  type LoadPoint,
  type SummaryRow,
} from '../../../profiling/result/compare.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { bareRun } from '../../support/bench-results.ts';
import { kvorumInProcess } from '../../cli/in-process.ts';
import { kvorum, spawnKvorum } from '../../cli/kvorum.ts';

const isLinux = existsSync('/proc/self/schedstat');
const short = ['--duration', '1s', '--warmup', '100ms', '--keys', '100', '--connections', '8', '--rounds', '1'];

const isAt50 = (point: LoadPoint): boolean => point.kind === 'rate' && point.rate === 50;
/** On a machine under much other load the generator itself may come too late; such a run has no figures. */
const isMeasured = ({ verdicts }: SummaryRow): boolean => verdicts.invalid === 0;

function resultIn(path: string): CompareResult {
  return JSON.parse(readFileSync(path, 'utf8')) as CompareResult;
}

test('a short comparison of two modes, from the clusters to the files', async (t) => {
  const directory = temporaryDirectory(t);
  const [json, report] = [join(directory, 'c.json'), join(directory, 'c.html')];
  // One request a second within 1 ms: where that is not held there is nothing below it to search.
  const args = ['--modes', 'async,batched', '--op', 'put', '--rates', '1,50', '--p99', '1ms', '--nodes', '2', ...short];
  const stopped = await kvorum(['compare', ...args, '--json', json, '--report', report, '--data', directory], {
    timeoutMs: 180_000,
  });
  assert.equal(stopped.code, 0, stopped.stderr);

  await t.test('stdout has the tables and what the step bought, stderr the progress', () => {
    const text = stopped.stdout.toString();
    assert.match(text, /^Highest rates held and what is above them, PUT\n +Held +Lowest rate not held, \/s +What/m);
    const table = 'PUT at 50/s: median and range of the rounds';
    assert.match(text, new RegExp(`\n${table}\n +async +batched\nRate asked for +50/s +50/s\nRounds +\\d of 1`));
    assert.match(text, /\nLatency p99\.9 +\S+ ms/);
    assert.match(text, /\nasync → batched\nPUT: /);
    assert.match(stopped.stderr, /^Comparing async, batched under put: about \d+ min\n/);
    assert.match(stopped.stderr, /async: Filled 100 of 100 keys, \S+\/s/);
    assert.match(stopped.stderr, /\[\d\/\d\] round 1, put at 50\/s, \w+: /);
  });

  await t.test('the JSON file holds everything', () => {
    const { schema, settings, subjects, searches, runs, summary, steps, cutShort, command } = resultIn(json);
    assert.deepEqual([schema, cutShort], [compareSchema, false]);
    assert.match(command, /^kvorum compare --modes async,batched --op put /);
    assert.equal(settings?.rounds, 1);
    assert.deepEqual(
      subjects.map(({ name, environment }) => [name, environment.cluster['mode'], environment.nodeCount]),
      [
        ['async', 'async', 2],
        ['batched', 'batched', 2],
      ],
    );
    assert.equal(searches.length, 2);
    assert.ok(searches.every((search) => search.steps.length > 0));
    for (const subject of ['async', 'batched']) {
      const own = runs.filter((run) => run.subject === subject && isAt50(run.point));
      assert.equal(own.length, 1);
      assert.ok((own[0]?.result.totals.completed ?? 0) > 0);
      const row = summary.find((one) => one.subject === subject && isAt50(one.point));
      assert.ok(row !== undefined);
      assert.deepEqual(Object.keys(row.measures), Object.keys(measureKinds));
      assert.equal((row.measures.p50Us?.median ?? 0) > 0, isMeasured(row));
      // There, a node may not tell in time either.
      assert.ok((row.measures.peerBytes?.median ?? 1) > 0);
    }
    assert.deepEqual(
      steps.map(({ from, to, op }) => [from, to, op]),
      [['async', 'batched', 'put']],
    );
  });

  await t.test('CPU, waiting and switches are known by node and thread', { skip: !isLinux && 'no /proc' }, () => {
    const { summary, subjects } = resultIn(json);
    assert.ok(subjects.every(({ idleCpuMsPerSecond }) => (idleCpuMsPerSecond ?? 0) > 0));
    // Not at 1/s: the one request of that run may be answered after its end.
    for (const { threads, measures } of summary.filter((row) => isAt50(row.point) && isMeasured(row))) {
      const names = threads.map(({ node, thread }) => `${node} ${thread}`);
      for (const name of ['n1 main', 'n1 worker 1', 'n1 native', 'n2 main', 'n2 worker 1', 'n2 native']) {
        assert.ok(names.includes(name), `${name} is not among ${names.join(', ')}`);
      }
      const cpuUs = threads.reduce((sum, thread) => sum + thread.cpuUs.median, 0);
      assert.ok(Math.abs(cpuUs - (measures.cpuUs?.median ?? 0)) < 1);
      assert.ok((measures.voluntarySwitches?.median ?? 0) > 0 && (measures.residentBytes?.median ?? 0) > 0);
    }
  });

  await t.test('the report is a page, and the clusters are gone with their data', () => {
    assert.match(readFileSync(report, 'utf8'), /^<!doctype html>/i);
    const left = readdirSync(directory).filter((name) => name.startsWith('kvorum-compare-'));
    assert.deepEqual(left, []);
  });

  await t.test('its file can be compared with itself', async () => {
    const { code, stdout, stderr } = await kvorumInProcess(['compare', '--a', json, '--b', json, '--output', 'json']);
    assert.equal(code, 0, stderr);
    const { subjects, steps } = JSON.parse(stdout.toString()) as CompareResult;
    assert.deepEqual(
      subjects.map(({ name }) => name),
      ['a async', 'b async', 'a batched', 'b batched'],
    );
    assert.equal(steps.length, 2);
  });
});

test('an interrupted comparison writes what it has, marked as cut short, and exits 130', async (t) => {
  const json = join(temporaryDirectory(t), 'c.json');
  const long = [
    '--duration',
    '60s',
    '--warmup',
    '0s',
    '--keys',
    '10',
    '--rounds',
    '1',
    '--rates',
    '20',
    '--nodes',
    '1',
  ];
  const child = spawnKvorum(['compare', '--modes', 'async,batched', '--op', 'put', ...long, '--json', json]);
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  await eventually(() => assert.match(stderr, /idle, all clusters|batched: Filled/));
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 130, stderr);
  assert.match(stderr, /Stopping; what was measured is kept/);
  assert.match(stdout, /^CUT SHORT/);
  const { cutShort, subjects } = resultIn(json);
  assert.deepEqual([cutShort, subjects.length], [true, 2]);
});

test('a comparison that is interrupted while it fills ends with what it has and exit code 130', async (t) => {
  const json = join(temporaryDirectory(t), 'c.json');
  const args = ['--modes', 'async,batched', '--nodes', '1', '--keys', '100000000', '--json', json];
  const child = spawnKvorum(['compare', ...args]);
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  await eventually(() => assert.match(stderr, /async: Filled \d+ of 100000000 keys/));
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 130, stderr);
  assert.ok(!stderr.includes('batched:'), stderr);
  const { cutShort, runs, failures } = resultIn(json);
  assert.deepEqual([cutShort, runs, failures], [true, [], undefined]);
});

test('earlier results are compared, with verdicts where there are several a side', async (t) => {
  const directory = temporaryDirectory(t);
  const save = (name: string, latencyUs: number): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(bareRun({ latencyUs })));
    return path;
  };
  const a = [save('a1', 4000), save('a2', 4400)].join(',');
  const b = [save('b1', 1000), save('b2', 1100)].join(',');
  const { code, stdout, stderr } = await kvorumInProcess(['compare', '--a', a, '--b', b]);
  assert.equal(code, 0, stderr);
  assert.match(stdout.toString(), /latency p99 75% less \(1\.05 ms after 4\.2 ms\)/);
  assert.match(stdout.toString(), /with 2 rounds chance alone does that in 1 of 3 measures/);
});

test('--fail-on-regression decides the exit code, and JUnit and Markdown say the same', async (t) => {
  const directory = temporaryDirectory(t);
  const save = (name: string, latencyUs: number): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(bareRun({ latencyUs })));
    return path;
  };
  const before = [save('a1', 1000), save('a2', 1100)].join(',');
  const after = [save('b1', 4000), save('b2', 4400)].join(',');
  const junit = join(directory, 'compare.xml');
  const gated = (a: string, b: string, ...args: readonly string[]) =>
    kvorumInProcess(['compare', '--a', a, '--b', b, '--fail-on-regression', '10%', '--junit', junit, ...args]);
  const worse = await gated(before, after);
  assert.equal(worse.code, 1, worse.stderr);
  assert.match(worse.stdout.toString(), /\nREGRESSED by more than 10% under 1 of 1 loads\n$/);
  assert.match(
    readFileSync(junit, 'utf8'),
    /name="PUT at 1,000\/s"><failure message="[^"]*Latency p99 4 times as much/,
  );
  const better = await gated(after, before, '--output', 'markdown');
  assert.equal(better.code, 0, better.stderr);
  assert.match(better.stdout.toString(), /^# Comparison: a, b\n\n\*\*NO REGRESSION by more than 10%/);
  assert.match(readFileSync(junit, 'utf8'), /tests="1" failures="0" errors="0"/);
  const single = await gated(save('once', 1000), save('twice', 1000));
  assert.equal(single.code, 1);
  assert.match(single.stdout.toString(), /no verdict: measured only once.*\n+UNDECIDED under 1 of 1 loads\n$/s);
});

test('what is wrong is said in one line that names the flag, with exit code 2', async (t) => {
  const directory = temporaryDirectory(t);
  const missing = join(directory, 'missing.json');
  const wrong: readonly (readonly [args: readonly string[], message: string])[] = [
    [
      ['--modes', 'sync'],
      'Bad --modes "sync": expected two or more of sync, async, batched, separated by commas, each once',
    ],
    [['--modes', 'sync,sync'], 'Bad --modes "sync,sync"'],
    [['--modes', 'sync,fast'], 'Bad --modes "sync,fast"'],
    [['--op', 'put,scan'], 'Bad --op "put,scan": expected one or more of put, get, delete, mixed'],
    [['--op', ''], 'Bad --op "": expected values separated by commas'],
    [['--rates', '1000,0'], 'Bad --rates "1000,0": expected up to 16 different whole numbers from 1 to 1000000'],
    [['--rates', '10,10'], 'Bad --rates "10,10"'],
    [['--rounds', '0'], 'Bad --rounds "0": expected a whole number from 1 to 100'],
    [['--duration', '1'], 'Bad --duration "1": expected a time like'],
    [['--duration', '10ms'], 'Bad --duration "10ms": expected a time from 500ms'],
    [
      ['--connections', '2', '--targets', 'all'],
      'Bad --connections "2": expected at least one for each of the 3 nodes',
    ],
    [['--ack', '4'], 'Bad --ack "4": expected at most --nodes, which is 3'],
    [['--durability', 'never'], 'Bad --durability "never": expected fsync or commit'],
    [['--output', 'xml'], 'Bad --output "xml": expected table, json or markdown'],
    [['--a', missing], '--a needs --b: the file to compare with'],
    [['--b', missing], '--b needs --a: the file to compare with'],
    [['--a', missing, '--b', missing, '--rounds', '2'], '--rounds says how to run clusters, which --a and --b do not'],
    [['--a', missing, '--b', missing], `Bad --a "${missing}": cannot be read`],
    [['--fail-on-regression', 'ten'], 'Bad --fail-on-regression "ten": expected a share like 10%'],
    [
      ['--fail-on-regression', '10%', '--rounds', '1'],
      '--fail-on-regression needs the ranges of rounds: give --rounds 2 or more',
    ],
    [
      ['--peer', 'mysql=http://a'],
      'Bad --peer "mysql=http://a": expected etcd=http://HOST:PORT or redis=redis://HOST:PORT',
    ],
    [['--peer', 'etcd=http://a', '--peer', 'etcd=http://b'], 'Bad --peer "etcd=http://a,etcd=http://b": expected each'],
    [['--peer', 'etcd=http://a', '--op', 'delete'], '--peer does not go together with --op delete'],
    [['--redis-wait', '1'], '--redis-wait is of use only with --peer redis=URL'],
    [['--profile'], 'Option "--profile" needs a value: DIR'],
  ];
  const outcomes = await Promise.all(wrong.map(([args]) => kvorumInProcess(['compare', ...args])));
  for (const [index, { code, stderr, stdout }] of outcomes.entries()) {
    const [args, message] = wrong[index] ?? [[], ''];
    assert.ok(stderr.includes(message) && stderr.trimEnd().split('\n').length === 1, `${args.join(' ')}: ${stderr}`);
    assert.deepEqual([code, stdout.length], [2, 0], args.join(' '));
  }
});

test('a file that cannot be written is refused before anything runs, with exit code 1', async (t) => {
  const directory = temporaryDirectory(t);
  for (const flag of ['json', 'report']) {
    const path = join(directory, 'no', 'such', 'directory');
    const { code, stderr } = await kvorumInProcess(['compare', `--${flag}`, path]);
    assert.deepEqual([code, stderr], [1, `kvorum: Cannot write --${flag} "${path}": its directory does not exist\n`]);
  }
  const { code, stderr } = await kvorum(['compare', '--data', join(directory, 'missing')]);
  assert.equal(code, 1);
  assert.match(stderr, /kvorum: Cannot make a directory in ".*missing"/);
});
