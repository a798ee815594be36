/** wrk2 as an engine: recognised by its rate and not by its name, called rightly, and its output read. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { meanUs, percentileUs } from '../../../profiling/load/histogram.ts';
import { selectEngine } from '../../../profiling/load/select-engine.ts';
import { findWrk2, wrk2Engine } from '../../../profiling/load/wrk2-engine.ts';
import { parseWrk2Output } from '../../../profiling/load/wrk2-output.ts';
import { eventually } from '../../support/eventually.ts';
import { failingWrk2, fakeWrk, fakeWrk2, wrk2Output } from '../../support/fake-wrk2.ts';
import { workloadOf } from '../../support/load.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Nothing but what is in `directory` is on PATH for the rest of the test. */
function onlyPath(t: TestContext, directory: string): void {
  const before = process.env['PATH'];
  process.env['PATH'] = directory;
  t.after(() => (process.env['PATH'] = before));
}

const choice = { name: 'auto', requestTimeoutMs: 1000 } as const;

test('wrk2 is found on PATH under both of its names, and wrk is not taken for it', (t) => {
  const [asWrk2, asWrk, none] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)];
  fakeWrk2(asWrk2);
  fakeWrk2(asWrk, 'wrk');
  fakeWrk(none);
  fakeWrk(none, 'wrk2');
  onlyPath(t, asWrk2);
  assert.deepEqual(findWrk2(undefined, { isNeeded: false }), { path: 'wrk2', version: 'wrk 4.0.0 [epoll]' });
  process.env['PATH'] = asWrk;
  assert.equal(findWrk2(undefined, { isNeeded: false })?.path, 'wrk');
  assert.equal(selectEngine(choice).name, 'wrk2');
  process.env['PATH'] = none;
  assert.equal(findWrk2(undefined, { isNeeded: false }), undefined);
  assert.equal(selectEngine(choice).name, 'built-in');
});

test('wrk2 that is asked for and not there, and a path that is not wrk2, are one clear error', (t) => {
  const directory = temporaryDirectory(t);
  const wrk = fakeWrk(directory);
  onlyPath(t, directory);
  assert.throws(() => selectEngine({ ...choice, name: 'wrk2' }), { code: 'bad-setting', message: /^No wrk2 found: / });
  assert.throws(() => findWrk2(wrk, { isNeeded: false }), { message: /^Bad --wrk2 ".*wrk": expected wrk2, a program/ });
  assert.throws(() => findWrk2('/no/such', { isNeeded: false }), { code: 'bad-setting' });
});

test('the workload is what wrk2 is called with, its calibration added to the duration', async (t) => {
  const path = fakeWrk2(temporaryDirectory(t));
  const engine = wrk2Engine({ path, version: 'wrk2 x' }, { timeoutMs: 2500 });
  const workload = workloadOf({
    op: 'mixed',
    rate: 2000,
    connections: 1,
    durationMs: 20_000,
    keys: 500,
    distribution: 'zipfian',
    ack: 2,
    from: 3,
    readShare: 0.9,
    seed: 5,
    targets: ['http://127.0.0.1:1'],
  });
  await engine.run(workload);
  const args = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as string[];
  const script = args[12] ?? '';
  const load = ['-t', '1', '-c', '1', '-d', '31s', '-R', '2000', '--timeout', '3s', '--u_latency', '-s', '/mixed.lua'];
  const forScript = ['500', '8', 'zipfian', 'ack=2&from=3', '0.9', '5'];
  assert.deepEqual(args.with(12, script.slice(-10)), [...load, 'http://127.0.0.1:1', '--', ...forScript]);
  assert.ok(existsSync(script), script);
});

test('its spectrum, statuses and errors become a result', async (t) => {
  const path = fakeWrk2(temporaryDirectory(t));
  const engine = wrk2Engine({ path, version: 'wrk2 x' }, { timeoutMs: 1000 });
  const workload = workloadOf({ rate: 2000, connections: 1, targets: ['http://127.0.0.1:1'] });
  const result = await engine.run(workload);
  const { latency, totals, statuses, service, generator } = result;
  assert.equal(latency.count, 39_500);
  assert.equal(percentileUs(latency, 50), 6671);
  assert.equal(percentileUs(latency, 99), 11_207);
  assert.equal(percentileUs(latency, 100), 12_496);
  assert.ok(Math.abs(meanUs(latency) - 6602) < 1);
  assert.equal(service?.count, 39_500);
  assert.deepEqual(new Map(statuses.map(({ status, count }) => [status, count])).get('503'), 7);
  assert.equal(totals.failed, 7);
  assert.equal(totals.completed, 39_500);
  // 30 s less 10 s and 5 ms of calibration.
  assert.ok(Math.abs(totals.seconds - 19.995) < 1e-9);
  assert.ok(totals.unanswered >= 5);
  assert.equal(generator.version, 'wrk2 x');
  assert.equal(result.saturated, null);
});

test('each target has a wrk2 of its own with its share of rate and connections', async (t) => {
  const path = fakeWrk2(temporaryDirectory(t));
  const engine = wrk2Engine({ path, version: 'wrk2 x' }, { timeoutMs: 1000 });
  const workload = workloadOf({ rate: 3000, connections: 3, targets: ['http://127.0.0.1:1', 'http://127.0.0.1:2'] });
  const { targets, latency } = await engine.run(workload);
  assert.deepEqual(
    targets.map(({ url, completed }) => [url, completed]),
    workload.targets.map((url) => [url, 39_500]),
  );
  assert.equal(latency.count, 79_000);
  const args = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as string[];
  assert.equal(args[args.indexOf('-R') + 1], '1500');
});

test('an interrupted wrk2 still gives what it measured, and one that cannot connect names the target', async (t) => {
  const path = fakeWrk2(temporaryDirectory(t), 'wrk2', { hangs: true });
  const stop = new AbortController();
  const workload = workloadOf({ connections: 1, targets: ['http://127.0.0.1:1'] });
  const run = wrk2Engine({ path, version: '' }, { timeoutMs: 1000 }).run(workload, { signal: stop.signal });
  await eventually(() => assert.ok(existsSync(`${path}.json`)));
  stop.abort();
  const { cutShort, latency } = await run;
  assert.equal(cutShort, true);
  assert.equal(latency.count, 39_500);
  const failing = wrk2Engine({ path: failingWrk2(temporaryDirectory(t)), version: '' }, { timeoutMs: 1000 });
  await assert.rejects(failing.run(workload), {
    code: 'node-unreachable',
    message: /^Cannot reach http:\/\/127\.0\.0\.1:1: unable to connect .*Connection refused$/,
  });
});

test('output of another program is refused', () => {
  assert.throws(() => parseWrk2Output('Requests/sec: 5\n', 10), { code: 'worker-failed' });
  assert.equal(
    parseWrk2Output(wrk2Output, 60).latency.count,
    0,
    'a run that ended while it calibrated measured nothing',
  );
});
