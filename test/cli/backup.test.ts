/** What `kvorum backup` and `kvorum restore` do with nodes that end a stream early, send damage, or find no place. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readdirSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BackupWriter, entriesIn } from '../../src/formats/backup.ts';
import { RECORD_HEADER_BYTES, recordKinds, sealRecord } from '../../src/formats/record.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { kvorumInProcess } from './in-process.ts';
import { fakeNode } from './kvorum.ts';

const environment = { KVORUM_CLUSTER_SECRET: 'secret' };

/** An entry as a node streams it. */
function entryBytes(name: string): Buffer {
  const [key, value] = [Buffer.from(name), Buffer.from(`value of ${name}`)];
  const record = Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), value]);
  sealRecord(record, 0, value.length, key, { version: 1, nodeId: 1, kind: recordKinds.value });
  const head = Buffer.alloc(6);
  head.writeUInt32LE(record.length);
  head.writeUInt16LE(key.length, 4);
  return Buffer.concat([head, key, record]);
}

type Answering = Parameters<RequestListener>[1];

/** A node that answers each request for a backup with the next of `answers`; also what it was asked. */
async function streaming(t: TestContext, answers: readonly ((response: Answering) => void)[]) {
  const asked: string[] = [];
  const url = await fakeNode(t, ({ url: target = '' }, response) => {
    response.setHeader('content-type', 'application/octet-stream');
    if (!target.startsWith('/v0/backup')) return void response.end('{}');
    asked.push(target);
    return answers[Math.min(asked.length, answers.length) - 1]?.(response);
  });
  return { url, asked };
}

/** Ends a stream as a range does that was not read in time. */
function breakOff(response: Answering, bytes: Buffer, why: string): void {
  response.writeHead(200, { trailer: 'kvorum-error' });
  response.write(bytes);
  response.addTrailers({ 'kvorum-error': why });
  response.end();
}

test('a backup goes on behind the last whole record where a stream ends early, and has each key once', async (t) => {
  const file = join(temporaryDirectory(t), 'f');
  const [a, b, c, d] = ['a', 'b é', 'c', 'd'].map(entryBytes) as [Buffer, Buffer, Buffer, Buffer];
  const { url, asked } = await streaming(t, [
    (response) => breakOff(response, Buffer.concat([a, b]), 'range-timeout; too slow'),
    // The connection is gone in the middle of a record.
    (response) => {
      response.writeHead(200);
      response.write(Buffer.concat([b, c, d.subarray(0, 9)]), () => response.destroy());
    },
    (response) => response.end(Buffer.concat([c, d])),
  ]);
  const { code, stderr } = await kvorumInProcess(['backup', file, '--url', url], environment);
  assert.equal(code, 0, stderr);
  assert.deepEqual(asked, ['/v0/backup', '/v0/backup?start=b%20%C3%A9', '/v0/backup?start=c']);
  const { stdout } = await kvorumInProcess(['backup', '--verify', file]);
  assert.match(stdout.toString(), / is whole: 4 records, /);
});

test('a backup that cannot be complete, or is damaged on its way, leaves no file', async (t) => {
  const directory = temporaryDirectory(t);
  const damaged = entryBytes('a');
  damaged[damaged.length - 1] = 0;
  const refused = await streaming(t, [
    (response) => response.writeHead(504).end('{"detail":"2 of 3 nodes cannot be read"}'),
  ]);
  const wrong = await streaming(t, [(response) => response.end(damaged)]);
  for (const [{ url }, expected, words] of [
    [refused, 4, /answered 504: 2 of 3 nodes cannot be read/],
    [wrong, 1, /record of key "a" fails its checksum/],
  ] as const) {
    const { code, stderr } = await kvorumInProcess(['backup', join(directory, 'f'), '--url', url], environment);
    assert.deepEqual([code, words.test(stderr), readdirSync(directory)], [expected, true, []], stderr);
  }
});

test('a restore waits where a node finds no place, and says where to go on where one refuses', async (t) => {
  const file = join(temporaryDirectory(t), 'f');
  const source = await streaming(t, [(response) => response.end(Buffer.concat(['a', 'b'].map(entryBytes)))]);
  assert.equal((await kvorumInProcess(['backup', file, '--url', source.url], environment)).code, 0);
  let posts = 0;
  const taken: number[] = [];
  const url = await fakeNode(t, (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'POST') return void response.end('{}');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      // The first of each two requests only asks for a nonce.
      if (request.headers.authorization === undefined) {
        return response.writeHead(401, { 'www-authenticate': 'Kvorum nonce="n"' }).end();
      }
      if (++posts === 1) return response.writeHead(503).end();
      taken.push(entriesIn(body)?.length ?? 0);
      return response.writeHead(posts === 2 ? 200 : 403).end('{"detail":"no more"}');
    });
    return undefined;
  });
  const { code, stderr } = await kvorumInProcess(['restore', file, '--url', url], environment);
  assert.deepEqual([code, taken], [0, [2]], stderr);
  const refused = await kvorumInProcess(['restore', file, '--url', url], environment);
  assert.deepEqual([refused.code, refused.stderr], [1, `kvorum: ${url} answered 403: no more\n`]);
});

test('whatever looks after a cluster tells another server from a node, and a backup of one leaves no file', async (t) => {
  const directory = temporaryDirectory(t);
  const [file, kept] = [join(directory, 'f'), join(directory, 'kept')];
  const writer = new BackupWriter();
  const header = writer.header(0);
  const blocks = writer.block(entriesIn(entryBytes('a')) ?? []);
  writeFileSync(kept, Buffer.concat([header, ...blocks, writer.end()]));
  for (const status of [200, 404]) {
    // As a server does that answers everything with its first page, or with nothing.
    const url = await fakeNode(t, (_, response) => response.writeHead(status).end(status === 200 ? '' : '<html>'));
    for (const words of [['backup', file], ['restore', kept], ['inspect', 'k'], ['repair'], ['digest']]) {
      const { code, stdout, stderr } = await kvorumInProcess([...words, '--url', url], environment);
      assert.deepEqual(
        [code, stdout.length, stderr],
        [5, 0, `kvorum: ${url} is no Kvorum node (it answered ${status})\n`],
      );
    }
  }
  assert.deepEqual(readdirSync(directory), ['kept']);
});

test('backups need the secret, from the environment or the directory of a cluster', async () => {
  const { code, stderr } = await kvorumInProcess(['backup', 'f']);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /give the directory of a kvorum up cluster with --data, set "KVORUM_CLUSTER_SECRET", or show a token/,
  );
});
