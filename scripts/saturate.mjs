#!/usr/bin/env node
/**
 * What a 3-node cluster on this machine does when it is saturated: requests/s, latency, CPU per request (whole cluster
 * and per thread of the loaded node), memory. Load comes from wrk (or wrk2, then without its rate limit being felt) with
 * the Lua scripts beside this file; all load goes to the first node.
 *
 *   node scripts/saturate.mjs                                       batched, commit and fsync; put, get, mixed
 *   node scripts/saturate.mjs --modes sync,async,batched --durabilities commit --ops put,get --seconds 10
 *   node scripts/saturate.mjs --peer-protocols http,link --rounds 3   both ways between nodes, in turns
 *   node scripts/saturate.mjs --target http://localhost:8080        a cluster that runs already; no CPU figures
 *
 * Every run is preceded by one of the same kind that is not counted, since V8 needs some seconds to compile the hot path.
 * Linux only (CPU time is read from /proc/PID/task/TID/schedstat). Exit code 1 where something failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const scripts = dirname(fileURLToPath(import.meta.url));
const main = join(scripts, '../dist/src/cli/main.js');

const { values: options } = parseArgs({
  options: {
    modes: { type: 'string', default: 'batched' },
    durabilities: { type: 'string', default: 'commit,fsync' },
    'peer-protocols': { type: 'string', default: '' },
    rounds: { type: 'string', default: '1' },
    ops: { type: 'string', default: 'put,get,mixed' },
    seconds: { type: 'string', default: '10' },
    'warmup-seconds': { type: 'string', default: '10' },
    connections: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '64' },
    nodes: { type: 'string', default: '3' },
    workers: { type: 'string' },
    target: { type: 'string' },
    wrk: { type: 'string', default: 'wrk' },
    json: { type: 'boolean', default: false },
  },
});

async function freePortRun(count) {
  for (let base = 18080; base < 60000; base += 10) {
    const servers = await Promise.all(Array.from({ length: count }, (_, index) => tryListen(base + index)));
    await Promise.all(servers.map((server) => server && new Promise((resolve) => server.close(resolve))));
    if (servers.every(Boolean)) return base;
  }
  throw new Error('no run of free ports');
}

function tryListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Starts a cluster on `data`; returns its first URL, the nodes' process ids, and a function that stops it. */
async function startCluster({ mode, durability, protocol }, data) {
  const port = await freePortRun(Number(options.nodes));
  const flags = [
    '-n',
    options.nodes,
    '--port',
    String(port),
    '--data',
    data,
    '--mode',
    mode,
    '--durability',
    durability,
  ];
  if (protocol !== '') flags.push('--peer-protocol', protocol);
  if (options.workers !== undefined) flags.push('--workers', options.workers);
  const up = spawn(process.execPath, [main, 'up', ...flags, '--output', 'json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async () => {
    if (up.exitCode === null) {
      up.kill('SIGTERM');
      await new Promise((resolve) => up.once('exit', resolve));
    }
  };
  for await (const line of createInterface({ input: up.stdout })) {
    const { nodes } = JSON.parse(line);
    return { url: nodes[0].url, pids: nodes.map((node) => node.pid), stop };
  }
  await stop();
  throw new Error('the cluster did not start');
}

async function withCluster(settings, data, use) {
  const cluster = await startCluster(settings, data);
  try {
    await use(cluster);
  } finally {
    await cluster.stop();
  }
}

/** PUTs every key once. */
async function fill(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const keys = Number(options.keys);
  const width = Math.max(6, String(keys - 1).length);
  const value = Buffer.alloc(Number(options['value-bytes']), 'v');
  let next = 0;
  const put = (key) =>
    new Promise((resolve, reject) => {
      const path = `/v0/entity?id=k${String(key).padStart(width, '0')}`;
      const headers = { 'content-length': value.length };
      const sent = httpRequest(new URL(path, url), { method: 'PUT', agent, headers }, (response) => {
        response
          .resume()
          .on('end', () => (response.statusCode === 201 ? resolve() : reject(new Error(`${response.statusCode}`))));
      });
      sent.on('error', reject).end(value);
    });
  const lane = async () => {
    while (next < keys) await put(next++);
  };
  await Promise.all(Array.from({ length: 64 }, lane));
  agent.destroy();
}

/** CPU microseconds so far, per node index and thread: the main thread, and the busiest others are the workers. */
function cpuMicros(pids) {
  const micros = new Map();
  for (const [node, pid] of pids.entries()) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const nanoseconds = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
      micros.set(`${node} ${Number(thread) === pid ? 'main' : thread}`, nanoseconds / 1000);
    }
  }
  return micros;
}

function residentMegabytes(pids) {
  return pids.map((pid) =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024),
  );
}

function load(url, op, seconds) {
  const rateLimited = spawnSync(options.wrk, ['-v'], { encoding: 'utf8' });
  const wrk2 = `${rateLimited.stdout}${rateLimited.stderr}`.includes('--rate');
  const flags = [
    '-t',
    '2',
    '-c',
    options.connections,
    '-d',
    `${seconds}s`,
    '--latency',
    '-s',
    join(scripts, `${op}.lua`),
  ];
  if (wrk2) flags.push('-R', '1000000');
  const args = [...flags, url, '--', options.keys, options['value-bytes']];
  const { stdout, stderr, status, error } = spawnSync(options.wrk, args, { encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new Error(`${options.wrk} failed: ${error?.message ?? stderr}`);
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

function measure(cluster, op) {
  load(cluster.url, op, options['warmup-seconds']);
  const before = cluster.pids && cpuMicros(cluster.pids);
  const result = load(cluster.url, op, options.seconds);
  if (before === undefined) return result;
  const spent = [...cpuMicros(cluster.pids)].map(([thread, micros]) => [thread, micros - (before.get(thread) ?? 0)]);
  const perRequest = (micros) => Number((micros / result.requests).toFixed(1));
  const total = spent.reduce((sum, [, micros]) => sum + micros, 0);
  const threads = spent.filter(([thread]) => thread.startsWith('0 ')).sort((left, right) => right[1] - left[1]);
  const mainMicros = spent.find(([thread]) => thread === '0 main')[1];
  const workerMicros = threads.find(([thread]) => thread !== '0 main')?.[1] ?? 0;
  return {
    ...result,
    cpuMicrosPerRequest: perRequest(total),
    firstNodeMain: perRequest(mainMicros),
    firstNodeBusiestWorker: perRequest(workerMicros),
    residentMegabytes: residentMegabytes(cluster.pids),
  };
}

function environment() {
  const commit = spawnSync('git', ['-C', scripts, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
  return `${cpus()[0].model.trim()}, ${availableParallelism()} cores, Linux ${release()}, Node ${process.version}, commit ${commit}`;
}

function show(row) {
  if (options.json) return console.log(JSON.stringify(row));
  const { mode, durability, protocol, op, perSecond, p50, p99, cpuMicrosPerRequest, failed, socketErrors } = row;
  const cpu =
    cpuMicrosPerRequest === undefined
      ? ''
      : `${cpuMicrosPerRequest} us CPU (main ${row.firstNodeMain}, worker ${row.firstNodeBusiestWorker})`;
  const errors = `${failed > 0 ? `, ${failed} failed` : ''}${socketErrors === '' ? '' : `, ${socketErrors}`}`;
  const memory = row.residentMegabytes === undefined ? '' : `, RSS ${row.residentMegabytes.join('/')} MB`;
  console.log(
    `${[mode, durability, protocol, op].filter(Boolean).join(' ')}: ${perSecond}/s, p50 ${p50}, p99 ${p99}, ${cpu}${memory}${errors}`,
  );
  return undefined;
}

console.error(environment());
const list = (text) => text.split(',');
if (options.target !== undefined) {
  for (const op of list(options.ops))
    show({ mode: 'as started', durability: '', protocol: '', op, ...measure({ url: options.target }, op) });
} else {
  for (const mode of list(options.modes)) {
    for (const durability of list(options.durabilities)) {
      const data = mkdtempSync(join(tmpdir(), 'kvorum-saturate-'));
      try {
        // Filled in the fastest way; what is measured starts on that data.
        await withCluster({ mode: 'batched', durability: 'commit', protocol: '' }, data, (cluster) =>
          fill(cluster.url),
        );
        const protocols = list(options['peer-protocols']);
        for (const protocol of Array.from({ length: Number(options.rounds) }, () => protocols).flat()) {
          await withCluster({ mode, durability, protocol }, data, (cluster) => {
            for (const op of list(options.ops)) show({ mode, durability, protocol, op, ...measure(cluster, op) });
          });
        }
      } finally {
        rmSync(data, { recursive: true, force: true });
      }
    }
  }
}
