/** The flags of `kvorum bench`: what they become, and what is said of wrong ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchCommand } from '../../../profiling/cli/bench-command.ts';
import { choicesFlag, listFlag, planBench, type BenchPlan } from '../../../profiling/cli/bench-flags.ts';
import { parseLine } from '../../../src/cli/parse.ts';

function planOf(...args: readonly string[]): BenchPlan {
  const line = parseLine(benchCommand, args);
  assert.ok(line.kind === 'run', JSON.stringify(line));
  return planBench(line.flags, {});
}

const wrongLines: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--rate', 'fast'], /^Bad --rate "fast": expected a number above 0/m],
  [['--op', 'post'], /^Bad --op "post": expected put, get, delete or mixed$/],
  [['--duration', '30'], /^Bad --duration "30": expected a time like 500ms, 30s or 3m, from 1ms to 24h$/],
  [['--warmup=-1s'], /^Bad --warmup "-1s": expected a time like 500ms, 30s or 3m, from 0s to 24h$/],
  [['--distribution', 'zipf'], /^Bad --distribution "zipf": expected uniform, zipfian, latest or sequential$/],
  [['--arrival', 'bursts'], /^Bad --arrival "bursts": expected constant or poisson$/],
  [['--targets', 'two'], /^Bad --targets "two": expected one or all$/],
  [['--read-share', '1.5'], /^Bad --read-share "1.5": expected a number from 0 to 1$/],
  [['--keys', '0'], /^Bad --keys "0": expected a whole number from 1 to 1000000000$/],
  [['--connections', '1', '--targets', 'all', '--target', 'http://a,http://b'], /^Bad --connections "1": expected/m],
  [['--ack', '3', '--from', '2'], /^Bad --ack "3": expected at most --from, which is 2$/],
  [['--target', 'localhost:8080'], /^Bad --url "localhost:8080": expected URLs like/m],
  [['--target', 'http://a', '--up', '3'], /^Two clusters: give --url or --up, not both$/],
  [['--mode', 'sync'], /^--mode is for the nodes of --up; /m],
  [['--up', '3', '--mode', 'fast'], /^Bad --mode "fast": expected sync, async or batched$/],
  [['--p99', '10'], /^Bad --p99 "10": expected a time like 500ms, 30s or 3m, from 1ms to 24h$/],
  [['--errors-max', 'few'], /^Bad --errors-max "few": expected a whole number, or a share like 0.1%$/],
  [['--errors-max', '101%'], /^Bad --errors-max "101%": expected/],
  [['--output', 'html'], /^Bad --output "html": expected table, json or markdown$/],
  [['--engine', 'wrk'], /^Bad --engine "wrk": expected auto, wrk2 or built-in$/],
  [['--stages', '1000'], /^Bad --stages "1000": expected RATE:TIME,\.\.\. like 1000:30s,6000:2m,0:10s, /m],
  [['--stages', '0:30s'], /^Bad --stages "0:30s": expected/m],
  [['--stages', '9:1s', '--rate', '5'], /^--stages say rates and times: leave --rate out$/],
  [['--stages', '9:1s', '--warmup', '1s'], /^Bad --warmup "1s": expected 0s where --stages begin at 0: a jump/m],
  [['--mix', 'get=1,gut=2'], /^Bad --mix "get=1,gut=2": expected KIND=WEIGHT,/m],
  [['--mix', 'get=0'], /^Bad --mix "get=0": expected/m],
  [['--mix', 'get=1', '--op', 'put'], /^--mix says which operations are sent: leave --op out$/],
  [['--workload', 'g'], /^Bad --workload "g": expected a, b, c, d, e or f$/],
  [['--range-records', '5'], /^--range-records is of use only to a mix with ranges$/],
  [['--value-bytes', '100:80,x:1'], /^Bad --value-bytes "100:80,x:1": expected bytes up to 256 MiB/m],
  [['--workload', 'a', '--engine', 'wrk2'], /^wrk2 does not know --workload: use --engine built-in$/],
  [['--arrival', 'poisson', '--engine', 'wrk2'], /^Bad --arrival "poisson": expected constant together with wrk2$/],
];

for (const [args, message] of wrongLines) {
  test(`kvorum bench ${args.join(' ')} is refused`, () => {
    assert.throws(() => planOf(...args), { code: 'bad-setting', message });
  });
}

test('without flags it puts 1,000/s on the default node for 30 s', () => {
  const { workload, cluster, engine, isSearch, bounds, command } = planOf();
  assert.deepEqual(cluster, { kind: 'running', urls: ['http://localhost:8080'] });
  assert.deepEqual(
    [workload.op, workload.rate, workload.connections, workload.durationMs, workload.warmupMs],
    ['put', 1000, 64, 30_000, 5000],
  );
  assert.deepEqual(engine, { name: 'auto', wrk2Path: undefined, requestTimeoutMs: 10_000 });
  assert.deepEqual([isSearch, bounds], [false, {}]);
  assert.equal(command, 'kvorum bench');
});

test('times are milliseconds, seconds, minutes and hours', () => {
  const times = ['500ms', '30s', '3m', '1.5h'].map((time) => planOf('--duration', time).workload.durationMs);
  assert.deepEqual(times, [500, 30_000, 180_000, 5_400_000]);
});

test('bounds go with a rate as with a search, which has one of its own', () => {
  assert.deepEqual(planOf('--p99', '20ms', '--errors-max', '7').bounds, {
    p99MsMax: 20,
    errorsMax: { of: 'count', max: 7 },
  });
  assert.deepEqual(planOf('--find-max').bounds, { p99MsMax: 50 });
  assert.deepEqual(
    planOf('--find-max', '--p99', '1s', '--p999', '2s', '--mean', '5ms', '--errors-max', '0.1%').bounds,
    {
      meanMsMax: 5,
      p99MsMax: 1000,
      p999MsMax: 2000,
      errorsMax: { of: 'share', max: 0.001 },
    },
  );
});

test('settings of nodes are passed on to --up, and the command that repeats the run keeps secrets', () => {
  const { cluster, command } = planOf('--up', '3', '--mode', 'sync', '--no-insecure', '--cluster-secret', 'geheim');
  assert.deepEqual(cluster, {
    kind: 'own',
    count: 3,
    flags: ['--mode=sync', '--no-insecure', '--cluster-secret=geheim'],
  });
  assert.equal(command, "kvorum bench --up 3 --mode sync --no-insecure --cluster-secret '...'");
});

test('random arrivals need the built-in generator', () => {
  assert.equal(planOf('--arrival', 'poisson').engine.name, 'built-in');
});

test('choicesFlag() takes words of a closed set, each once and so many at least, in the order given', () => {
  const chosen = (given: string, least: 1 | 2 = 1): readonly string[] =>
    choicesFlag(new Map([['op', given]]), 'op', { of: ['put', 'get'], fallback: ['put'], least });
  assert.deepEqual(choicesFlag(new Map(), 'op', { of: ['put', 'get'], fallback: ['put'] }), ['put']);
  assert.deepEqual(chosen('get, put'), ['get', 'put']);
  const expected = 'or more of put, get, separated by commas, each once';
  for (const bad of ['', 'put,take', 'put,put']) {
    assert.throws(() => chosen(bad), { code: 'bad-setting', message: `Bad --op "${bad}": expected one ${expected}` });
  }
  assert.throws(() => chosen('put', 2), { message: `Bad --op "put": expected two ${expected}` });
});

test('listFlag() takes any values but empty ones', () => {
  const list = (given: string): readonly string[] => listFlag(new Map([['a', given]]), 'a', []);
  assert.deepEqual(list('x, y'), ['x', 'y']);
  assert.throws(() => list('x,,y'), { message: 'Bad --a "x,,y": expected values separated by commas' });
});

test("YCSB's workloads have its distributions and values, which other flags change", () => {
  const { workload, engine } = planOf('--workload', 'd');
  assert.deepEqual(
    [workload.op, workload.mix, workload.distribution, workload.valueBytes, workload.readShare],
    ['mixed', { get: 95, insert: 5 }, 'latest', 1000, 0.95],
  );
  assert.equal(engine.name, 'built-in');
  const changed = planOf(
    '--workload',
    'e',
    '--distribution',
    'uniform',
    '--value-bytes',
    '4KiB',
    '--range-records',
    '9',
  );
  assert.deepEqual(
    [changed.workload.distribution, changed.workload.valueBytes, changed.workload.rangeRecordsMax],
    ['uniform', 4096, 9],
  );
});

test('stages give the rate and the duration; they have a warm-up where they do not begin at 0', () => {
  const ramp = planOf('--stages', '1000:30s,6000:2m,0:10s').workload;
  assert.deepEqual([ramp.durationMs, ramp.warmupMs, ramp.rate], [160_000, 0, 465_000 / 160]);
  assert.equal(planOf('--stages', '500:0s,500:1s').workload.warmupMs, 5000);
});
