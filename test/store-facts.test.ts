import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { storeFacts } from '../src/store-facts.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

test('storeFacts() says what the files take on the disk, those of folders too, and on which file system', async (t) => {
  const path = temporaryDirectory(t);
  assert.equal((await storeFacts(path))?.bytes, 0);
  mkdirSync(join(path, 'log'));
  for (const name of ['store.mdb', 'log/0-1.log']) writeFileSync(join(path, name), Buffer.alloc(100_000));
  const facts = await storeFacts(path);
  assert.ok(facts !== null && facts.bytes >= 200_000 && facts.bytes < 400_000, `${facts?.bytes}`);
  assert.ok(facts.lmdbBytes >= 100_000 && facts.logBytes >= 100_000);
  assert.ok(facts.lmdbBytes + facts.logBytes <= facts.bytes);
  assert.ok(facts.diskBytes > facts.freeBytes && facts.freeBytes >= 0);
  assert.match(facts.fileSystem, /^\w+$/);
});

test('storeFacts() of a directory that is gone is null', async (t) => {
  assert.equal(await storeFacts(join(temporaryDirectory(t), 'none')), null);
});
