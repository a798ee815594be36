/** What a node keeps and tells for its page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplesMax, sampleMs } from '../../src/console/bounds.ts';
import { Console } from '../../src/console/console.ts';
import { family } from '../../src/metrics/metrics.ts';

interface Told {
  readonly status?: unknown;
  readonly samples?: readonly { readonly at: number; readonly waits: Readonly<Record<string, number>> }[];
  readonly error?: string;
}

type AskPeer = (url: string, path: string, authorization: string) => Promise<string>;

function consoleOf(askPeer: AskPeer = () => Promise.reject(new Error('down'))) {
  let readings = 0;
  const told = new Console({
    node: {
      status: () => Promise.resolve({ state: 'ready' }),
      metrics: () => Promise.resolve([family('gauge', 'kvorum_operations_in_flight', '', readings++)]),
    },
    peers: ['http://n2'],
    askPeer,
  });
  const ask = async (query: string): Promise<Told> => JSON.parse(await told.answer(query, 'Bearer token')) as Told;
  return { told, ask };
}

test('a node keeps the newest samples, as many as the page shows, and tells those that the page has not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const { told, ask } = consoleOf();
  await told.start();
  assert.deepEqual((await ask('')).samples, []);
  for (let count = 0; count < samplesMax + 5; count++) {
    t.mock.timers.tick(sampleMs);
    await new Promise(setImmediate);
  }
  const { status, samples = [] } = await ask('');
  assert.deepEqual(status, { state: 'ready' });
  assert.equal(samples.length, samplesMax);
  assert.equal(samples.at(-1)?.waits['operations'], samplesMax + 5);
  assert.equal((await ask(`after=${samples.at(-3)?.at}`)).samples?.length, 2);
  told.stop();
  t.mock.timers.tick(sampleMs);
  await new Promise(setImmediate);
  assert.equal((await ask('')).samples?.at(-1)?.waits['operations'], samplesMax + 5);
});

test('a peer is asked for its own, and nobody but a peer', async () => {
  const asked: string[] = [];
  const { ask } = consoleOf((url, path, authorization) => {
    asked.push(`${url}${path} as ${authorization}`);
    return Promise.resolve('{"status":{"state":"draining"}}');
  });
  assert.deepEqual((await ask('node=http%3A%2F%2Fn2&after=5')).status, { state: 'draining' });
  assert.deepEqual(await ask('node=http%3A%2F%2Fattacker.example'), { error: 'The cluster has no such node' });
  assert.deepEqual(asked, ['http://n2/v0/console?after=5 as Bearer token']);
});

test('why a peer does not answer is told, not thrown', async () => {
  const { ask } = consoleOf(() => Promise.reject(new Error('connect ECONNREFUSED')));
  assert.deepEqual(await ask('node=http://n2'), { error: 'connect ECONNREFUSED' });
});
