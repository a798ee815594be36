/**
 * A cluster whose nodes speak TLS to clients and to each other, one of which asks clients for tokens: all that works without
 * them works, whoever should not get in does not, and certificates and tokens change without a restart.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { formatGrant, grantFor } from '../../src/domain/tokens.ts';
import type { NodeDescription } from '../../src/protocol/nodes.ts';
import { readTlsMaterial } from '../../src/tls/material.ts';
import type { BenchResult } from '../../profiling/load/result.ts';
import { kvorumInProcess } from '../cli/in-process.ts';
import { kvorum } from '../cli/kvorum.ts';
import { certificates, writeCertificates } from '../support/certificates.ts';
import { ask, entityTarget, problemCode, trustAuthority } from '../support/client.ts';
import { prepareCluster } from '../support/cluster.ts';
import { eventually, within } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-http.ts';
import { standingOf } from '../support/standing.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;
const secret = 'not to be seen';
const tokens = { reader: 'token-of-a-reader', writer: 'token-of-a-writer', admin: 'token-of-an-admin' };

test('a cluster with TLS and tokens', async (t) => {
  const directory = temporaryDirectory(t);
  const files = writeCertificates(join(directory, 'own'), certificates());
  const { ca } = readTlsMaterial(files);
  trustAuthority(ca);
  const tokensFile = join(directory, 'tokens');
  const writeTokens = (more: readonly string[] = []): void => {
    const grants = [
      grantFor(tokens.reader, 'read', 'reader'),
      grantFor(tokens.writer, 'write', 'writer'),
      grantFor(tokens.admin, 'admin', 'admin'),
    ];
    writeFileSync(tokensFile, [...grants.map(formatGrant), ...more].join('\n'));
  };
  writeTokens();
  const secrets = { KVORUM_CLUSTER_SECRET: secret };
  const guarded = 2;
  const environments = [secrets, secrets, { ...secrets, KVORUM_TOKENS_FILE: tokensFile }];
  const cluster = await prepareCluster({ after }, { nodes: 3, tls: files, environments });
  await Promise.all(cluster.nodes.map((node) => node.start()));
  const { url, port } = cluster.node(0);
  await eventually(async () => assert.equal((await standingOf(url)).state, 'voting'));
  const guardedUrl = cluster.node(guarded).url;
  const portOf = async (): Promise<number> => {
    const { body } = await ask(url, '/v0/node');
    return (JSON.parse(body.toString()) as NodeDescription).replicaPorts[0] ?? 0;
  };

  await t.test('writes, reads, deletes and ranges, of all nodes together', async () => {
    const all = { ack: 3, from: 3 };
    assert.equal((await cluster.put(0, 'a', 'one', all)).status, 201);
    assert.equal((await cluster.put(1, 'b', 'two', all)).status, 201);
    assert.equal((await cluster.get(1, 'a', all)).body.toString(), 'one');
    assert.equal((await cluster.del(1, 'a', all)).status, 202);
    assert.equal((await cluster.get(0, 'a', all)).status, 404);
    const range = await ask(url, '/v0/entities?start=a&cluster=1&keys=1');
    assert.equal(range.body.toString(), 'b\n');
  });

  await t.test('takes and gives large values whole, several at the same time', async () => {
    const agent = new Agent({ ca, keepAlive: true });
    const values = [1, 3].map((mib) => Buffer.alloc(mib * MIB, `value ${mib} `));
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const puts = values.map((value, index) => cluster.put(0, `large${index}`, value, { agent, ack: 3, from: 3 }));
    assert.deepEqual(
      (await Promise.all(puts)).map(({ status }) => status),
      [201, 201],
    );
    const read = await Promise.all(values.map((_, index) => cluster.get(1, `large${index}`, { agent })));
    assert.deepEqual(
      read.map(({ body }) => digest(body)),
      values.map(digest),
    );
    agent.destroy();
  });

  await t.test('answers pipelined requests, and a client that closes its side behind its request', async (sub) => {
    const socket = connect({ host: '127.0.0.1', port, ca });
    const connection = RawConnection.over(sub, socket);
    await once(socket, 'secureConnect');
    connection.send(
      `GET ${entityTarget('b')} HTTP/1.1\r\nhost: a\r\n\r\n`.replace('host: a', `host: 127.0.0.1`).repeat(3),
    );
    for (let index = 0; index < 3; index++) assert.equal((await connection.answer()).body.toString(), 'two');
    connection.send(`GET ${entityTarget('b')} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    connection.end();
    assert.equal((await connection.answer()).body.toString(), 'two');
    await connection.closed();
  });

  await t.test('tells a client that speaks HTTP to speak HTTPS, and says so in the log once for many', async () => {
    const plain = url.replace('https:', 'http:');
    for (let index = 0; index < 3; index++) {
      const answer = await ask(plain, entityTarget('b'));
      assert.deepEqual([answer.status, problemCode(answer)], [400, 'bad-request']);
      assert.match(answer.body.toString(), /This port speaks HTTPS/);
    }
    const told = cluster.node(0).logs.filter(({ message }) => message === 'refused client connections');
    assert.equal(told.length, 1);
    const { code, stderr } = await kvorumInProcess(['get', 'b', '--url', plain]);
    assert.equal(code, 1);
    assert.match(stderr, /This port speaks HTTPS, and not HTTP/);
  });

  await t.test('is not trusted by clients of another authority, and the command line says why', async () => {
    const other = writeCertificates(join(directory, 'other'), certificates());
    const { code, stderr } = await kvorumInProcess(['get', 'b', '--url', url, '--tls-ca', other.ca]);
    assert.equal(code, 5);
    assert.match(stderr, /its certificate is signed by nobody who is trusted here; --tls-ca names/);
  });

  await t.test('lets nobody near the replica port without a certificate of the authority', async (sub) => {
    const replicaPort = await portOf();
    const shown = (options: object): TLSSocket => {
      const socket = connect({ host: '127.0.0.1', port: replicaPort, ca, ...options }).on('error', () => {});
      sub.after(() => socket.destroy());
      return socket;
    };
    const foreign = certificates();
    for (const options of [{}, { cert: foreign.cert, key: foreign.key }]) {
      const socket = shown(options);
      // What a node would answer is a challenge; a connection that ends without one has got nowhere.
      const said = new Promise((resolve) => {
        socket.once('data', (bytes) => resolve(String(bytes))).once('close', () => resolve('nothing'));
      });
      assert.equal(await within(said, 'the end'), 'nothing');
    }
    const own = readTlsMaterial(files);
    const peer = shown({ cert: own.cert, key: own.key });
    await once(peer, 'secureConnect');
    peer.write('GET / HTTP/1.1\r\n\r\n');
    const [answer] = (await once(peer, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 401 .*prove the cluster secret/s);
    const plain = connectPlain({ host: '127.0.0.1', port: replicaPort });
    sub.after(() => plain.destroy());
    plain.write('GET / HTTP/1.1\r\n\r\n');
    const [told] = (await once(plain, 'data')) as [Buffer];
    assert.match(told.toString(), /^HTTP\/1\.1 401 /);
  });

  await t.test(
    'asks for tokens: 401 without, 403 for what one is not for, and open where nothing is told',
    async () => {
      const status = async (target: string, token?: string, method = 'GET'): Promise<number> => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const body = method === 'PUT' ? 'v' : undefined;
        return (await ask(guardedUrl, target, { method, body, headers })).status;
      };
      const entity = entityTarget('t');
      for (const [target, method, scope] of [
        [entity, 'GET', 'reader'],
        [entity, 'PUT', 'writer'],
        [entity, 'DELETE', 'writer'],
        ['/v0/entities?start=a', 'GET', 'reader'],
        ['/v0/status', 'GET', 'reader'],
        ['/metrics', 'GET', 'reader'],
        ['/v0/profile', 'GET', 'admin'],
      ] as const) {
        const what = `${method} ${target}`;
        assert.equal(await status(target, undefined, method), 401, what);
        assert.equal(await status(target, 'kvorum_unknown', method), 401, what);
        for (const other of ['reader', 'writer', 'admin'] as const) {
          const got = await status(target, tokens[other], method);
          if (other === scope) assert.ok([200, 201, 202, 404].includes(got), `${what} by ${other} is ${got}`);
          else assert.equal(got, 403, `${what} by ${other}`);
        }
      }
      assert.deepEqual(
        await Promise.all(['/livez', '/readyz', '/v0/node'].map((path) => status(path))),
        [200, 200, 200],
      );
    },
  );

  await t.test('is used by the command line with a token that is no argument of it', async () => {
    const environment = { KVORUM_TLS_CA: files.ca, KVORUM_TOKEN: tokens.writer };
    const at = ['--url', guardedUrl];
    assert.equal((await kvorumInProcess(['put', 'c', 'three', ...at], environment)).code, 0);
    const refused = await kvorumInProcess(['get', 'c', ...at], environment);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /answered 403: Token "writer" lacks the scope "read"/);
    const tokenFile = join(directory, 'reader.token');
    writeFileSync(tokenFile, `${tokens.reader}\n`);
    const read = await kvorumInProcess(['get', 'c', ...at, '--tls-ca', files.ca, '--token-file', tokenFile]);
    assert.deepEqual([read.code, read.stdout.toString()], [0, 'three']);
    const file = join(directory, 'backup');
    const byAdmin = await kvorumInProcess(['backup', file, ...at], { ...environment, KVORUM_TOKEN: tokens.admin });
    assert.equal(byAdmin.code, 0, byAdmin.stderr);
    const byReader = await kvorumInProcess(['backup', file, ...at], { ...environment, KVORUM_TOKEN: tokens.reader });
    assert.equal(byReader.code, 1);
    assert.match(byReader.stderr, /lacks the scope "admin"/);
  });

  await t.test('is measured over TLS with a token', async () => {
    const tokenFile = join(directory, 'bench.token');
    const benchToken = 'token-of-the-bench';
    writeFileSync(tokenFile, benchToken);
    writeTokens([formatGrant(grantFor(benchToken, 'read,write', 'bench'))]);
    cluster.node(guarded).signal('SIGHUP');
    await eventually(() => assert.match(cluster.node(guarded).stderr, /tokens were read again/));
    const load = [
      '--rate',
      '20',
      '--duration',
      '500ms',
      '--warmup',
      '0s',
      '--connections',
      '2',
      '--keys',
      '10',
      '--fill',
    ];
    const access = ['--tls-ca', files.ca, '--token-file', tokenFile];
    const { stdout, stderr } = await kvorum(['bench', '--target', guardedUrl, ...load, ...access, '--output', 'json']);
    const result = JSON.parse(stdout.toString() || assert.fail(stderr)) as BenchResult;
    assert.deepEqual([result.totals.failed, result.totals.unanswered], [0, 0]);
    assert.ok(result.totals.completed > 0);
    assert.ok(!stdout.includes(benchToken), 'a result has no token');
  });

  await t.test('tells secrets nowhere', async () => {
    const headers = { authorization: `Bearer ${tokens.reader}` };
    const told = await Promise.all(
      ['/v0/status', '/metrics', '/v0/node'].map(async (path) =>
        (await ask(guardedUrl, path, { headers })).body.toString(),
      ),
    );
    const commandLines = cluster.nodes.map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    const all = [...told, ...commandLines, ...cluster.nodes.map(({ stderr }) => stderr)].join('\n');
    const key = readTlsMaterial(files).key.split('\n')[1] ?? '';
    for (const text of [secret, key, ...Object.values(tokens)]) assert.ok(!all.includes(text), text.slice(0, 8));
    assert.match(told.join('\n'), /kvorum_tls_expiry_timestamp_seconds\{of="certificate"\} \d{10}\n/);
  });

  await t.test('takes another certificate and authority at SIGHUP, and ends no connection for it', async (sub) => {
    const socket = connect({ host: '127.0.0.1', port, ca });
    await once(socket, 'secureConnect');
    const connection = RawConnection.over(sub, socket);
    const before = await portOf();
    const losses = (): number =>
      cluster.nodes.reduce((sum, { stderr }) => sum + stderr.split('peer is down').length, 0);
    const lossesBefore = losses();
    const renewed = certificates(3);
    const both = { ...renewed, ca: `${renewed.ca}${ca}` };
    // First all trust the new authority as well, then all show its certificates: as one does it.
    writeCertificates(join(directory, 'own'), { ...readTlsMaterial(files), ca: both.ca });
    const reloads = (index: number): number => cluster.node(index).stderr.split('certificates were read again').length;
    const reload = async (): Promise<void> => {
      const counts = cluster.nodes.map((_, index) => reloads(index));
      for (const node of cluster.nodes) node.signal('SIGHUP');
      await eventually(() => assert.ok(cluster.nodes.every((_, index) => reloads(index) > (counts[index] ?? 0))));
    };
    await reload();
    writeCertificates(join(directory, 'own'), both);
    await reload();
    connection.send(`GET ${entityTarget('b')} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    assert.equal((await connection.answer()).body.toString(), 'two');
    await assert.rejects(ask(url, '/livez'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    trustAuthority(renewed.ca);
    assert.equal((await ask(url, '/livez')).status, 200);
    assert.equal(await portOf(), before);
    for (const { stderr } of cluster.nodes) assert.match(stderr, /a certificate expires soon/);
    assert.equal(losses(), lossesBefore, 'no peer was lost');
    // A node that comes anew meets the others by the new certificates alone.
    await cluster.stop(1, 'SIGKILL');
    await cluster.start(1);
    assert.equal((await cluster.put(1, 'd', 'four', { ack: 3, from: 3 })).status, 201);
  });

  await t.test('keeps what it has where new files cannot be used', async () => {
    writeFileSync(files.cert, 'no certificate');
    writeFileSync(tokensFile, 'no tokens');
    const { stderr: before } = cluster.node(guarded);
    cluster.node(guarded).signal('SIGHUP');
    const said = (): string => cluster.node(guarded).stderr.slice(before.length);
    await eventually(() => assert.match(said(), /new tokens cannot be used, the former stay/));
    assert.match(said(), /new certificates cannot be used, the former stay.*it holds no certificate/);
    const headers = { authorization: `Bearer ${tokens.reader}` };
    assert.equal((await ask(guardedUrl, entityTarget('b'), { headers })).body.toString(), 'two');
  });
});
