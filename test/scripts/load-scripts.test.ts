/** The Lua load scripts under wrk: what they send, and what they say to wrong arguments. wrk2 runs the same interface. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keyName, scramble } from '../../profiling/load/keys.ts';

const skip = spawnSync('wrk', ['-v']).error === undefined ? false : 'wrk is not installed';

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly bodyBytes: number;
}

/** Runs a script for a second against a server that answers 200; returns what it sent and what wrk printed. */
async function run(
  t: TestContext,
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ sent: Sent[]; output: string }> {
  const sent: Sent[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let bodyBytes = 0;
    request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
    request.on('end', () => {
      sent.push({ method: request.method ?? '', url: request.url ?? '', bodyBytes });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const path = fileURLToPath(new URL(`../../../scripts/${script}`, import.meta.url));
  const flags = ['-t', '1', '-c', '2', '-d', '1s', '-s', path, `http://127.0.0.1:${port}`, '--', ...args];
  const wrk = spawn('wrk', flags, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let output = '';
  for (const stream of [wrk.stdout, wrk.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => wrk.once('close', resolve));
  return { sent, output };
}

test('put.lua PUTs values of the size asked for over the whole key space, in order', { skip }, async (t) => {
  const { sent } = await run(t, 'put.lua', ['3', '8', 'sequential']);
  const urls = sent.slice(0, 6).map(({ url }) => url);
  assert.deepEqual(new Set(urls), new Set(['k000000', 'k000001', 'k000002'].map((key) => `/v0/entity?id=${key}`)));
  assert.ok(sent.every(({ method, bodyBytes }) => method === 'PUT' && bodyBytes === 8));
});

test('get.lua and delete.lua send their method without a body, with the query appended', { skip }, async (t) => {
  for (const [script, expected] of [
    ['get.lua', 'GET'],
    ['delete.lua', 'DELETE'],
  ] as const) {
    const { sent } = await run(t, script, ['100', '8', 'uniform', 'ack=1&from=1']);
    assert.ok(sent.length > 0);
    for (const { method, url, bodyBytes } of sent) {
      assert.equal(method, expected);
      assert.equal(bodyBytes, 0);
      assert.match(url, /^\/v0\/entity\?id=k0000\d\d&ack=1&from=1$/);
    }
  }
});

test('mixed.lua sends GETs and PUTs', { skip }, async (t) => {
  const { sent } = await run(t, 'mixed.lua', []);
  assert.deepEqual([...new Set(sent.map(({ method }) => method))].sort(), ['GET', 'PUT']);
});

for (const distribution of ['zipfian', 'latest']) {
  test(
    `${distribution} keys stay in the key space, and the most popular is the same as in the bench`,
    { skip },
    async (t) => {
      const { sent } = await run(t, 'get.lua', ['1000', '0', distribution]);
      const counts = new Map<string, number>();
      for (const { url } of sent) counts.set(url, (counts.get(url) ?? 0) + 1);
      assert.ok([...counts.keys()].every((url) => Number(url.slice(-6)) < 1000));
      const [first] = [...counts].sort((left, right) => right[1] - left[1]);
      const popular = distribution === 'latest' ? 999 : scramble(0) % 1000;
      assert.equal(first?.[0], `/v0/entity?id=${keyName(popular, 6)}`);
    },
  );
}

test('a read share, a seed and counted statuses are taken', { skip }, async (t) => {
  const { sent, output } = await run(t, 'mixed.lua', ['50', '8', 'latest', '', '1', '7'], {
    KVORUM_STATUSES_AFTER_MS: '0',
  });
  assert.deepEqual(new Set(sent.map(({ method }) => method)), new Set(['GET']));
  assert.match(output, /^kvorum-statuses 200=\d+$/m);
});

test('range.lua starts ranges at keys by distribution', { skip }, async (t) => {
  const { sent } = await run(t, 'range.lua', ['50', '5', 'keys=1', 'sequential']);
  // wrk itself takes the first request, to check it.
  assert.equal(sent[0]?.url, '/v0/entities?start=k000001&limit=5&keys=1');
  assert.equal(
    sent.some(({ url }) => url.includes('start=k000050')),
    false,
  );
});

test('a wrong argument is named', { skip }, async (t) => {
  assert.match((await run(t, 'put.lua', ['none'])).output, /keys must be a whole number from 1, not none/);
  assert.match(
    (await run(t, 'put.lua', ['5', '8', 'zipf'])).output,
    /distribution must be uniform, sequential, zipfian or latest, not zipf/,
  );
});
