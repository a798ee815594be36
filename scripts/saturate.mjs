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
 *   node scripts/saturate.mjs --baseline DIR --rates 1000,6000,max  the same at given rates as well as saturated
 *   node scripts/saturate.mjs --node-programs /opt/node24/bin/node,/opt/node26/bin/node   several releases of Node, in turns
 *   node scripts/saturate.mjs --target http://localhost:8080        a cluster that runs already; no CPU figures
 *
 * Every run is preceded by one of the same kind that is not counted, since V8 needs some seconds to compile the hot path.
 * With --baseline or --node-programs (3 rounds, if --rounds does not say else) those that are compared take turns, each on data
 * of its own, who comes first changes from round to round, and behind the rounds stand the medians of all and, with
 * --baseline, the ratio. With --rates all of their clusters are up at once and each is warmed up only once, so that runs can
 * be short and those that are compared lie seconds apart; given rates are put on by "kvorum bench".
 * CPU time is read from /proc (Linux). Exit code 1 where something failed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scriptLine } from '../dist/profiling/script-options.js';
import { startLocalCluster } from '../dist/profiling/cluster/local-cluster.js';
import { accountBetween, readProcess } from '../dist/profiling/cluster/process-accounts.js';
import { fillKeys } from '../dist/profiling/load/fill.js';
import { percentileUs } from '../dist/profiling/load/histogram.js';

const scripts = dirname(fileURLToPath(import.meta.url));

const { values: options } = scriptLine({
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
    'node-programs': { type: 'string' },
    rates: { type: 'string' },
    target: { type: 'string' },
    wrk: { type: 'string', default: 'wrk' },
    json: { type: 'boolean', default: false },
  },
  numbers: ['rounds', 'seconds', 'warmup-seconds', 'connections', 'keys', 'value-bytes', 'nodes', 'workers'],
});
const list = (text) => text.split(',');
const isCompared = options.baseline !== undefined || options['node-programs'] !== undefined;
const rounds = Number(options.rounds ?? (isCompared ? 3 : 1));
const ownDirectory = dirname(scripts);
/** Of the two that --baseline compares. */
const [OWN, BASELINE] = ['this', 'baseline'];

/** Whose nodes are measured: builds and the Node that runs them. Without a comparison one, without a name. */
function subjects() {
  const own = { name: '', directory: ownDirectory, node: process.execPath };
  if (options['node-programs'] !== undefined) {
    return list(options['node-programs']).map((node) => ({ ...own, name: `Node ${versionOf(node)}`, node }));
  }
  if (options.baseline === undefined) return [own];
  return [
    { ...own, name: OWN },
    { ...own, name: BASELINE, directory: resolve(options.baseline) },
  ];
}

function versionOf(node) {
  const { stdout, error } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`Cannot run "${node}": give the paths of node programs`);
  return stdout.trim();
}

function programOf({ directory }) {
  const program = join(directory, 'dist/src/cli/main.js');
  if (!existsSync(program)) throw new Error(`No build in "${directory}": run "npm run build" there`);
  return program;
}

async function openCluster(subject, { mode, durability, protocol }) {
  const flags = ['--mode', mode, '--durability', durability];
  if (protocol !== '') flags.push('--peer-protocol', protocol);
  if (options.workers !== undefined) flags.push('--workers', options.workers);
  const { data: directory, program, node } = subject;
  const cluster = await startLocalCluster({ count: Number(options.nodes), flags, directory, program, node });
  const [{ url }] = cluster.nodes;
  const close = () => cluster[Symbol.asyncDispose]();
  return { url, pids: cluster.nodes.map(({ pid }) => pid), close };
}

async function withCluster(subject, settings, use) {
  const cluster = await openCluster(subject, settings);
  try {
    await use(cluster);
  } finally {
    await cluster.close();
  }
}

/** Puts every key once, in the fastest way; what is measured starts on that data. */
async function fill(subject) {
  await withCluster(subject, { mode: 'batched', durability: 'commit', protocol: '' }, async ({ url }) => {
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
  return measureWarm({ url, pids }, op);
}

async function measureWarm({ url, pids }, op) {
  const before = pids.map(readProcess);
  const result = await load(url, op, options.seconds);
  const after = pids.map(readProcess);
  if (pids.length === 0 || [...before, ...after].includes(null)) return result;
  const spent = after.map(({ threads }, node) =>
    [...threads].map(([id, thread]) => ({
      isMain: id === pids[node],
      micros: accountBetween(before[node].threads.get(id), thread).cpuUs,
    })),
  );
  const residentMegabytes = after.map(({ residentBytes }) => Math.round(residentBytes / 2 ** 20));
  return { ...result, ...costs(spent, result.requests), residentMegabytes };
}

/** `spent`: microseconds of each thread of each node, the loaded one first. */
function costs(spent, requests) {
  const perRequest = (micros) => Number((micros / requests).toFixed(1));
  const workers = spent[0].filter(({ isMain }) => !isMain).map(({ micros }) => micros);
  return {
    cpuMicrosPerRequest: perRequest(spent.flat().reduce((sum, { micros }) => sum + micros, 0)),
    firstNodeMain: perRequest(spent[0].find(({ isMain }) => isMain).micros),
    firstNodeBusiestWorker: perRequest(Math.max(0, ...workers)),
  };
}

/** One run at a rate; CPU is of the seconds that are measured. */
async function measureRate({ url }, op, rate) {
  const { connections, seconds, keys } = options;
  const flags = ['--url', url, '--op', op, '--rate', rate, '--connections', connections, '--warmup', '1s'];
  const rest = ['--duration', `${seconds}s`, '--keys', keys, '--value-bytes', options['value-bytes']];
  const program = programOf({ directory: ownDirectory });
  const { stdout } = await runAnyway(process.execPath, [program, 'bench', ...flags, ...rest, '--output', 'json']);
  const { totals, latency, nodes } = JSON.parse(stdout);
  const spent = nodes.map(({ threads }) =>
    threads.map(({ thread, cpuUs }) => ({ isMain: thread === 'main', micros: cpuUs })),
  );
  const shown = (percentile) => `${(percentileUs(latency, percentile) / 1000).toFixed(2)}ms`;
  return {
    rate,
    requests: totals.completed,
    perSecond: Math.round(totals.rate),
    p50: shown(50),
    p99: shown(99),
    failed: totals.failed + totals.unanswered,
    socketErrors: '',
    ...costs(spent, totals.completed),
  };
}

/** What a program printed, whatever its exit code: a bench that was not held has figures, too. */
async function runAnyway(program, args) {
  try {
    return await promisify(execFile)(program, args, { maxBuffer: 2 ** 26 });
  } catch (error) {
    if (!error.stdout) throw error;
    return error;
  }
}

function environment() {
  const commit = ({ name, directory }) => {
    const { stdout } = spawnSync('git', ['-C', directory, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
    return `${name === '' ? '' : `${name} `}commit ${stdout.trim()}`;
  };
  const machine = `${cpus()[0].model.trim()}, ${availableParallelism()} cores, Linux ${release()}`;
  return [machine, `Node ${process.version}`, ...subjects().map(commit)].join(', ');
}

function nameOf({ subject, mode, durability, protocol, op, rate }) {
  const what = rate === undefined ? op : `${op} at ${rate}/s`;
  return [subject, mode, durability, protocol, what].filter(Boolean).join(' ');
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

// Comparing.

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

/** A line for each figure of what was measured alike: the medians, and with --baseline their ratio and those of the rounds. */
function compare(rows) {
  const kinds = new Map(rows.map((row) => [nameOf({ ...row, subject: '' }), []]));
  for (const row of rows) kinds.get(nameOf({ ...row, subject: '' })).push(row);
  for (const [kind, alike] of kinds) {
    for (const [figure, read] of Object.entries(figures)) {
      const values = new Map(
        subjects().map(({ name }) => [name, alike.filter((row) => row.subject === name).map(read)]),
      );
      const medians = new Map([...values].map(([name, all]) => [name, median(all)]));
      if (![...medians.values()].every(Number.isFinite)) continue;
      showMedians(kind, figure, { medians, values });
    }
  }
}

function showMedians(kind, figure, { medians, values }) {
  const hasRatio = options.baseline !== undefined;
  const ratio = hasRatio ? medians.get(OWN) / medians.get(BASELINE) : undefined;
  const ratios = hasRatio ? values.get(OWN).map((value, round) => value / values.get(BASELINE)[round]) : [];
  if (options.json) return console.log(JSON.stringify({ kind, figure, ...Object.fromEntries(medians), ratio, ratios }));
  const all = [...medians].map(([name, value]) => `${name} ${value.toFixed(2)}`).join(', ');
  const bounds = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`;
  return console.log(`${kind}: ${figure}: ${all}${hasRatio ? `, ratio ${ratio.toFixed(3)} (${bounds})` : ''}`);
}

/** One setting on one data directory a subject; the subjects take turns. Gives the rows. */
async function saturate({ mode, durability }, built) {
  const rows = [];
  const filled = built.map((one) => ({ ...one, data: mkdtempSync(join(tmpdir(), 'kvorum-saturate-')) }));
  const runAll = options.rates === undefined ? runRounds : runTogether;
  try {
    for (const subject of filled) await fill(subject);
    for (const protocol of list(options['peer-protocols'])) {
      await runAll(filled, { mode, durability, protocol }, (row) => rows.push(row));
    }
  } finally {
    for (const { data } of filled) rmSync(data, { recursive: true, force: true });
  }
  return rows;
}

/** A cluster for each round and subject. */
async function runRounds(filled, settings, onRow) {
  for (let round = 0; round < rounds; round++) {
    for (const subject of inTurn(filled, round)) {
      await withCluster(subject, settings, async (cluster) => {
        for (const op of list(options.ops)) tell({ subject, settings, onRow }, { op, ...(await measure(cluster, op)) });
      });
    }
  }
}

/** One cluster a subject for all rounds. */
async function runTogether(filled, settings, onRow) {
  const clusters = new Map();
  try {
    for (const subject of filled) {
      const cluster = await openCluster(subject, settings);
      clusters.set(subject, cluster);
      for (const op of list(options.ops)) await load(cluster.url, op, options['warmup-seconds']);
    }
    for (let round = 0; round < rounds; round++) {
      for (const op of list(options.ops)) {
        for (const rate of list(options.rates)) {
          for (const subject of inTurn(filled, round)) {
            const cluster = clusters.get(subject);
            const run = rate === 'max' ? measureWarm(cluster, op) : measureRate(cluster, op, rate);
            tell({ subject, settings, onRow }, { op, ...(await run) });
          }
        }
      }
    }
  } finally {
    for (const cluster of clusters.values()) await cluster.close();
  }
}

function inTurn(filled, round) {
  return round % 2 === 0 ? filled : filled.toReversed();
}

function tell({ subject, settings, onRow }, measured) {
  const row = { ...(subject.name === '' ? {} : { subject: subject.name }), ...settings, ...measured };
  onRow(row);
  show(row);
}

const wrkRate = rateFlags();
console.error(environment());
if (options.target !== undefined) {
  for (const op of list(options.ops))
    show({ mode: 'as started', durability: '', protocol: '', op, ...(await measure({ url: options.target }, op)) });
} else {
  const built = subjects().map((subject) => ({ ...subject, program: programOf(subject) }));
  const rows = [];
  for (const mode of list(options.modes)) {
    for (const durability of list(options.durabilities)) rows.push(...(await saturate({ mode, durability }, built)));
  }
  if (isCompared) compare(rows);
}
