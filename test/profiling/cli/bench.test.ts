/** `kvorum bench` as a user runs it: what it prints and writes, what it says of bad input, and its exit codes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { BenchResult } from '../../../profiling/load/result.ts';
import { fakeWrk2 } from '../../support/fake-wrk2.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../../src/free-ports.ts';
import { requestServer } from '../../support/load.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { kvorumInProcess } from '../../cli/in-process.ts';
import { kvorum, refusedUrl, spawnKvorum, type Ended } from '../../cli/kvorum.ts';

const short = ['--engine', 'built-in', '--warmup', '0s', '--duration', '300ms', '--rate', '100', '--connections', '4'];
const status = '{"mode":"batched","durability":"commit","workers":1,"node":{"version":"9.9.9"}}';

/** A node that is ready and answers each entity request with a status line, by default 201. */
function node(t: TestContext, answer: (count: number) => string | undefined = () => '201 Created'): Promise<string> {
  let count = 0;
  return requestServer(t, ({ line, reply }) => {
    const isEntity = line.includes('/v0/entity');
    const body = isEntity ? '' : status;
    const statusLine = isEntity ? answer(count++) : '200 OK';
    if (statusLine !== undefined) reply(`HTTP/1.1 ${statusLine}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
}

/**
 * The exit code says what the last line says. A machine that is busy otherwise may miss a rate, but a node that answers
 * all is never called failed.
 */
function assertVerdict({ code, stdout }: Pick<Ended, 'code' | 'stdout'>): string {
  const last = stdout.toString().trimEnd().split('\n').at(-1) ?? '';
  const isHeld = /^HELD (?!NONE)/.test(last);
  if (!isHeld) assert.match(last, /^(?:MISSED|INVALID|HELD NONE)/);
  assert.equal(code, isHeld ? 0 : 1, last);
  return last;
}

/** Runs a load again until the machine is idle enough to hold its rate. */
function runUntilHeld(args: readonly string[], held: RegExp): Promise<Ended> {
  return eventually(async () => {
    const ended = await kvorum(['bench', ...args]);
    assert.match(assertVerdict(ended), held);
    return ended;
  });
}

test('a wrong flag is named with what is accepted, in one line, exit code 2', async () => {
  for (const [args, message] of [
    [['--rate', '0'], 'Bad --rate "0": expected a number above 0, up to 1000000'],
    [['--wrk2', '/no/such'], 'Bad --wrk2 "/no/such": expected wrk2, a program with the option -R, --rate'],
    [['--fill-timeout', '3s'], '--fill-timeout is of use only to a run that fills its keys'],
    [['--durration', '3s'], 'Unknown option "--durration"; did you mean "--duration"? (kvorum bench --help)'],
  ] as const) {
    const { code, stderr, stdout } = await kvorumInProcess(['bench', ...args]);
    assert.equal(code, 2);
    assert.equal(stderr, `kvorum: ${message}\n`);
    assert.equal(stdout.length, 0);
  }
});

test('a rate that is held: with --spectrum HdrHistogram’s text, the verdict last, exit code 0, and the files', async (t) => {
  const directory = temporaryDirectory(t);
  const [json, report] = [join(directory, 'run.json'), join(directory, 'run.html')];
  const url = await node(t);
  const args = ['--target', url, ...short, '--json', json, '--report', report, '--spectrum'];
  const { stdout, stderr } = await runUntilHeld(args, /^HELD 100\/s: p99 .* ms, no errors$/);
  const text = stdout.toString();
  for (const expected of [
    '  Detailed Percentile spectrum:\n       Value   Percentile   TotalCount 1/(1-Percentile)\n\n',
    /^ +\d+\.\d{3} +0\.500000 +\d+ +2\.00$/m,
    /^ +\d+\.\d{3} +1\.000000 +30 +inf$/m,
    /^#\[Mean {4}= +\d+\.\d{3}, StdDeviation {3}= +\d+\.\d{3}\]$/m,
    /^#\[Max {5}= +\d+\.\d{3}, Total count {4}= +30\]$/m,
  ]) {
    if (typeof expected === 'string') assert.ok(text.includes(expected), text);
    else assert.match(text, expected);
  }
  assert.match(stderr, /^Wrote .*run\.html$/m);
  const result = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
  assert.equal(result.schema, 'kvorum-bench/1');
  assert.equal(result.latency.count, 30);
  assert.deepEqual(result.environment.cluster, { mode: 'batched', durability: 'commit', workers: 1, version: '9.9.9' });
  assert.equal(result.label, 'batched put 100/s');
  assert.ok(result.command.startsWith(`kvorum bench --url ${url} --engine built-in --warmup 0s`), result.command);
  assert.match(readFileSync(report, 'utf8'), /<!doctype html>/i);
});

test('the last ten lines say what ran, where, how fast and whether it held, in 80 columns', async (t) => {
  const url = await node(t, (count) => (count % 10 === 0 ? '503 Service Unavailable' : '201 Created'));
  const { code, stdout } = await kvorum(['bench', '--target', url, ...short, '--errors-max', '10%']);
  const lines = stdout.toString().trimEnd().split('\n');
  assert.ok(lines.length <= 10 && lines.slice(0, -1).every((line) => line.length <= 80), lines.join('\n'));
  assert.match(lines[0] ?? '', /^Load     put at 100\/s, 0.3 s, 4 connections; 100,000 keys uniform, 64 B$/);
  assert.match(lines[1] ?? '', /^Cluster  1 node, batched, commit$/);
  assert.match(lines[2] ?? '', /^Latency +mean +p50 +p90 +p99 +p99.9 +max +requests$/);
  assert.match(lines[3] ?? '', /^ {2}good( +\S+ ms){6} +27$/);
  assert.match(lines[4] ?? '', /^ {2}errors( +\S+ ms){6} +3$/);
  assert.equal(
    lines.some((line) => line.startsWith('CPU      ')),
    true,
  );
  const verdict = lines.at(-1) ?? '';
  assert.match(verdict, /^(?:HELD 100\/s: p99 \S+ ms, 3 errors$|MISSED|INVALID)/);
  assert.equal(code, verdict.startsWith('HELD') ? 0 : 1);
});

test('--p99 decides verdict, exit code and the JUnit file without --find-max', async (t) => {
  const junit = join(temporaryDirectory(t), 'bench.xml');
  const url = await requestServer(t, ({ line, reply }) => {
    if (line.includes('/v0/entity')) setTimeout(() => reply(), 5);
    else reply(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`);
  });
  const args = ['--target', url, ...short, '--p99', '1ms', '--junit', junit, '--output', 'markdown'];
  const { code, stdout } = await kvorum(['bench', ...args]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /^\*\*(?:MISSED 100\/s: .*p99 \S+ ms over 1 ms.*|INVALID.*)\*\*$/m);
  assert.match(
    readFileSync(junit, 'utf8'),
    /name="p99 of at most 1 ms"><(?:failure message="p99 \S+ ms over 1 ms"|skipped)/,
  );
});

test('a search that loses its cluster tells and writes what it found before, exit code not 0', async (t) => {
  const json = join(temporaryDirectory(t), 'max.json');
  let rounds = 0;
  const url = await requestServer(t, ({ line, reply }) => {
    if (line.includes('/readyz') && ++rounds > 3) return reply('HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n');
    return reply(`HTTP/1.1 ${line.includes('/v0/entity') ? '201 Created' : '200 OK'}\r\ncontent-length: 2\r\n\r\n{}`);
  });
  const { code, stdout, stderr } = await kvorum(['bench', '--target', url, ...short, '--find-max', '--json', json]);
  assert.equal(code, 5);
  const { search = [], failure } = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
  // One question before the search, one before each of its runs.
  assert.equal(search.length, 2, stderr);
  assert.match(failure ?? '', /is not ready/);
  assert.match(stdout.toString(), /^FAILED   http.* is not ready/m);
  assert.match(stderr, /^kvorum: http.* is not ready/m);
});

test('errors are a failure, and a full disk is called so', async (t) => {
  const run = async (): Promise<Ended> => {
    const url = await node(t, (count) => (count % 3 === 0 ? '507 Insufficient Storage' : '201 Created'));
    return kvorum(['bench', '--target', url, ...short]);
  };
  // A machine that stands still for a while makes the run invalid, which comes first.
  let ended = await run();
  while (/^INVALID/m.test(ended.stdout.toString())) ended = await run();
  const { code, stdout, stderr } = ended;
  assert.equal(code, 1);
  assert.match(stdout.toString(), /^FAILED: 10 of 30 requests were not successful: 10 times 507 \(disk full\)\n$/m);
  assert.match(stderr, /^kvorum: A node answered 507: its disk or store is full$/m);
});

test('a rate that is not held is missed, exit code 1', async (t) => {
  const url = await node(t, (count) => (count < 12 ? '201 Created' : undefined));
  const args = [...short, '--request-timeout', '400ms', '--connections', '1'];
  const { code, stdout } = await kvorum(['bench', '--target', url, ...args]);
  assert.equal(code, 1);
  assert.match(stdout.toString(), /^(?:MISSED|FAILED)/m);
});

test('GETs that find nothing succeed, with a word on --fill', async (t) => {
  const url = await node(t, () => '404 Not Found');
  const ended = await kvorum(['bench', '--target', url, ...short, '--op', 'get']);
  assertVerdict(ended);
  assert.match(ended.stderr, /^kvorum: Most GETs found no key; load the keys first with --fill$/m);
});

test('--fill puts every key once, before the load', async (t) => {
  const puts = new Map<string, number>();
  let gets = 0;
  const url = await requestServer(t, ({ line, reply }) => {
    const key = /^PUT .*id=(\w+) /.exec(line)?.[1];
    if (key !== undefined) puts.set(key, (puts.get(key) ?? 0) + 1);
    if (line.startsWith('GET /v0/entity')) gets++;
    // Overloaded for once: it is tried again.
    if (key === 'k000007' && puts.get(key) === 1)
      reply('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    else if (key === undefined) reply(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`);
    else reply();
  });
  const args = ['--op', 'get', '--fill', '--keys', '50'];
  const ended = await kvorum(['bench', '--target', url, ...short, ...args]);
  assertVerdict(ended);
  assert.match(ended.stderr, /^Filled 50 keys$/m);
  assert.equal(puts.size, 50);
  assert.deepEqual(
    [...puts].filter(([, count]) => count !== 1),
    [['k000007', 2]],
  );
  assert.equal(gets, 30);
});

test('--fill on a full disk ends with one line', async (t) => {
  const url = await node(t, () => '507 Insufficient Storage');
  const { code, stderr } = await kvorum(['bench', '--target', url, ...short, '--fill']);
  assert.equal(code, 1);
  assert.equal(stderr, `kvorum: Cannot fill: ${url} answers 507, its disk is full\n`);
});

test('--fill of a node that takes nothing says how it goes, and after --fill-timeout what to change', async (t) => {
  const url = await node(t, () => '504 Not Enough Replicas');
  const { code, stderr } = await kvorum(['bench', '--target', url, ...short, '--fill', '--fill-timeout', '4s']);
  assert.equal(code, 5);
  assert.match(stderr, /^Filled 0 of 100000 keys, 0\/s, \d+ refused and tried again$/m);
  assert.match(stderr, /^kvorum: Cannot fill: .*: nothing accepted for 4 s \(.*answers 504\).* Give fewer --keys/m);
});

test('Ctrl-C ends a fill that gets nowhere, exit code 130', async (t) => {
  let isAsked = false;
  const url = await node(t, () => {
    isAsked = true;
    return undefined;
  });
  const child = spawnKvorum(['bench', '--target', url, ...short, '--fill']);
  t.after(() => child.kill('SIGKILL'));
  await eventually(() => assert.ok(isAsked));
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 130);
});

test('a target that is not there, or not ready, is named, exit code 5', async (t) => {
  const nowhere = await refusedUrl();
  const refused = await kvorum(['bench', '--target', nowhere, ...short]);
  assert.equal(refused.code, 5);
  assert.equal(refused.stderr, `kvorum: Cannot reach ${nowhere}: connection refused; is a node running there?\n`);
  const body = '{"detail":"The node is starting"}';
  const starting = await requestServer(t, ({ reply }) =>
    reply(`HTTP/1.1 503 Service Unavailable\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
  );
  const notReady = await kvorum(['bench', '--target', starting, ...short]);
  assert.equal(notReady.code, 5);
  assert.equal(notReady.stderr, `kvorum: ${starting} is not ready: The node is starting\n`);
});

test('files that cannot be written are refused before the run', async (t) => {
  const directory = temporaryDirectory(t);
  let asked = 0;
  const url = await node(t, () => {
    asked++;
    return '201 Created';
  });
  const missing = await kvorumInProcess(['bench', '--target', url, ...short, '--json', join(directory, 'no/run.json')]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^kvorum: Cannot write --json ".*no\/run\.json": its directory does not exist\n$/);
  const isDirectory = await kvorumInProcess(['bench', '--target', url, ...short, '--report', directory]);
  assert.equal(isDirectory.code, 1);
  assert.match(isDirectory.stderr, /^kvorum: Cannot write --report ".*": it is a directory\n$/);
  assert.equal(asked, 0);
  // What stands in a file stays there when the run does not come about.
  const kept = join(directory, 'kept.json');
  writeFileSync(kept, 'kept');
  await kvorum(['bench', '--target', await refusedUrl(), ...short, '--json', kept]);
  assert.equal(readFileSync(kept, 'utf8'), 'kept');
});

test('an interrupted run writes what it measured, marked as cut short, exit code 130', async (t) => {
  const json = join(temporaryDirectory(t), 'cut.json');
  let interrupt = (): void => {};
  const url = await node(t, (count) => {
    if (count === 40) interrupt();
    return '201 Created';
  });
  const child = spawnKvorum(['bench', '--target', url, ...short, '--duration', '10m', '--json', json]);
  interrupt = () => void child.kill('SIGINT');
  let stdout = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  await once(child, 'close');
  assert.equal(child.exitCode, 130);
  assert.match(stdout.trimEnd().split('\n').at(-1) ?? '', /\(cut short after \d+\.\d s\)$/);
  const { cutShort, totals } = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
  assert.equal(cutShort, true);
  assert.ok(totals.completed >= 40 && totals.completed < 10_000, `${totals.completed}`);
});

test('a second signal ends a run at once, without a result, exit code 130', async (t) => {
  const json = join(temporaryDirectory(t), 'none.json');
  let interrupt = (): void => {};
  const url = await node(t, (count) => {
    if (count === 40) interrupt();
    // The last requests are never answered: a run that ended in good order would wait for them.
    return count < 40 ? '201 Created' : undefined;
  });
  const child = spawnKvorum(['bench', '--target', url, ...short, '--duration', '10m', '--json', json]);
  interrupt = () => {
    child.kill('SIGINT');
    child.kill('SIGTERM');
  };
  let stdout = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  await once(child, 'close');
  assert.equal(child.exitCode, 130);
  assert.doesNotMatch(stdout, /cut short/);
  assert.equal(existsSync(json), false);
});

test('--find-max shows the rates that it tried and ends with the one that is held', async (t) => {
  const json = join(temporaryDirectory(t), 'max.json');
  // Never two at a time: a request is answered 4 ms after the one before.
  let freeAtMs = 0;
  const url = await requestServer(t, ({ line, reply }) => {
    if (!line.includes('/v0/entity')) return reply(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`);
    freeAtMs = Math.max(freeAtMs, performance.now()) + 4;
    setTimeout(reply, freeAtMs - performance.now());
    return undefined;
  });
  const args = ['--find-max', '--p99', '5s', '--rate', '100', '--connections', '64', '--json', json];
  const pattern = /^HELD AT MOST (\d+)\/s; not \d+\/s: \S/;
  const { stdout, stderr } = await runUntilHeld(['--target', url, ...short, ...args], pattern);
  assert.match(stdout.toString(), /^RATE +ACHIEVED +P50 +P99 +ERRORS +HELD\n100\/s +\S+ +\S+ +ms +\S+ +ms +\d+ +\S/m);
  const { search = [], workload } = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
  t.diagnostic(search.map(({ rate, reason }) => `${rate}: ${reason || 'held'}`).join('; '));
  const held = search.filter((step) => step.held).map(({ rate }) => rate);
  const said = Number(pattern.exec(stdout.toString().trimEnd().split('\n').at(-1) ?? '')?.[1]);
  assert.deepEqual([said, workload.rate], [Math.max(...held), Math.max(...held)], stderr);
  // A machine that is busy otherwise may hold less; but nothing holds more.
  assert.ok(said <= 300, `${held.join('/s, ')}/s from a server that does 250/s`);
});

test('--metrics-port: the running load for Prometheus; each kind of a mix and each stage in the result', async (t) => {
  const [port] = await freePorts(1);
  const url = await node(t);
  const load = ['--stages', '50:0s,50:10m', '--mix', 'put=1,delete=1', '--warmup', '0s', '--connections', '4'];
  const child = spawnKvorum(['bench', '--target', url, ...load, '--metrics-port', String(port)]);
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  await eventually(async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(text, /^kvorum_bench_target_rate 50$/m);
    assert.match(text, /^kvorum_bench_operations_total\{operation="delete",outcome="success"\} [1-9]/m);
  });
  const taken = await kvorum(['bench', '--target', url, ...load, '--metrics-port', String(port)]);
  assert.equal(taken.code, 2);
  assert.match(taken.stderr, /^kvorum: Cannot listen on --metrics-port \d+: something else listens there$/m);
  child.kill('SIGINT');
  await once(child, 'close');
  assert.match(stdout, /^OPERATION +ANSWERED .*\nput +\S+ .*\ndelete +\S+ /m);
  assert.match(stdout, /^STAGE .*\n50\/s +600 s /m);
});

test('wrk2 is driven where it is given', async (t) => {
  const path = fakeWrk2(temporaryDirectory(t));
  const args = ['--wrk2', path, '--rate', '1975', '--connections', '1', '--duration', '20s', '--output', 'json'];
  const { stdout, stderr } = await kvorum(['bench', '--target', await node(t), ...args]);
  const { generator, latency } = JSON.parse(stdout.toString()) as BenchResult;
  assert.deepEqual([generator.engine, generator.version, latency.count], ['wrk2', 'wrk 4.0.0 [epoll]', 39_500], stderr);
});

test('--up starts a cluster, loads it, and takes it away', async (t) => {
  const data = join(temporaryDirectory(t), 'data');
  const args = ['--up', '2', '--data', data, '--durability', 'commit', '--timeout-ms', '30s', '--op', 'mixed'];
  const more = ['--fill', '--keys', '20', '--targets', 'all', '--output', 'json', '--request-timeout', '60s'];
  const { code, stdout, stderr } = await kvorum(['bench', ...short, ...args, ...more]);
  // --output json: the result is on stdout, and nothing else.
  const result = JSON.parse(stdout.toString() || '{}') as BenchResult;
  assert.equal(code, result.verdict?.kind === 'held' ? 0 : 1, stderr);
  assert.equal(result.totals?.completed, 30, stderr);
  assert.equal(result.totals.failed, 0);
  assert.equal(result.environment.nodeCount, 2);
  assert.equal(result.environment.cluster['durability'], 'commit');
  assert.equal(result.targets.length, 2);
  assert.ok(existsSync(join(data, 'n2')));
});
