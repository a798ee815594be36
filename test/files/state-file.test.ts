import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StateFile } from '../../src/files/state-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a file that is not there holds nothing; one that was made holds an empty text', async (t) => {
  const path = join(temporaryDirectory(t), 'state');
  assert.equal(StateFile.read(path), undefined);
  await StateFile.open(path).close();
  assert.equal(StateFile.read(path), '');
});

test('the text that was written last is read, also after the file was opened again', async (t) => {
  const path = join(temporaryDirectory(t), 'state');
  for (const texts of [['a'], ['b', 'c'], ['d'], ['a much longer text '.repeat(1000), 'e']]) {
    const file = StateFile.open(path);
    for (const text of texts) await file.write(text);
    assert.equal(StateFile.read(path), texts.at(-1));
    await file.close();
  }
});

test('of texts that are written at once the last one counts, and each write resolves when it or a later one is there', async (t) => {
  const path = join(temporaryDirectory(t), 'state');
  const file = StateFile.open(path);
  const seen = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      await file.write(String(index));
      return Number(StateFile.read(path));
    }),
  );
  assert.ok(
    seen.every((number, index) => number >= index),
    seen.join(),
  );
  assert.equal(StateFile.read(path), '49');
  await file.close();
});

test('a write that was cut off anywhere leaves the text of before', async (t) => {
  const path = join(temporaryDirectory(t), 'state');
  const file = StateFile.open(path);
  await file.write('before');
  const before = readFileSync(path);
  await file.write('after it');
  const after = readFileSync(path);
  await file.close();
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  assert.ok(changed.length > 8);
  for (const end of changed.slice(0, -1)) {
    writeFileSync(path, Buffer.concat([after.subarray(0, end), before.subarray(end)]));
    assert.equal(StateFile.read(path), 'before', `cut at byte ${end}`);
  }
});

test('damage in both slots, or a file that is none, is no text', async (t) => {
  const path = join(temporaryDirectory(t), 'state');
  const file = StateFile.open(path);
  await file.write('one');
  await file.close();
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 8) bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  assert.throws(() => StateFile.read(path), /damaged/);
  truncateSync(path, 0);
  assert.throws(() => StateFile.read(path), /damaged/);
});
