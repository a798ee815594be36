/**
 * How fast ranges stream: fills a cluster with records, then reads all of them from one node, and merged from all.
 *
 *   node scripts/range-bench.mjs [options] URL [URL...]     the URLs of all nodes
 *
 *   --records N        records to fill (default 300000)
 *   --value-bytes N    size of each value (default 64)
 *   --runs N           scans of each kind (default 3)
 *   --no-fill          the records are there already
 *   --accept TYPE      for example application/x-ndjson
 *   --scans N          scans at once (default 1)
 *   --only KIND        node or cluster (default both)
 *   --points RATE      then: GETs at this rate, without and beside two node scans after scan, and their latency
 *
 * Reads chunks and counts them, without a client library, since a reader that is slower than the node measures itself.
 * Filling and GETs are the bench's own (profiling/load, after `npm run build`), and so are the keys: what
 * `kvorum bench --fill` has put needs no filling.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { scriptLine } from '../dist/profiling/script-options.js';
import { builtInEngine } from '../dist/profiling/load/built-in-engine.js';
import { fillKeys } from '../dist/profiling/load/fill.js';
import { percentileUs, sumOf } from '../dist/profiling/load/histogram.js';
import { keyName, keyWidth } from '../dist/profiling/load/keys.js';

const { values: options, positionals: urls } = scriptLine({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '300000' },
    'value-bytes': { type: 'string', default: '64' },
    runs: { type: 'string', default: '3' },
    scans: { type: 'string', default: '1' },
    accept: { type: 'string', default: '*/*' },
    only: { type: 'string', default: '' },
    points: { type: 'string', default: '0' },
    fill: { type: 'boolean', default: true },
  },
  numbers: ['records', 'value-bytes', 'runs', 'scans', 'points'],
});
const records = Number(options.records);
const [firstKey, lastKey] = [0, records - 1].map((key) => keyName(key, keyWidth(records)));
const connectionsPerNode = 64;
const load = {
  keys: records,
  valueBytes: Number(options['value-bytes']),
  readShare: 1,
  arrival: 'constant',
  distribution: 'uniform',
  ack: null,
  from: null,
  seed: 1,
};

if (urls.length === 0) {
  console.error('Usage: node scripts/range-bench.mjs [options] URL [URL...]');
  process.exit(2);
}
if (options.fill) {
  const started = performance.now();
  await fillKeys({ ...load, targets: urls, connections: connectionsPerNode * urls.length });
  report('filled', { records, bytes: 0 }, performance.now() - started);
}
for (const [name, query] of [
  ['node', ''],
  ['cluster', '&cluster=1'],
]) {
  if (options.only !== '' && options.only !== name) continue;
  for (let run = 0; run < Number(options.runs); run++) {
    const started = performance.now();
    const running = Array.from({ length: Number(options.scans) }, () => scan(urls[0], query));
    const counts = await Promise.all(running);
    const sum = { records: 0, bytes: 0 };
    for (const count of counts) {
      sum.records += count.records;
      sum.bytes += count.bytes;
      if (count.records < records) console.log(`${name}: only ${count.records} of ${records} records`);
    }
    report(`${name} scan`, sum, performance.now() - started);
  }
}

if (Number(options.points) > 0) {
  // By turns, so that a machine that is busy otherwise is so for both.
  const [alone, beside] = [[], []];
  for (let round = 0; round < 5; round++) {
    alone.push(await points(2000));
    const scanning = startScans();
    // Its own start is not what is measured.
    await setTimeout(700);
    beside.push(await points(2000));
    scanning.kill();
  }
  reportLatency('GET alone', alone);
  reportLatency('GET beside two scans', beside);
}

/** Two readers in a process of their own, so that their work does not count as the latency of GETs. */
function startScans() {
  const args = ['--no-fill', '--only', 'node', '--scans', '2', '--runs', '1000000', '--records', String(records)];
  return spawn(process.execPath, [fileURLToPath(import.meta.url), ...args, urls[0]], { stdio: 'ignore' });
}

function reportLatency(what, latencies) {
  const all = sumOf(latencies);
  const at = (percentile) => (percentileUs(all, percentile) / 1000).toFixed(2);
  console.log(`${what}: ${all.count} requests, p50 ${at(50)} ms, p99 ${at(99)} ms, max ${at(100)} ms`);
}

/** GETs at a fixed rate; each latency counts from the time at which the request was due. */
async function points(durationMs) {
  const rate = Number(options.points);
  const workload = { ...load, op: 'get', rate, targets: urls.slice(0, 1), connections: 16, durationMs, warmupMs: 0 };
  return (await builtInEngine().run(workload)).latency;
}

function report(what, { records: count, bytes }, ms) {
  const rate = Math.round((count / ms) * 1000).toLocaleString('en');
  const size = bytes > 0 ? `, ${(bytes / ms / 1000).toFixed(1)} MB/s` : '';
  console.log(`${what.padEnd(12)} ${count} records in ${Math.round(ms)} ms: ${rate} records/s${size}`);
}

/** Reads a whole range; resolves to how many chunks and bytes it had. */
function scan(url, query) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port || 80), noDelay: true });
    const target = `/v0/entities?start=${firstKey}&end=${lastKey}~${query}`;
    socket.write(`GET ${target} HTTP/1.1\r\nhost: ${new URL(url).host}\r\naccept: ${options.accept}\r\n\r\n`);
    let inBody = false;
    let head = '';
    const counter = chunkCounter();
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the range broke off')));
    socket.on('data', (bytes) => {
      let body = bytes;
      if (!inBody) {
        head += bytes.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!head.startsWith('HTTP/1.1 200')) return reject(new Error(head));
        inBody = true;
        body = Buffer.from(head.slice(end + 4), 'latin1');
      }
      if (counter.read(body)) {
        resolve({ records: counter.chunks, bytes: counter.bytes });
        socket.destroy();
      }
    });
  });
}

/** Walks over chunks; `read` returns true at the last one. */
function chunkCounter() {
  const counter = { chunks: 0, bytes: 0, read };
  let skip = 0;
  let size = 0;
  let digits = 0;
  function read(bytes) {
    counter.bytes += bytes.length;
    for (let at = 0; at < bytes.length;) {
      if (skip > 0) {
        const step = Math.min(skip, bytes.length - at);
        skip -= step;
        at += step;
        continue;
      }
      const byte = bytes[at++];
      if (byte === 13) continue;
      if (byte !== 10) {
        size = size * 16 + (byte > 96 ? byte - 87 : byte - 48);
        digits++;
      } else if (digits > 0) {
        if (size === 0) return true;
        counter.chunks++;
        skip = size + 2;
        size = digits = 0;
      }
    }
    return false;
  }
  return counter;
}
