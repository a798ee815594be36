#!/usr/bin/env node
/**
 * What a 3-node cluster on this machine does when it is saturated: requests/s, latency, CPU per request (whole cluster
 * and per thread of the loaded node), memory. Load comes from wrk (or wrk2, then without its rate limit being felt) with
 * the Lua scripts beside this file; all load goes to the first node.
 *
 *   npm run build, and then:
 *   node scripts/saturate.mjs                                       batched, commit and fsync; put, get, mixed
 *   node scripts/saturate.mjs --modes sync,async,batched --durabilities commit --ops put,get --seconds 10
 *   node scripts/saturate.mjs --peer-protocols http,link --rounds 3   both ways between nodes, in turns
 *   node scripts/saturate.mjs --baseline DIR --rounds 5             against the build of another checkout, in turns
 *   node scripts/saturate.mjs --target http://localhost:8080        a cluster that runs already; no CPU figures
 *
 * Every run is preceded by one of the same kind that is not counted, since V8 needs some seconds to compile the hot path.
 * With --baseline (3 rounds, if --rounds does not say else) the two take turns, each on data of its own, who comes first
 * changes from round to round, and behind the rounds stand the medians of both and their ratio.
 * CPU time is read from /proc (Linux). Exit code 1 where something failed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startLocalCluster } from '../dist/profiling/cluster/local-cluster.js';
import { accountBetween, readProcess } from '../dist/profiling/cluster/process-accounts.js';
import { fillKeys } from '../dist/profiling/load/fill.js';

const scripts = dirname(fileURLToPath(import.meta.url));

const { values: options } = parseArgs({
  options: {
    modes: { type: 'string', default: 'batched' },
    durabilities: { type: 'string', default: 'commit,fsync' },
    'peer-protocols': { type: 'string', default: '' },
    rounds: { type: 'string' },
    ops: { type: 'string', default: 'put,get,mixed' },
    seconds: { type: 'string', default: '10' },
    'warmup-seconds': { type: 'string', default: '10' },
    connections: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '64' },
    nodes: { type: 'string', default: '3' },
    workers: { type: 'string' },
    baseline: { type: 'string' },
    target: { type: 'string' },
    wrk: { type: 'string', default: 'wrk' },
    json: { type: 'boolean', default: false },
  },
});
const list = (text) => text.split(',');
const rounds = Number(options.rounds ?? (options.baseline === undefined ? 1 : 3));

/** Whose nodes are measured; without --baseline one, without a name. */
function checkouts() {
  const own = { name: '', directory: dirname(scripts) };
  if (options.baseline === undefined) return [own];
  return [
    { name: 'this', directory: own.directory },
    { name: 'baseline', directory: resolve(options.baseline) },
  ];
}

function programOf({ directory }) {
  const program = join(directory, 'dist/src/cli/main.js');
  if (!existsSync(program)) throw new Error(`No build in "${directory}": run "npm run build" there`);
  return program;
}

async function withCluster(checkout, { mode, durability, protocol }, use) {
  const flags = ['--mode', mode, '--durability', durability];
  if (protocol !== '') flags.push('--peer-protocol', protocol);
  if (options.workers !== undefined) flags.push('--workers', options.workers);
  const { data: directory, program } = checkout;
  const cluster = await startLocalCluster({ count: Number(options.nodes), flags, directory, program });
  try {
    await use({ url: cluster.nodes[0].url, pids: cluster.nodes.map(({ pid }) => pid) });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

/** Puts every key once, in the fastest way; what is measured starts on that data. */
async function fill(checkout) {
  await withCluster(checkout, { mode: 'batched', durability: 'commit', protocol: '' }, async ({ url }) => {
    const [keys, valueBytes] = [Number(options.keys), Number(options['value-bytes'])];
    await fillKeys({ targets: [url], connections: 64, keys, valueBytes, ack: null, from: null, seed: 1 });
  });
}

/** wrk2 has to be told a rate, then one that it cannot reach. */
function rateFlags() {
  const { stdout, stderr, error } = spawnSync(options.wrk, ['-v'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`Cannot run "${options.wrk}": install wrk, or give its path with --wrk`);
  return `${stdout}${stderr}`.includes('--rate') ? ['-R', '1000000'] : [];
}

async function load(url, op, seconds) {
  const flags = ['-t', '2', '-c', options.connections, '-d', `${seconds}s`, '--latency', ...wrkRate];
  const script = ['-s', join(scripts, `${op}.lua`), url, '--', options.keys, options['value-bytes']];
  const { stdout } = await promisify(execFile)(options.wrk, [...flags, ...script]);
  const figure = (pattern) => pattern.exec(stdout)?.[1];
  return {
    requests: Number(figure(/(\d+) requests in/)),
    perSecond: Math.round(Number(figure(/Requests\/sec:\s+([\d.]+)/))),
    p50: figure(/^\s+50(?:\.000)?%\s+(\S+)/m),
    p99: figure(/^\s+99(?:\.000)?%\s+(\S+)/m),
    failed: Number(figure(/Non-2xx or 3xx responses: (\d+)/) ?? 0),
    socketErrors: figure(/Socket errors: (.*)/) ?? '',
  };
}

async function measure({ url, pids = [] }, op) {
  await load(url, op, options['warmup-seconds']);
  const before = pids.map(readProcess);
  const result = await load(url, op, options.seconds);
  const after = pids.map(readProcess);
  if (pids.length === 0 || [...before, ...after].includes(null)) return result;
  const perRequest = (micros) => Number((micros / result.requests).toFixed(1));
  const spent = after.map(({ threads }, node) =>
    [...threads].map(([id, thread]) => ({
      isMain: id === pids[node],
      micros: accountBetween(before[node].threads.get(id), thread).cpuUs,
    })),
  );
  const workers = spent[0].filter(({ isMain }) => !isMain).map(({ micros }) => micros);
  return {
    ...result,
    cpuMicrosPerRequest: perRequest(spent.flat().reduce((sum, { micros }) => sum + micros, 0)),
    firstNodeMain: perRequest(spent[0].find(({ isMain }) => isMain).micros),
    firstNodeBusiestWorker: perRequest(Math.max(0, ...workers)),
    residentMegabytes: after.map(({ residentBytes }) => Math.round(residentBytes / 2 ** 20)),
  };
}

function environment() {
  const commit = ({ name, directory }) => {
    const { stdout } = spawnSync('git', ['-C', directory, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
    return `${name === '' ? '' : `${name} `}commit ${stdout.trim()}`;
  };
  const machine = `${cpus()[0].model.trim()}, ${availableParallelism()} cores, Linux ${release()}`;
  return [machine, `Node ${process.version}`, ...checkouts().map(commit)].join(', ');
}

function nameOf({ checkout, mode, durability, protocol, op }) {
  return [checkout, mode, durability, protocol, op].filter(Boolean).join(' ');
}

function show(row) {
  if (options.json) return console.log(JSON.stringify(row));
  const { perSecond, p50, p99, cpuMicrosPerRequest, failed, socketErrors } = row;
  const cpu =
    cpuMicrosPerRequest === undefined
      ? ''
      : `${cpuMicrosPerRequest} us CPU (main ${row.firstNodeMain}, worker ${row.firstNodeBusiestWorker})`;
  const errors = `${failed > 0 ? `, ${failed} failed` : ''}${socketErrors === '' ? '' : `, ${socketErrors}`}`;
  const memory = row.residentMegabytes === undefined ? '' : `, RSS ${row.residentMegabytes.join('/')} MB`;
  return console.log(`${nameOf(row)}: ${perSecond}/s, p50 ${p50}, p99 ${p99}, ${cpu}${memory}${errors}`);
}

// Comparing with --baseline.

const unitsMs = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** wrk's `1.23ms` as milliseconds. */
function millis(text) {
  const [, digits, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '') ?? [];
  return digits === undefined ? NaN : Number(digits) * unitsMs[unit];
}

function median(values) {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const figures = {
  'requests/s': ({ perSecond }) => perSecond,
  'p50 ms': ({ p50 }) => millis(p50),
  'p99 ms': ({ p99 }) => millis(p99),
  'CPU us a request': ({ cpuMicrosPerRequest }) => cpuMicrosPerRequest,
  'CPU us of main': ({ firstNodeMain }) => firstNodeMain,
  'CPU us of worker': ({ firstNodeBusiestWorker }) => firstNodeBusiestWorker,
};

/** A line for each figure of what was measured alike: both medians, the ratio, and of what the ratios of the rounds were. */
function compare(rows) {
  const kinds = new Map(rows.map((row) => [nameOf({ ...row, checkout: '' }), []]));
  for (const row of rows) kinds.get(nameOf({ ...row, checkout: '' })).push(row);
  for (const [kind, alike] of kinds) {
    const of = (checkout) => alike.filter((row) => row.checkout === checkout);
    for (const [figure, read] of Object.entries(figures)) {
      const [own, base] = [of('this').map(read), of('baseline').map(read)];
      const [ownMedian, baseMedian] = [median(own), median(base)];
      if (!Number.isFinite(ownMedian) || !Number.isFinite(baseMedian)) continue;
      const ratios = own.map((value, round) => value / base[round]);
      const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
      const ratio = ownMedian / baseMedian;
      if (options.json)
        console.log(JSON.stringify({ kind, figure, this: ownMedian, baseline: baseMedian, ratio, ratios }));
      else {
        const both = `${ownMedian.toFixed(2)} to ${baseMedian.toFixed(2)}`;
        console.log(
          `${kind}: ${figure}: ${both}, ratio ${ratio.toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`,
        );
      }
    }
  }
}

/** One setting on one data directory a checkout; the checkouts take turns. Gives the rows. */
async function saturate({ mode, durability }, built) {
  const rows = [];
  const filled = built.map((one) => ({ ...one, data: mkdtempSync(join(tmpdir(), 'kvorum-saturate-')) }));
  try {
    for (const checkout of filled) await fill(checkout);
    for (let round = 0; round < rounds; round++) {
      const turns = round % 2 === 0 ? filled : filled.toReversed();
      for (const protocol of list(options['peer-protocols'])) {
        for (const checkout of turns) rows.push(...(await runOps(checkout, { mode, durability, protocol })));
      }
    }
  } finally {
    for (const { data } of filled) rmSync(data, { recursive: true, force: true });
  }
  return rows;
}

async function runOps(checkout, settings) {
  const rows = [];
  const name = checkout.name === '' ? {} : { checkout: checkout.name };
  await withCluster(checkout, settings, async (cluster) => {
    for (const op of list(options.ops)) {
      const row = { ...name, ...settings, op, ...(await measure(cluster, op)) };
      rows.push(row);
      show(row);
    }
  });
  return rows;
}

const wrkRate = rateFlags();
console.error(environment());
if (options.target !== undefined) {
  for (const op of list(options.ops))
    show({ mode: 'as started', durability: '', protocol: '', op, ...(await measure({ url: options.target }, op)) });
} else {
  const built = checkouts().map((checkout) => ({ ...checkout, program: programOf(checkout) }));
  const rows = [];
  for (const mode of list(options.modes)) {
    for (const durability of list(options.durabilities)) rows.push(...(await saturate({ mode, durability }, built)));
  }
  if (options.baseline !== undefined) compare(rows);
}
