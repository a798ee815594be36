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
 *
 * Reads chunks and counts them, without a client library, since a reader that is slower than the node measures itself.
 * HTTP only; no dependencies.
 */
import { connect } from 'node:net';
import { parseArgs } from 'node:util';

const { values: options, positionals: urls } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    records: { type: 'string', default: '300000' },
    'value-bytes': { type: 'string', default: '64' },
    runs: { type: 'string', default: '3' },
    scans: { type: 'string', default: '1' },
    accept: { type: 'string', default: '*/*' },
    only: { type: 'string', default: '' },
    fill: { type: 'boolean', default: true },
  },
});
const records = Number(options.records);
const prefix = 'range-bench-';
const width = String(records - 1).length;
const pipelined = 32;
const connectionsPerNode = 8;

if (urls.length === 0) {
  console.error('Usage: node scripts/range-bench.mjs [options] URL [URL...]');
  process.exit(2);
}
if (options.fill) {
  const started = performance.now();
  await fill();
  report('filled', { records, bytes: 0 }, performance.now() - started);
}
for (const [name, query] of [
  ['node', ''],
  ['cluster', '&cluster=1'],
]) {
  if (options.only !== '' && options.only !== name) continue;
  for (let run = 0; run < Number(options.runs); run++) {
    const started = performance.now();
    const scans = Array.from({ length: Number(options.scans) }, () => scan(urls[0], query));
    const counts = await Promise.all(scans);
    const sum = { records: 0, bytes: 0 };
    for (const count of counts) {
      sum.records += count.records;
      sum.bytes += count.bytes;
      if (count.records < records) console.log(`${name}: only ${count.records} of ${records} records`);
    }
    report(`${name} scan`, sum, performance.now() - started);
  }
}

function report(what, { records: count, bytes }, ms) {
  const rate = Math.round((count / ms) * 1000).toLocaleString('en');
  const size = bytes > 0 ? `, ${(bytes / ms / 1000).toFixed(1)} MB/s` : '';
  console.log(`${what.padEnd(12)} ${count} records in ${Math.round(ms)} ms: ${rate} records/s${size}`);
}

/** PUTs every record, the connections taking turns in the numbers. */
async function fill() {
  let next = 0;
  const body = 'v'.repeat(Number(options['value-bytes']));
  const request = (host) => {
    const key = prefix + String(next++).padStart(width, '0');
    return `PUT /v0/entity?id=${key} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const sockets = urls.flatMap((url) => Array.from({ length: connectionsPerNode }, () => url));
  await Promise.all(
    sockets.map((url) => fillOver(url, () => (next < records ? request(new URL(url).host) : undefined))),
  );
}

function fillOver(url, nextRequest) {
  return new Promise((resolve, reject) => {
    const socket = open(url);
    let waiting = 0;
    let text = '';
    const send = () => {
      let batch = '';
      for (let request; waiting < pipelined && (request = nextRequest()) !== undefined; waiting++) batch += request;
      if (batch !== '') socket.write(batch);
      if (waiting === 0) socket.end(resolve);
    };
    socket.on('connect', send).on('error', reject);
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const answers = text.split('\r\n\r\n');
      text = answers.pop();
      for (const answer of answers) {
        if (!answer.startsWith('HTTP/1.1 201')) return reject(new Error(answer));
        waiting--;
      }
      if (waiting < pipelined / 2) send();
    });
  });
}

/** Reads a whole range; resolves to how many chunks and bytes it had. */
function scan(url, query) {
  return new Promise((resolve, reject) => {
    const socket = open(url);
    const target = `/v0/entities?start=${prefix}&end=${prefix}~${query}`;
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

function open(url) {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port || 80), noDelay: true });
}
