/** The client, keyv's own test suite and the examples of docs/client.md against a cluster. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { after, afterEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { format } from 'node:util';
import { keyvApiTests, keyvIteratorTests, keyvNamespaceTest, keyvValueTests } from '@keyv/test-suite';
import Keyv, { type KeyvOptions } from 'keyv';
import { clientErrorCodes, connect } from '../../src/client/client.ts';
import { KvorumKeyv } from '../../src/client/keyv.ts';
import { startCluster } from '../support/cluster.ts';
import { runner } from './suite.ts';

const timeoutMs = 60_000;
const root = new URL('../../../', import.meta.url);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const cluster = await startCluster({ after }, { nodes: 3 });
const urls = cluster.nodes.map(({ url }) => url);
const store = connect(urls, { timeoutMs });

test('values of every kind come back byte for byte, by get and by range', async () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const values = { empty: '', text: 'ключ\n', bom: '\ufeffbom', every, large: Buffer.alloc(1_000_000, every) };
  for (const [name, value] of Object.entries(values)) await store.put(`kinds/${name}`, value);
  const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7);
  await store.put('kinds/shared', shared);
  const expected = Object.entries({ ...values, shared }).map(
    ([name, value]) => [`kinds/${name}`, Buffer.from(value)] as const,
  );
  const ranged = new Map<string, Buffer>();
  for await (const record of store.range({ start: 'kinds/', end: 'kinds0' })) {
    const found = (await store.get(record.key)) ?? assert.fail(record.key);
    assert.deepEqual(found.value, record.value);
    assert.equal(found.version, record.version);
    assert.ok(Math.abs(found.lastModified.getTime() - found.version / 1000) < 1000);
    ranged.set(record.key, Buffer.from(record.value));
  }
  assert.deepEqual(ranged, new Map(expected));
});

test('a key that is deleted is missing, for head() too; a newer write has a higher version', async () => {
  await store.put('versions', '1');
  const first = (await store.head('versions')) ?? assert.fail();
  await store.put('versions', '2', { consistency: 'strict' });
  const second = (await store.head('versions', { ack: 3 })) ?? assert.fail();
  assert.ok(second.version > first.version);
  await store.del('versions');
  assert.deepEqual([await store.get('versions'), await store.head('versions')], [undefined, undefined]);
});

test('a range begins with the first key, ends at its limit, and says what follows, with values or keys', async () => {
  for (const key of ['\u0001a', '\u0001b', '\u0001c\n']) await store.put(key, 'v');
  const records = store.range({ limit: 2 });
  const keys = [(await records.next()).value, (await records.next()).value].map((one) => (one as { key: string }).key);
  assert.deepEqual(keys, ['\u0001a', '\u0001b']);
  assert.deepEqual(await records.next(), { done: true, value: { next: '\u0001c\n' } });
  const none = store.keys({ start: 'b', end: 'a' });
  assert.deepEqual(await none.next(), { done: true, value: { next: undefined } });
  const lines = store.lines({ start: '\u0001c', end: '\u0002', scope: 'node', keysOnly: true });
  const batch = (await lines.next()).value as readonly string[];
  assert.match(batch.join(), /^\{"key":"\\u0001c\\n","version":\d+\}$/);
});

test('a range with a limit that comes in many pages is whole', async () => {
  await Promise.all(Array.from({ length: 60 }, (_, index) => store.put(`many/${index}`, Buffer.alloc(10_000, 'x'))));
  let count = 0;
  for await (const { value } of store.range({ start: 'many/', end: 'many0', limit: 5000 })) count += value.length;
  assert.equal(count, 60 * 10_000);
});

test('what a node refuses is told by its problem', async () => {
  await assert.rejects(store.get('k', { ack: 4, from: 3 }), { code: 'refused', status: 400, problem: 'bad-quorum' });
  await assert.rejects(store.get('x'.repeat(2000)), { code: 'refused', problem: 'bad-id' });
});

const keyvStore = (): KvorumKeyv => new KvorumKeyv(urls, { timeoutMs });

/** keyv 5 gives an iterator to the adapters that it knows by name only. */
class IterableKeyv extends Keyv {
  constructor(options: KeyvOptions) {
    super(options);
    const adapter: unknown = options.store;
    assert.ok(adapter instanceof KvorumKeyv);
    this.iterator = this.generateIterator((namespace: string | undefined) => adapter.iterator(namespace));
  }
}

/** What its suite has begun to delete: some of its tests do not wait for that, and the next one writes the same key. */
const deletions = new Set<Promise<boolean>>();

class WatchedKeyv extends KvorumKeyv {
  override delete(key: string): Promise<boolean> {
    const deletion = super.delete(key);
    deletions.add(deletion);
    return deletion;
  }
}

describe("keyv's test suite", () => {
  const watched = (): KvorumKeyv => new WatchedKeyv(urls, { timeoutMs });
  afterEach(async () => {
    // keyv itself waits for a turn before it calls the adapter.
    await setImmediate();
    await Promise.allSettled(deletions);
    deletions.clear();
  });
  describe('API', () => keyvApiTests(runner, Keyv, watched));
  describe('values', () => keyvValueTests(runner, Keyv, watched));
  describe('namespaces', () => keyvNamespaceTest(runner, Keyv, watched));
  describe('iterator', () => keyvIteratorTests(runner, IterableKeyv, watched));
});

test('the keyv adapter leaves expiry to the nodes, refuses to empty the cluster, and tells of failed reads', async () => {
  const own = keyvStore();
  const keyv = new Keyv({ store: own, namespace: 'ttl', throwOnErrors: true });
  await keyv.set('k', 'v', 60_000);
  const { expiresAt } = (await own.client.head('ttl:k')) ?? assert.fail();
  assert.ok(expiresAt !== undefined && Math.abs(expiresAt.getTime() - Date.now() - 60_000) < 30_000);
  await assert.rejects(keyvStore().clear(), { code: 'bad-argument' });
  await assert.rejects(own.set('k', { value: 1 }), { code: 'bad-argument' });
  const told: unknown[] = [];
  const broken = new Keyv({ store: new KvorumKeyv(urls, { ack: 9, from: 9 }) }).on('error', (error) =>
    told.push(error),
  );
  assert.equal(await broken.get('k'), undefined);
  assert.equal(told.length, 1);
});

test('the examples of docs/client.md print what they say', async () => {
  const markdown = readFileSync(new URL('docs/client.md', root), 'utf8');
  const examples = [...markdown.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  assert.equal(examples.length, 4);
  const printed: string[] = [];
  const code = examples
    .join('')
    .replace(/http:\/\/localhost:808(\d)/g, (_, index: string) => urls[Number(index)] ?? '')
    .replaceAll('kvorum/client', new URL('dist/src/client/client.js', root).href)
    .replaceAll('kvorum/keyv', new URL('dist/src/client/keyv.js', root).href)
    .replaceAll("'keyv'", `'${import.meta.resolve('keyv')}'`);
  const expected = [...code.matchAll(/^ *\/\/ (.*)$/gm)].map(([, said]) => said);
  const log = console.log;
  console.log = (...said: unknown[]): void => void printed.push(format(...said));
  try {
    await import(`data:text/javascript,${encodeURIComponent(code)}`);
  } finally {
    console.log = log;
  }
  assert.deepEqual(printed, expected);
});

test('docs/client.md has the table of error codes as it is', () => {
  const markdown = readFileSync(new URL('docs/client.md', root), 'utf8');
  for (const [code, meaning] of Object.entries(clientErrorCodes)) {
    assert.ok(markdown.includes(`| \`${code}\` | ${meaning} |`), code);
  }
});

test('a node that stops and one that is killed are passed over, by reads and by writes', async () => {
  await store.put('failover', '1');
  await cluster.stop(0);
  await store.put('failover', '2', { timeoutMs });
  assert.equal(text((await store.get('failover'))?.value ?? Buffer.alloc(0)), '2');
  await cluster.stop(1, 'SIGKILL');
  await assert.rejects(store.get('failover', { timeoutMs: 3000 }), (error: { code: string }) => {
    return ['quorum-not-met', 'timeout', 'unreachable'].includes(error.code);
  });
});
