/** A few cases of each fuzzer with another seed each time; `npm run fuzz` tries more. And the table of allowed differences. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { allowed, differences, divergence, partingAt } from './differences.ts';
import { frontFraming, Oracle, type Framing } from './framing.ts';
import { fuzzFraming } from './framing-fuzz.ts';
import { fuzzNode } from './node-fuzz.ts';
import { fuzzReplica, startReplicaTarget } from './replica-fuzz.ts';
import type { FuzzOptions } from './report.ts';

function some(t: TestContext, casesMax: number): FuzzOptions {
  const seed = randomInt(2 ** 31);
  t.diagnostic(`--seed ${seed}`);
  return { seed, goOn: (cases) => cases < casesMax };
}

test('our front and node:http read the same requests, but for the differences of the table', async (t) => {
  const { cases, failures } = await fuzzFraming(some(t, 400));
  assert.deepEqual(failures, []);
  assert.equal(cases, 400);
});

test('a node reads whatever clients send, and goes on', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit' });
  const { failures, counts } = await fuzzNode(cluster, some(t, 200));
  assert.deepEqual(failures, []);
  assert.ok((counts.get('200') ?? 0) > 0);
});

test('a node reads whatever peers and strangers send to its replica port, and goes on', async (t) => {
  const target = await startReplicaTarget(t);
  assert.ok(
    target.streams.some((stream) => stream.includes('upgrade: kvorum-link')),
    'a link was recorded',
  );
  assert.ok(
    target.streams.some((stream) => stream.includes('POST /operations')),
    'a large frame was recorded',
  );
  assert.deepEqual((await fuzzReplica(target, some(t, 100))).failures, []);
});

const canary = 'GET /canary HTTP/1.1\r\nhost: a\r\n\r\n';
const chunked = 'PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';

/** What each row of the table is for. */
const examples: Readonly<Record<string, string>> = {
  'another version': 'GET / HTTP/2.0\r\nhost: a\r\n\r\n',
  'a request line of other parts': 'GET  / HTTP/1.1\r\nhost: a\r\n\r\n',
  hosts: 'GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n',
  targets: 'GET /#a HTTP/1.1\r\nhost: a\r\n\r\n',
  'transfer codings': 'PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'an expectation that is not known': 'GET / HTTP/1.1\r\nhost: a\r\nexpect: tea\r\n\r\n',
  'a body over the bound': 'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 999999\r\n\r\n',
  'a bare line end before a request': '\nGET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'methods that node:http does not know': 'GIT / HTTP/1.1\r\nhost: a\r\n\r\n',
  'bytes above ASCII in a target': 'GET /\xe9 HTTP/1.1\r\nhost: a\r\n\r\n',
  'blanks around the extension of a chunk': `${chunked}0 ;a\r\n\r\n`,
  'tabs behind a value that frames': 'PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\t\r\n\r\nx',
  'close beside keep-alive in HTTP/1.0': 'GET / HTTP/1.0\r\nhost: a\r\nconnection: close, keep-alive\r\n\r\n',
  'proxy-connection': 'GET / HTTP/1.1\r\nhost: a\r\nproxy-connection: close\r\n\r\n',
  'an upgrade': 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: a\r\n\r\n',
};

for (const { name } of differences) {
  test(`the table of differences has "${name}" since there is one`, async () => {
    const text = `${examples[name]}${canary}`;
    const pieces = [Buffer.from(text, 'latin1')];
    const oracle = new Oracle();
    const front = await frontFraming(pieces);
    const parted = divergence(front, await oracle.framing(pieces));
    assert.ok(parted !== undefined);
    const { ends } = await frontFraming(Array.from(text, (byte) => Buffer.from(byte, 'latin1')));
    assert.equal(allowed(parted, partingAt(text, ends[parted.common - 1] ?? 0))?.name, name);
  });
}

const reading = (targets: readonly string[], isRefused = false): Framing => ({
  requests: targets.map((target) => ({ method: 'GET', target, body: '' })),
  ends: [],
  isRefused,
  answers: '',
  heldBytes: 0,
});

test('readings that part are found, whoever reads more, and two readings of one message are never allowed', () => {
  assert.equal(divergence(reading(['/a']), reading(['/a'])), undefined);
  assert.deepEqual(divergence(reading(['/a', '/b']), reading(['/a'])), { front: 'takes', common: 1 });
  assert.deepEqual(divergence(reading(['/a'], true), reading(['/a', '/b'])), { front: 'refuses', common: 1 });
  assert.deepEqual(divergence(reading(['/a'], true), reading(['/a'])), { front: 'refuses', common: 1 });
  assert.deepEqual(divergence(reading(['/a']), reading(['/a'], true)), { front: 'takes', common: 1 });
  const otherwise = divergence(reading(['/a']), reading(['/b']));
  assert.deepEqual(otherwise, { front: 'reads otherwise', common: 0 });
  assert.ok(otherwise !== undefined);
  for (const [name, text] of Object.entries(examples)) {
    const row = name === 'an upgrade' ? name : undefined;
    assert.equal(allowed(otherwise, partingAt(text, 0))?.name, row);
  }
});
