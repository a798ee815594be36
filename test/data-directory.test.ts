import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOCK_FILE } from '../src/directory-lock.ts';
import { currentBootId, DataDirectory, storeFormat } from '../src/data-directory.ts';
import type { Durability } from '../src/domain/modes.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const mark = (path: string): unknown => JSON.parse(readFileSync(join(path, 'kvorum.json'), 'utf8'));

test('open() creates the directory and writes no mark before it is in use', (t) => {
  const path = join(temporaryDirectory(t), 'a/b');
  DataDirectory.open(path, 'fsync').close();
  assert.ok(existsSync(path));
  assert.deepEqual(readdirSync(path), [LOCK_FILE]);
});

test('the mark says format, durability, boot and whether the store was closed', (t) => {
  const path = temporaryDirectory(t);
  const directory = DataDirectory.open(path, 'commit');
  const bootId = currentBootId();
  directory.markOpen();
  assert.deepEqual(mark(path), { format: storeFormat, durability: 'commit', bootId, clean: false });
  directory.markClean();
  assert.deepEqual(mark(path), { format: storeFormat, durability: 'commit', bootId, clean: true });
  directory.close();
  assert.deepEqual(readdirSync(path), ['kvorum.json', LOCK_FILE], 'and leaves no other file');
});

test(
  'directory, mark and lock are for their user alone, whatever the umask',
  { skip: process.platform === 'win32' },
  (t) => {
    const path = join(temporaryDirectory(t), 'a');
    const before = process.umask(0);
    try {
      const directory = DataDirectory.open(path, 'fsync');
      directory.markOpen();
      directory.close();
    } finally {
      process.umask(before);
    }
    const modes = [path, ...readdirSync(path).map((name) => join(path, name))].map((one) => statSync(one).mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o600, 0o600]);
  },
);

/** Format, durability and cleanness of the mark, whether the machine booted since, and whether it opens. */
const cases: readonly (readonly [number, Durability, boolean, boolean, boolean])[] = [
  [2, 'commit', false, true, false],
  [1, 'commit', false, true, false],
  [2, 'commit', false, false, true],
  [2, 'commit', true, true, true],
  [2, 'fsync', false, true, true],
  [3, 'commit', false, true, true],
  [3, 'commit', true, true, true],
  [3, 'fsync', false, true, true],
];

test('open() refuses only a commit store without a log that was not closed before another boot', (t) => {
  for (const [format, durability, clean, rebooted, opens] of cases) {
    const path = temporaryDirectory(t);
    const bootId = rebooted ? 'an earlier boot' : currentBootId();
    writeFileSync(join(path, 'kvorum.json'), JSON.stringify({ format, durability, bootId, clean }));
    const open = () => DataDirectory.open(path, 'fsync').close();
    const what = JSON.stringify({ format, durability, clean, rebooted });
    if (opens) assert.doesNotThrow(open, what);
    else assert.throws(open, { code: 'store-unclean', message: /refill/ }, what);
  }
});

test('a store file without a byte is no store', (t) => {
  const path = temporaryDirectory(t);
  for (const [content, hasStore] of [
    ['', false],
    ['x', true],
  ] as const) {
    writeFileSync(join(path, 'store.mdb'), content);
    const directory = DataDirectory.open(path, 'fsync');
    assert.equal(directory.hasStore, hasStore);
    directory.close();
  }
});

test('open() refuses a newer format, a file in its place and a mark that is none', (t) => {
  const path = temporaryDirectory(t);
  const file = join(path, 'kvorum.json');
  writeFileSync(file, `{"format":${storeFormat + 1}}`);
  assert.throws(() => DataDirectory.open(path, 'fsync'), { code: 'store-newer' });
  assert.throws(() => DataDirectory.open(file, 'fsync'), { code: 'store-unusable' });
  for (const text of ['', '{', 'null', '[]', '{}', '{"format":"1"}']) {
    writeFileSync(file, text);
    assert.throws(() => DataDirectory.open(path, 'fsync'), { code: 'store-unusable', message: /kvorum\.json/ }, text);
  }
});
