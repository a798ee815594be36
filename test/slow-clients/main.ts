/**
 * `npm run slow-clients`: thousands of slow clients of every kind at once on one node. Others are served meanwhile, memory
 * stays within what the settings say, and every slow client is gone when its time is up. Takes two minutes, and needs
 * 20,000 open files (ulimit -n). Linux only: open connections and memory are read from /proc.
 *
 *   --share S    of the full number, 1 by default
 */
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { scriptLine } from '../../profiling/script-options.ts';
import { startCluster } from '../support/cluster.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { gather, largeKey, smallKey, smallValue, type Crowd } from '../support/slow-clients.ts';

const MIB = 1024 * 1024;
const full: Crowd = { idle: 10_000, heads: 4000, bodies: 2000, readers: 500, pipeliners: 1500 };
/** As many as one connection has under way. */
const PIPELINED = 64;
/** Longer than what the kernel takes for a client that reads nothing, so that the rest waits in the node. */
const unreadValue = Buffer.alloc(12 * MIB, 'unread ');
const answerBytesMax = 256 * MIB;
/** Of a connection besides its answers: what Node and this store keep of a socket, and refusals that wait. */
const connectionBytes = 48 * 1024;
/** Collected garbage that has not been given back, and V8's own room. */
const slackBytes = 150 * MIB;
const keepAliveMs = 45_000;
/** After this all are gone: 30 s for heads and bodies, `keepAliveMs` for the idle, and a few sweeps. */
const goneMs = keepAliveMs + 15_000;
const othersEveryMs = 50;
/** Of half of the other requests, and of each. */
const medianMsMax = 1000;
const slowestMsMax = 30_000;

const { share } = scriptLine({ options: { share: { type: 'string', default: '1' } }, numbers: ['share'] }).values;
const scaled = (count: number): number => Math.ceil(count * Number(share));
const crowd: Crowd = {
  idle: scaled(full.idle),
  heads: scaled(full.heads),
  bodies: scaled(full.bodies),
  readers: scaled(full.readers),
  pipeliners: scaled(full.pipeliners),
};
const connections = crowd.idle + crowd.heads + crowd.bodies + crowd.readers + crowd.pipeliners;

const cleanups: (() => Promise<void>)[] = [];
const problems: string[] = [];
try {
  await run();
} finally {
  for (const clean of cleanups) await clean();
}
for (const problem of problems) console.error(`FAILED ${problem}`);
console.log(problems.length === 0 ? 'passed' : `${problems.length} promises broken`);
process.exit(problems.length === 0 ? 0 : 1);

async function run(): Promise<void> {
  const flags = [
    '--connections-max',
    String(connections + 100),
    '--keep-alive-ms',
    String(keepAliveMs),
    '--timeout-ms',
    '1s',
  ];
  const options = { nodes: 1, durability: 'commit', flags } as const;
  const cluster = await startCluster({ after: (clean) => void cleanups.push(clean) }, options);
  const node = cluster.node(0);
  for (const [key, value] of [
    [largeKey, unreadValue],
    [smallKey, smallValue],
  ] as const) {
    const { status } = await cluster.put(0, key, value);
    if (status !== 201) throw new Error(`PUT of ${value.length} bytes got ${status}`);
  }
  const files = openFiles(node.pid);
  const before = resident(node.pid);
  const seen = { answers: 0, refused: 0, residentMax: 0 };
  const times: number[] = [];
  let isOn = true;
  const others = (async (): Promise<void> => {
    for (let index = 0; isOn; index++) {
      const startedAt = performance.now();
      const put = await cluster.put(0, `other ${index}`, 'v').catch(brokenOff);
      const putMs = performance.now() - startedAt;
      const get = await cluster.get(0, `other ${index}`).catch(brokenOff);
      times.push(putMs, performance.now() - startedAt - putMs);
      for (const { status } of [put, get]) {
        if (status === 503) seen.refused++;
        else if (status === 200 || status === 201) seen.answers++;
        else if (status !== 404)
          problems.push(`another request got ${status} after ${Math.round(performance.now())} ms`);
      }
      seen.residentMax = Math.max(seen.residentMax, resident(node.pid));
      await setTimeout(othersEveryMs);
    }
  })();
  const startedAt = performance.now();
  const { close } = await gather(node.url, crowd, PIPELINED);
  console.log(`${connections} slow clients after ${Math.round(performance.now() - startedAt)} ms`);
  const gatheredAt = performance.now();
  for (;;) {
    const waitedMs = performance.now() - gatheredAt;
    const left = openFiles(node.pid) - files;
    const waiting = await metricTotal(node.url, 'kvorum_answer_bytes_in_flight');
    console.log(
      `${Math.round(waitedMs / 1000)} s: ${left} connections, ${Math.round(resident(node.pid) / MIB)} MiB resident, ` +
        `${Math.round(waiting / MIB)} MiB of answers wait`,
    );
    if (left <= 10 || waitedMs > goneMs) {
      if (left > 10) problems.push(`${left} connections are left after ${goneMs} ms`);
      break;
    }
    await setTimeout(3000);
  }
  isOn = false;
  await others;
  close();
  const grownMiB = Math.round((seen.residentMax - before) / MIB);
  const mayGrow = answerBytesMax + connections * connectionBytes + slackBytes;
  times.sort((one, other) => one - other);
  const [median, late, slowest] = [0.5, 0.99, 1].map((part) =>
    Math.round(times[Math.ceil(times.length * part) - 1] ?? 0),
  );
  console.log(
    `Others: ${seen.answers} answers, ${seen.refused} refused; ms: p50 ${median}, p99 ${late}, slowest ${slowest}`,
  );
  console.log(`Memory: ${grownMiB} MiB more at most, ${Math.round(mayGrow / MIB)} MiB may be`);
  if (grownMiB > mayGrow / MIB) problems.push(`${grownMiB} MiB more memory`);
  if ((median ?? 0) > medianMsMax) problems.push(`half of the other requests took ${median} ms or more`);
  if ((slowest ?? 0) > slowestMsMax) problems.push(`another request took ${slowest} ms`);
  if (seen.answers < seen.refused) problems.push('more of the other requests were refused than answered');
}

function brokenOff(error: NodeJS.ErrnoException): { readonly status: string } {
  return { status: error.code ?? error.message };
}

function resident(pid = 0): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

function openFiles(pid = 0): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
