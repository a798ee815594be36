/** The profiling endpoint of a real node: who may use it, what it refuses, and that it leaves nothing behind. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { profileProof } from '../../src/domain/profile-proof.ts';
import { recordingKinds, threadKinds, type ProfilerState, type Recording } from '../../src/waits/recording.ts';
import type { NodeDescription } from '../../src/protocol/nodes.ts';
import { ask, problemCode, type Answer } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const secret = 'correct horse';
const withSecret = { nodes: 1, flags: ['--cluster-secret', secret, '--workers', '2'] };
const instrumentCount = new URL('../support/instrument-count.js', import.meta.url).href;

async function topologyOf(cluster: Cluster): Promise<string> {
  const description = await ask(cluster.node(0).url, '/v0/node');
  return (JSON.parse(description.body.toString()) as NodeDescription).topology;
}

/** The proof that a node asks for on a request. */
async function proofFor(cluster: Cluster, method: string, target: string, given = secret): Promise<string> {
  const { headers } = await ask(cluster.node(0).url, target, { method });
  const request = { topology: await topologyOf(cluster), method, target };
  return profileProof(given, headers['www-authenticate'] ?? '', request) ?? '';
}

/** The answer to a request with its proof. */
async function askProven(cluster: Cluster, method: string, target: string): Promise<Answer> {
  const authorization = await proofFor(cluster, method, target);
  return ask(cluster.node(0).url, target, { method, headers: { authorization } });
}

test('/v0/profile', async (t) => {
  const cluster = await startCluster(t, withSecret);
  const { url } = cluster.node(0);
  const post = (path: string): Promise<Answer> => askProven(cluster, 'POST', `/v0/profile/${path}`);
  const state = async (): Promise<ProfilerState> =>
    JSON.parse((await askProven(cluster, 'GET', '/v0/profile')).body.toString()) as ProfilerState;

  await t.test(
    'is 401 without a proof or with one for no nonce of the node, 403 with a wrong one, and starts nothing',
    async () => {
      const requests = [
        ['POST', '/v0/profile/start?kind=cpu'],
        ['POST', '/v0/profile/stop'],
        ['GET', '/v0/profile'],
      ] as const;
      const topology = await topologyOf(cluster);
      for (const [method, path] of requests) {
        const missing = await ask(url, path, { method });
        assert.equal(missing.status, 401, path);
        const challenge = missing.headers['www-authenticate'] ?? '';
        assert.match(challenge, /^Kvorum nonce="/);
        assert.equal(missing.headers['content-type'], 'application/problem+json');
        assert.equal(problemCode(missing), 'unauthorized');
        const proof = (
          given = secret,
          request = { topology, method: method as string, target: path as string },
        ): string => profileProof(given, challenge, request) ?? '';
        const answers: readonly (readonly [status: number, authorization: string])[] = [
          [403, proof('wrong')],
          [403, proof(secret, { topology: 'another cluster', method, target: path })],
          [403, proof(secret, { topology, method: 'PUT', target: path })],
          [403, proof(secret, { topology, method, target: '/v0/profile/other' })],
          [401, `${proof()}0`],
          [401, proof().slice(0, -1)],
          [401, proof().toUpperCase()],
          [401, profileProof(secret, 'Kvorum nonce="99999999-ab"', { topology, method, target: path }) ?? ''],
          [401, 'Bearer'],
        ];
        for (const [status, authorization] of answers) {
          const answer = await ask(url, path, { method, headers: { authorization } });
          assert.equal(answer.status, status, `${path} with ${authorization}`);
          assert.equal(problemCode(answer), status === 401 ? 'unauthorized' : 'forbidden');
        }
      }
      const connection = await RawConnection.open(t, url);
      const authorization = await proofFor(cluster, 'POST', '/v0/profile/start?kind=cpu');
      const twice = `authorization: ${authorization}\r\n`.repeat(2);
      connection.send(`POST /v0/profile/start?kind=cpu HTTP/1.1\r\nhost: localhost\r\n${twice}\r\n`);
      assert.equal((await connection.answer()).status, 401, 'a proof given twice');
      assert.equal((await state()).state, 'off');
    },
  );

  await t.test('a proof is of use once, and the answer to a second use asks for another one', async () => {
    const authorization = await proofFor(cluster, 'GET', '/v0/profile');
    const again = (): Promise<Answer> => ask(url, '/v0/profile', { headers: { authorization } });
    assert.equal((await again()).status, 200);
    const second = await again();
    assert.equal(second.status, 401);
    assert.match(second.headers['www-authenticate'] ?? '', /^Kvorum nonce="/);
  });

  await t.test('is 405 for other methods, 400 for bad parameters', async () => {
    const get = await ask(url, '/v0/profile/start?kind=cpu');
    assert.equal(get.status, 405);
    assert.equal(get.headers.allow, 'POST, OPTIONS');
    assert.equal((await ask(url, '/v0/profile', { method: 'POST' })).status, 405);
    const bad = ['', 'kind=', 'kind=all', 'kind=cpu&kind=cpu', 'kind=cpu&interval=99', 'kind=cpu&interval=1e3'];
    const more = ['kind=cpu&interval=-1', 'kind=gc&interval=1000', 'kind=heap&interval=1', 'kind=cpu&inteval=1000'];
    for (const query of [...bad, ...more]) {
      const answer = await post(`start?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(problemCode(answer), 'bad-parameter', query);
    }
    assert.equal((await state()).state, 'off');
  });

  await t.test('is 409 for a second recording, and for the end of none', async () => {
    const none = await post('stop');
    assert.equal(none.status, 409);
    assert.equal(problemCode(none), 'profile-off');
    const starts = await Promise.all([post('start?kind=cpu'), post('start?kind=heap')]);
    assert.deepEqual(new Set(starts.map(({ status }) => status)), new Set([200, 409]));
    const busy = await post('start?kind=gc');
    assert.equal(problemCode(busy), 'profile-busy');
    const stops = await Promise.all([post('stop'), post('stop')]);
    assert.deepEqual(new Set(stops.map(({ status }) => status)), new Set([200, 409]));
  });

  await t.test('records every thread by name, each kind, in JSON that V8’s own tools read', async () => {
    for (const kind of threadKinds) {
      assert.equal((await post(`start?kind=${kind}`)).status, 200);
      const during = await state();
      assert.deepEqual([during.state, during.kind, during.sessions], ['recording', kind, 5]);
      await cluster.put(0, 'a', 'value');
      const answer = await post('stop');
      assert.equal(answer.status, 200);
      const recording = JSON.parse(answer.body.toString()) as Recording;
      assert.deepEqual([recording.kind, recording.url, recording.pid], [kind, url, cluster.node(0).pid]);
      assert.deepEqual(
        recording.threads.map(({ thread }) => thread),
        ['main', 'worker 1', 'store writer 1', 'worker 2', 'store writer 2'],
      );
      for (const thread of recording.threads) {
        assert.equal(thread.failure, undefined);
        assert.ok(thread[kind] !== undefined, `${thread.thread} has no ${kind}`);
      }
      if (process.platform === 'linux') {
        const ids = recording.threads.map(({ osThreadId }) => osThreadId);
        assert.equal(new Set(ids).size, 5);
        assert.equal(ids[0], recording.pid);
      }
      assert.deepEqual([(await state()).state, (await state()).sessions], ['off', 0]);
    }
  });

  await t.test('answers HTTP/1.0 without chunks, and survives a client that leaves', async () => {
    await post('start?kind=cpu');
    const old = await RawConnection.open(t, url);
    const authorization = await proofFor(cluster, 'POST', '/v0/profile/stop');
    old.send(`POST /v0/profile/stop HTTP/1.0\r\nauthorization: ${authorization}\r\n\r\n`);
    const answer = await old.answer(false);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('transfer-encoding'), undefined);
    await old.closed();
    await post('start?kind=cpu');
    const leaving = await RawConnection.open(t, url);
    const another = await proofFor(cluster, 'POST', '/v0/profile/stop');
    leaving.send(`POST /v0/profile/stop HTTP/1.1\r\nhost: localhost\r\nauthorization: ${another}\r\n\r\n`);
    leaving.close();
    await eventually(async () => assert.equal((await state()).state, 'off'));
    assert.equal((await cluster.put(0, 'after', 'v')).status, 201);
  });

  await t.test('the secret shows in no answer', async () => {
    assert.ok(!(await askProven(cluster, 'GET', '/v0/profile')).body.toString().includes(secret));
    assert.ok(!/nonce|proof=/.test(cluster.node(0).stderr));
  });
});

test('a node without a secret lets nobody profile it', async (t) => {
  const cluster = await startCluster(t, { nodes: 1 });
  const target = '/v0/profile/start?kind=cpu';
  const request = { topology: await topologyOf(cluster), method: 'POST', target };
  const authorization = profileProof('', 'Kvorum nonce="a"', request) ?? '';
  for (const headers of [{}, { authorization }]) {
    const answer = await ask(cluster.node(0).url, target, { method: 'POST', headers });
    assert.equal(answer.status, 403);
    assert.match(answer.body.toString(), /no cluster secret/);
  }
});

test('a recording that nobody stops ends by itself after --profile-ms-max', async (t) => {
  const cluster = await startCluster(t, { ...withSecret, flags: [...withSecret.flags, '--profile-ms-max', '50'] });
  assert.equal((await askProven(cluster, 'POST', '/v0/profile/start?kind=cpu')).status, 200);
  await eventually(async () => {
    const state = JSON.parse((await askProven(cluster, 'GET', '/v0/profile')).body.toString()) as ProfilerState;
    assert.deepEqual([state.state, state.sessions, state.forgotten], ['off', 0, 1]);
  });
  const stop = await askProven(cluster, 'POST', '/v0/profile/stop');
  assert.equal(problemCode(stop), 'profile-off');
  assert.match(stop.body.toString(), /ended by itself after 50 ms/);
});

test('every instrument that is switched on is switched off again, in every thread', async (t) => {
  const log = join(temporaryDirectory(t), 'instruments');
  const environment = { NODE_OPTIONS: `--import=${instrumentCount}`, KVORUM_TEST_INSTRUMENTS: log };
  const cluster = await startCluster(t, { ...withSecret, environments: [environment] });
  // What a node watches of itself at all times is no instrument.
  const standing = readFileSync(log, 'utf8').trim().split('\n').length;
  for (const kind of recordingKinds) {
    for (const path of [`start?kind=${kind}`, 'stop']) {
      assert.equal((await askProven(cluster, 'POST', `/v0/profile/${path}`)).status, 200, path);
    }
  }
  const lines = readFileSync(log, 'utf8').trim().split('\n').slice(standing);
  const switched = (change: string): string[] =>
    lines.flatMap((line) => (line.startsWith(change) ? [line.slice(1)] : [])).sort();
  assert.deepEqual(switched('-'), switched('+'));
  // The main thread, two workers, and behind each its store writer.
  const threads = ['0', '1', '2', '3', '4'];
  const withPeers = ['1', '3'];
  const expected = [
    ...threads.map((id) => `gc ${id}`),
    ...threads.map((id) => `promises ${id}`),
    ...threadKinds.map(() => 'session 0'),
    // Kind `waits`: the collector is observed in every thread that operations pass, undici's channel in those that have peers.
    ...['0', ...withPeers].map((id) => `observer ${id}`),
    ...withPeers.map((id) => `channel ${id}`),
  ];
  assert.deepEqual(switched('+'), expected.sort());
});

test('a node stops in good order in the middle of a recording', async (t) => {
  const cluster = await startCluster(t, withSecret);
  assert.equal((await askProven(cluster, 'POST', '/v0/profile/start?kind=cpu')).status, 200);
  assert.deepEqual(await cluster.stop(0), { code: 0, signal: null });
});
