/**
 * `/v0/openapi.json` against real nodes: every operation is called until each of its answers has come, and every answer is
 * one that the document has, of the type that it says.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { profileProof } from '../../src/domain/profile-proof.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import { problems } from '../../src/http/problem.ts';
import { ask, type Answer } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

interface Described {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

const secret = 'correct horse';
const document = openApiDocument();
const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Described>>>>;
const methods = ['get', 'head', 'put', 'delete', 'post'] as const;
const operations = Object.entries(paths).flatMap(([path, item]) =>
  methods.flatMap((method) => {
    const described = item[method];
    return described === undefined ? [] : [{ name: `${method.toUpperCase()} ${path}`, described }];
  }),
);
/** Statuses that came, by operation. */
const seen = new Map<string, Set<string>>();

let cluster: Cluster;
let topology: string;
const cleaners: (() => Promise<void>)[] = [];
const owner = { after: (clean: () => Promise<void>) => void cleaners.push(clean) };

before(async () => {
  // A store that is soon full, one operation and one range at a time: so that a request can meet each of its refusals.
  const bounds = ['--value-bytes-max', '512KiB', '--store-bytes-max', '4MiB', '--timeout-ms', '30s'];
  const few = [
    '--operations-in-flight-max',
    '1',
    '--ranges-max',
    '1',
    '--cluster-secret',
    secret,
    '--drain-delay-ms',
    '2s',
  ];
  cluster = await startCluster(owner, { nodes: 3, durability: 'commit', flags: [...bounds, ...few] });
  topology = (JSON.parse((await call('GET', '/v0/node')).body.toString()) as { topology: string }).topology;
});
after(() => Promise.all(cleaners.map((clean) => clean())));

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** Asks node 0, and checks that the document has the answer. */
async function call(method: string, target: string, { headers = {}, body }: Sent = {}): Promise<Answer> {
  const answer = await ask(cluster.node(0).url, target, { method, headers, ...(body === undefined ? {} : { body }) });
  const [path = ''] = target.split('?');
  const operation = operations.find(({ name }) => name === `${method} ${path}`);
  assert.ok(operation, `${method} ${path} is not in the document`);
  const described = operation.described.responses[String(answer.status)];
  assert.ok(described, `${method} ${target}: ${answer.status} is not in the document`);
  const types = Object.keys(described.content ?? {});
  const type = answer.headers['content-type']?.split(';')[0];
  if (types.length > 0) assert.ok(types.includes(type ?? ''), `${method} ${target}: ${answer.status} is ${type}`);
  if (type === 'application/problem+json' && method !== 'HEAD') {
    const problem = JSON.parse(answer.body.toString()) as { code: keyof typeof problems; status: number };
    assert.equal(problems[problem.code].status, problem.status);
    assert.equal(problem.status, answer.status);
  }
  const statuses = seen.get(operation.name) ?? new Set();
  seen.set(operation.name, statuses.add(String(answer.status)));
  return answer;
}

async function callProven(method: string, target: string, body?: Buffer): Promise<Answer> {
  const { headers } = await call(method, target);
  const authorization = profileProof(secret, headers['www-authenticate'] ?? '', { topology, method, target });
  const sent = { headers: { authorization: authorization ?? '' }, ...(body === undefined ? {} : { body }) };
  return call(method, target, sent);
}

/** Repeats a call until it is answered with one of `statuses`. */
async function until(statuses: readonly number[], again: () => Promise<Answer>): Promise<void> {
  await eventually(async () => {
    const { status } = await again();
    if (!statuses.includes(status)) throw new Error(`answered ${status}`);
  });
}

const entity = '/v0/entity?id=k';
const range = '/v0/entities?start=a';

test('the document is OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  const served = await call('GET', '/v0/openapi.json');
  assert.deepEqual(JSON.parse(served.body.toString()), JSON.parse(JSON.stringify(document)));
});

test('entities and ranges answer as the document says', async () => {
  await call('PUT', entity, { body: 'value' });
  const { headers } = await call('GET', entity);
  const tag = headers['etag'] ?? '';
  for (const method of ['GET', 'HEAD']) {
    await call(method, entity);
    await call(method, entity, { headers: { 'if-none-match': tag } });
    await call(method, entity, { headers: { 'if-match': '"0"' } });
    await call(method, '/v0/entity?id=none');
    await call(method, '/v0/entity');
    await call(method, range);
    await call(method, '/v0/entities');
    await call(method, '/v0/entities?start=');
  }
  await call('PUT', '/v0/entity', { body: 'value' });
  await call('PUT', entity, { body: Buffer.alloc(600 * 1024) });
  await call('PUT', entity, { body: 'value', headers: { 'if-match': tag } });
  await call('DELETE', entity, { headers: { 'if-match': tag } });
  await call('DELETE', '/v0/entity');
  await call('PUT', '/v0/entity?id=line%0Afeed', { body: 'value' });
  assert.equal((await call('GET', '/v0/entities?start=line')).status, 406);
  await call('DELETE', '/v0/entity?id=line%0Afeed');
});

test('what replicas hold is answered as the document says', async () => {
  for (const method of ['GET', 'HEAD', 'POST'])
    for (const target of ['/v0/inspect?id=k', '/v0/inspect']) await call(method, target);
});

test('backups answer as the document says', async () => {
  const { body } = await callProven('GET', '/v0/backup');
  for (const method of ['GET', 'HEAD']) await callProven(method, '/v0/backup?start=');
  const head = await callProven('HEAD', '/v0/backup');
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  assert.equal((await callProven('POST', '/v0/restore', body)).status, 200);
  await callProven('POST', '/v0/restore', body.subarray(1));
  assert.equal((await callProven('POST', '/v0/restore', Buffer.alloc(2 * 1024 * 1024))).status, 413);
});

test('what tells of the node answers as the document says', async () => {
  const told = [
    '/v0/status',
    '/v0/node',
    '/v0/openapi.json',
    '/livez',
    '/readyz',
    '/readyz?verbose',
    '/metrics',
    '/',
    '/v0/console',
  ];
  for (const target of told) for (const method of ['GET', 'HEAD']) await call(method, target);
});

test('repair answers as the document says', async () => {
  for (const path of ['/v0/repair', '/v0/digest']) {
    await callProven('POST', path);
    await callProven('POST', `${path}?peer=a`);
  }
});

test('recordings answer as the document says', async () => {
  for (const query of ['', '?kind=cpu']) {
    await callProven('GET', `/v0/profile${query}`);
    await callProven('HEAD', `/v0/profile${query}`);
    await callProven('POST', `/v0/profile/stop${query}`);
  }
  await callProven('POST', '/v0/profile/start');
  await callProven('POST', '/v0/profile/start?kind=cpu');
  await callProven('POST', '/v0/profile/start?kind=cpu');
  await callProven('POST', '/v0/profile/stop');
});

/** The value of a metric of node 0. */
async function gauge(name: string): Promise<number> {
  const text = (await call('GET', '/metrics')).body.toString();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

test('a node that has no place for a request answers as the document says', async () => {
  process.kill(cluster.node(2).pid ?? 0, 'SIGSTOP');
  // These wait for node 2, and take the only place for an operation and for a range meanwhile.
  const waiting = [call('PUT', `${entity}&ack=3`, { body: 'slow' }), call('GET', `${range}&cluster=1`)];
  try {
    await eventually(async () => {
      const taken = await Promise.all([gauge('kvorum_operations_in_flight'), gauge('kvorum_ranges_in_flight')]);
      if (taken.some((count) => count !== 1)) throw new Error(`${taken.join(' and ')} wait`);
    });
    for (const method of ['GET', 'HEAD', 'DELETE']) assert.equal((await call(method, entity)).status, 503);
    assert.equal((await call('PUT', entity, { body: 'value' })).status, 503);
    assert.equal((await call('GET', range)).status, 503);
    assert.equal((await callProven('GET', '/v0/backup')).status, 503);
  } finally {
    process.kill(cluster.node(2).pid ?? 0, 'SIGCONT');
    await Promise.all(waiting);
  }
});

test('a node that lacks room or peers answers as the document says', async () => {
  let filled = 0;
  await until([507], () => call('PUT', `/v0/entity?id=fill-${filled++}`, { body: Buffer.alloc(256 * 1024) }));
  await Promise.all([cluster.stop(1, 'SIGKILL'), cluster.stop(2, 'SIGKILL')]);
  for (const method of ['GET', 'HEAD', 'DELETE']) await until([504], () => call(method, `${entity}&ack=3`));
  await until([504], () => call('PUT', `${entity}&ack=3`, { body: 'value' }));
  await until([504], () => call('GET', `${range}&cluster=1`));
  await until([504], () => callProven('GET', '/v0/backup'));
});

test('a node that stops answers as the document says', async () => {
  const stopped = cluster.stop(0);
  for (const method of ['GET', 'HEAD'])
    for (const path of ['/readyz', '/v0/status']) await until([503], () => call(method, path));
  await stopped;
});

test('every answer of the document has come', () => {
  for (const { name, described } of operations) {
    const missing = Object.keys(described.responses).filter(
      (status) => status !== 'default' && !seen.get(name)?.has(status),
    );
    assert.deepEqual(missing, [], name);
  }
});
