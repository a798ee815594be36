/** The file of reserved versions: what was written last and whole counts, whatever a crash did to the write after it. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VersionBound } from '../src/version-bound.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const unexpected = (error: unknown): void => assert.fail(String(error));

async function boundIn(directory: string): Promise<number | undefined> {
  const file = VersionBound.open(directory, unexpected);
  await file.close();
  return file.found;
}

test('a new file has bound 0, and no other file is left beside it', async (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(await boundIn(directory), 0);
  assert.deepEqual(readdirSync(directory), ['versions']);
});

test('the bound that was written last counts, also a lower one', async (t) => {
  const directory = temporaryDirectory(t);
  const file = VersionBound.open(directory, unexpected);
  for (const bound of [10, 30, 20]) assert.equal(await file.write(bound), 'reserved');
  await file.close();
  assert.equal(await boundIn(directory), 20);
  const again = VersionBound.open(directory, unexpected);
  await again.write(25);
  await again.close();
  assert.equal(await boundIn(directory), 25);
});

test('writes that overlap come one after another, and close() waits for them', async (t) => {
  const directory = temporaryDirectory(t);
  const file = VersionBound.open(directory, unexpected);
  const writes = [1, 2, 3, 4, 5].map((bound) => file.write(bound));
  await file.close();
  assert.deepEqual(
    await Promise.all(writes),
    Array.from({ length: 5 }, () => 'reserved'),
  );
  assert.equal(await boundIn(directory), 5);
});

test('a write that a crash cut short leaves the bound before it, whichever byte it was', async (t) => {
  const directory = temporaryDirectory(t);
  const file = VersionBound.open(directory, unexpected);
  for (const bound of [1000, 2000, 3000]) await file.write(bound);
  const before = readFileSync(join(directory, 'versions'));
  await file.write(4000);
  await file.close();
  const after = readFileSync(join(directory, 'versions'));
  for (let cut = 0; cut <= 24; cut++) {
    const torn = Buffer.from(before);
    const place = before.subarray(0, 24).equals(after.subarray(0, 24)) ? 4096 : 0;
    after.copy(torn, place, place, place + cut);
    writeFileSync(join(directory, 'versions'), torn);
    const found = await boundIn(directory);
    assert.ok(found === 3000 || found === 4000, `${found} after ${cut} bytes`);
    if (cut === 0) assert.equal(found, 3000);
    if (cut === 24) assert.equal(found, 4000);
  }
});

test('a file that is damaged in both places says no bound', async (t) => {
  const directory = temporaryDirectory(t);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(8192), Buffer.alloc(8192, 'x')]) {
    writeFileSync(join(directory, 'versions'), bytes);
    assert.equal(await boundIn(directory), undefined);
  }
});

test('what is no file is refused in words', (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'versions'));
  assert.throws(() => VersionBound.open(directory, unexpected), { code: 'store-unusable', message: /versions/ });
});

test('a disk that fails is told, and the write says so', async (t) => {
  const failures: unknown[] = [];
  const file = VersionBound.open(temporaryDirectory(t), (error) => failures.push(error));
  await file.close();
  assert.equal(await file.write(1), 'failed');
  assert.equal(failures.length, 1);
});
