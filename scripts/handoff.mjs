#!/usr/bin/env node
/**
 * What clients notice when a node that was away gets what it missed: three nodes on this machine under PUTs at a rate, one of them
 * killed, started again after some time, and brought what the others keep for it.
 *
 *   npm run build, and then:
 *   node scripts/handoff.mjs --away 60s --rate 3000
 *
 *   --away TIME             how long the node is away (default 60s; also 5m)
 *   --rate N                PUTs a second, through the two others (default 3000)
 *   --healthy TIME          before that, for comparison (default 30s), and --warmup TIME, which does not count (default 20s)
 *   --after TIME            at least so long behind the node's start (default 10s)
 *   --keys N, --value-bytes N, --connections N     (defaults 100000, 64, 64)
 *   --durability D, --workers N, --hint-bytes-max SIZE     as for kvorum serve
 *   --ratio-max N           exit code 1 where p99 of the handoff is more than this times the healthy one (default 1.5)
 *
 * The handoff lasts from the start of the node's process until nobody keeps anything for it. Latency counts from the time at which
 * each PUT was due. Linux only, since the node is started again as /proc says that it was started.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { scriptLine } from '../dist/profiling/script-options.js';
import { startLocalCluster } from '../dist/profiling/cluster/local-cluster.js';
import { AdminClient } from '../dist/profiling/cluster/node-client.js';
import { samplesOf } from '../dist/profiling/cluster/node-metrics.js';
import { readProcess } from '../dist/profiling/cluster/process-accounts.js';
import { builtInEngine } from '../dist/profiling/load/built-in-engine.js';
import { percentileUs, sumOf } from '../dist/profiling/load/histogram.js';

const { values: options } = scriptLine({
  options: {
    away: { type: 'string', default: '60s' },
    rate: { type: 'string', default: '3000' },
    healthy: { type: 'string', default: '30s' },
    warmup: { type: 'string', default: '20s' },
    after: { type: 'string', default: '10s' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '64' },
    connections: { type: 'string', default: '64' },
    durability: { type: 'string' },
    workers: { type: 'string' },
    'hint-bytes-max': { type: 'string' },
    'ratio-max': { type: 'string', default: '1.5' },
  },
  numbers: ['rate', 'keys', 'value-bytes', 'connections', 'ratio-max'],
});

/** Far above what a handoff takes. */
const HANDOFF_MS_MAX = 300_000;
const LOOK_MS = 500;
const ASK_MS_MAX = 5000;
/** What a child of `kvorum up` is told that is not for one that has no such parent. */
const ofItsParent = /^(?:KVORUM_STOP_WITH_PARENT|NODE_CHANNEL_\w+)=/;

function millis(text) {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`"${text}" is no time: give it as 60s or 5m`);
  return Number(digits) * { ms: 1, s: 1000, m: 60_000 }[unit];
}

const [awayMs, healthyMs, warmupMs, afterMs] = ['away', 'healthy', 'warmup', 'after'].map((name) =>
  millis(options[name]),
);

/** What is seen of the nodes, twice a second: hints that are kept, and resident memory in each phase. */
class Watch {
  phase = 'warm-up';
  hints = 0;
  hintsMax = 0;
  hintBytesMax = 0;
  /** By phase, the most of each node. */
  resident = new Map();
  #pids;
  #clients;
  #isOver = false;

  constructor(nodes) {
    this.#pids = nodes.map(({ pid }) => pid);
    // The last one is the one that goes away.
    this.#clients = nodes.slice(0, -1).map(({ url }) => new AdminClient(url));
  }

  restarted(pid) {
    this.#pids[this.#pids.length - 1] = pid;
  }

  async run() {
    while (!this.#isOver) {
      await this.look();
      await setTimeout(LOOK_MS);
    }
    for (const client of this.#clients) client.close();
  }

  end() {
    this.#isOver = true;
  }

  async look() {
    const kept = await Promise.all(this.#clients.map((client) => this.#kept(client)));
    if (!kept.includes(undefined)) {
      this.hints = kept.reduce((sum, { hints }) => sum + hints, 0);
      this.hintsMax = Math.max(this.hintsMax, this.hints);
      const bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
      this.hintBytesMax = Math.max(this.hintBytesMax, bytes);
    }
    const before = this.resident.get(this.phase) ?? this.#pids.map(() => 0);
    const now = this.#pids.map((pid) => readProcess(pid)?.residentBytes ?? 0);
    this.resident.set(
      this.phase,
      before.map((most, node) => Math.max(most, now[node])),
    );
  }

  async #kept(client) {
    const text = await client.text('/metrics', ASK_MS_MAX);
    if (text === null) return undefined;
    const samples = samplesOf(text);
    const total = (name) => (samples.get(name) ?? []).reduce((sum, { value }) => sum + value, 0);
    return { hints: total('kvorum_hints'), bytes: total('kvorum_hint_bytes') };
  }
}

/** How a process was started, to start it again when it has ended. */
function startOf(pid) {
  const read = (name) => readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0').slice(0, -1);
  const [command, ...args] = read('cmdline');
  const told = read('environ').filter((pair) => !ofItsParent.test(pair));
  const env = Object.fromEntries(
    told.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  return { command, args, env };
}

async function untilEnded(pid) {
  while (readProcess(pid) !== null) await setTimeout(20);
}

async function untilReady(url) {
  const client = new AdminClient(url);
  while (!/^ready\b/.test((await client.text('/readyz', ASK_MS_MAX)) ?? '')) await setTimeout(50);
  client.close();
}

function flagsOf() {
  const given = ['durability', 'workers', 'hint-bytes-max'].filter((name) => options[name] !== undefined);
  return given.flatMap((name) => [`--${name}`, options[name]]);
}

/** Has the node go away and come back while the load is on; tells when that was, milliseconds since its measured start. */
async function goAway(node, watch, sinceStart) {
  const { command, args, env } = startOf(node.pid);
  watch.phase = 'away';
  const killedAt = sinceStart();
  process.kill(node.pid, 'SIGKILL');
  await untilEnded(node.pid);
  await setTimeout(awayMs - (sinceStart() - killedAt));
  watch.phase = 'handoff';
  const startedAt = sinceStart();
  const log = openSync(node.logFile, 'a');
  const child = spawn(command, args, { env, stdio: ['ignore', log, log] });
  process.once('exit', () => child.kill('SIGKILL'));
  watch.restarted(child.pid);
  await untilReady(node.url);
  const readyAt = sinceStart();
  do {
    await setTimeout(LOOK_MS / 5);
    await watch.look();
  } while (watch.hints > 0 && sinceStart() - startedAt < HANDOFF_MS_MAX);
  const goneAt = sinceStart();
  watch.phase = 'after';
  await setTimeout(Math.max(0, afterMs - (goneAt - startedAt)));
  return { child, killedAt, startedAt, readyAt, goneAt };
}

/** What came of the PUTs that were answered in these milliseconds of the run. */
function tellPhase(name, seconds, fromMs, toMs) {
  const own = seconds.filter(({ second }) => second * 1000 >= fromMs && (second + 1) * 1000 <= toMs);
  const latency = sumOf(own.map((second) => second.latency));
  const bad = own.reduce((sum, { failed, unanswered }) => sum + failed + unanswered, 0);
  const at = (percentile) => `${(percentileUs(latency, percentile) / 1000).toFixed(1)} ms`;
  const figures = `${latency.count} PUTs in ${own.length} s, ${bad} not, p50 ${at(50)}, p99 ${at(99)}, most ${at(100)}`;
  console.log(`${name.padEnd(8)} ${figures}`);
  return { p99: percentileUs(latency, 99), seconds: own };
}

function tell(seconds, watch, { killedAt, startedAt, readyAt, goneAt }) {
  const healthy = tellPhase('healthy', seconds, 0, killedAt);
  tellPhase('away', seconds, killedAt, startedAt);
  // Whole seconds that it has a part in.
  const handoff = tellPhase('handoff', seconds, Math.floor(startedAt / 1000) * 1000, Math.ceil(goneAt / 1000) * 1000);
  tellPhase('after', seconds, goneAt, Infinity);
  const ratio = handoff.p99 / healthy.p99;
  const bySecond = handoff.seconds.map((second) => (percentileUs(second.latency, 99) / 1000).toFixed(0));
  console.log(`p99 in each second of the handoff, ms: ${bySecond.join(' ')}`);
  console.log(`p99 of the handoff is ${ratio.toFixed(2)} times the healthy one`);
  const took = (ms) => `${((ms - startedAt) / 1000).toFixed(1)} s`;
  const kept = `${watch.hintsMax} hints of ${(watch.hintBytesMax / 1e6).toFixed(1)} MB at most`;
  console.log(`${kept}; the node was ready after ${took(readyAt)}, and all was delivered after ${took(goneAt)}`);
  const megabytes = ([phase, bytes]) => `${phase} ${bytes.map((one) => Math.round(one / 1e6)).join('/')}`;
  console.log(`resident MB at most, the one that was away last: ${[...watch.resident].map(megabytes).join(', ')}`);
  return ratio;
}

async function main() {
  const [keys, valueBytes, connections, rate] = ['keys', 'value-bytes', 'connections', 'rate'].map((name) =>
    Number(options[name]),
  );
  const cluster = await startLocalCluster({ count: 3, flags: flagsOf() });
  const { nodes } = cluster;
  const watch = new Watch(nodes);
  const watching = watch.run();
  const done = new AbortController();
  let begin;
  const measuring = new Promise((resolve) => (begin = resolve));
  const loading = builtInEngine().run(
    {
      op: 'put',
      readShare: 0,
      arrival: 'constant',
      distribution: 'uniform',
      ack: null,
      from: null,
      seed: 1,
      targets: nodes.slice(0, -1).map(({ url }) => url),
      durationMs: healthyMs + awayMs + HANDOFF_MS_MAX + afterMs,
      keys,
      valueBytes,
      connections,
      rate,
      warmupMs,
    },
    { signal: done.signal, onMeasuring: () => begin(performance.now()) },
  );
  let child;
  try {
    const startMs = await Promise.race([measuring, loading.then(() => measuring)]);
    watch.phase = 'healthy';
    await setTimeout(healthyMs);
    const { child: started, ...times } = await goAway(nodes.at(-1), watch, () => performance.now() - startMs);
    child = started;
    done.abort();
    const { seconds } = await loading;
    const ratio = tell(seconds, watch, times);
    process.exitCode = ratio > Number(options['ratio-max']) ? 1 : 0;
  } finally {
    done.abort();
    watch.end();
    await watching;
    if (child?.kill('SIGTERM')) await once(child, 'exit');
    await cluster[Symbol.asyncDispose]();
  }
}

// The nodes end in handlers of `exit`.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
await main();
