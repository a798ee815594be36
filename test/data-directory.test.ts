import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { currentBootId, DataDirectory, storeFormat } from '../src/data-directory.ts';
import type { Durability } from '../src/domain/modes.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const options = (durability: Durability, trustStore = false) => ({ durability, trustStore });
const mark = (path: string): unknown => JSON.parse(readFileSync(join(path, 'kvorum.json'), 'utf8'));

test('open() creates the directory and writes no mark before it is in use', (t) => {
  const path = join(temporaryDirectory(t), 'a/b');
  DataDirectory.open(path, options('fsync'));
  assert.ok(existsSync(path));
  assert.deepEqual(readdirSync(path), []);
});

test('the mark says format, durability, boot and whether the store was closed', (t) => {
  const path = temporaryDirectory(t);
  const directory = DataDirectory.open(path, options('commit'));
  const bootId = currentBootId();
  directory.markOpen();
  assert.deepEqual(mark(path), { format: storeFormat, durability: 'commit', bootId, clean: false });
  directory.markClean();
  assert.deepEqual(mark(path), { format: storeFormat, durability: 'commit', bootId, clean: true });
  assert.deepEqual(readdirSync(path), ['kvorum.json'], 'and leaves no other file');
});

/** Durability and cleanness of the mark, whether the machine booted since, `--trust-store`, and whether it opens. */
const cases: readonly (readonly [Durability, boolean, boolean, boolean, boolean])[] = [
  ['commit', false, true, false, false],
  ['commit', false, true, true, true],
  ['commit', false, false, false, true],
  ['commit', true, true, false, true],
  ['commit', true, false, false, true],
  ['fsync', false, true, false, true],
  ['fsync', false, false, false, true],
  ['fsync', true, true, false, true],
];

test('open() refuses only a commit store that was not closed before another boot', (t) => {
  for (const [durability, clean, rebooted, trustStore, opens] of cases) {
    const path = temporaryDirectory(t);
    const directory = DataDirectory.open(path, options(durability));
    if (clean) directory.markClean();
    else directory.markOpen();
    const open = () =>
      DataDirectory.open(path, options('fsync', trustStore), rebooted ? 'another boot' : currentBootId());
    const what = JSON.stringify({ durability, clean, rebooted, trustStore });
    if (opens) assert.doesNotThrow(open, what);
    else assert.throws(open, { code: 'store-unclean', message: /--trust-store/ }, what);
  }
});

test('open() refuses a newer format, a file in its place and a mark that is none', (t) => {
  const path = temporaryDirectory(t);
  const file = join(path, 'kvorum.json');
  writeFileSync(file, `{"format":${storeFormat + 1}}`);
  assert.throws(() => DataDirectory.open(path, options('fsync')), { code: 'store-newer' });
  assert.throws(() => DataDirectory.open(file, options('fsync')), { code: 'store-unusable' });
  for (const text of ['', '{', 'null', '[]', '{}', '{"format":"1"}']) {
    writeFileSync(file, text);
    assert.throws(
      () => DataDirectory.open(path, options('fsync')),
      { code: 'store-unusable', message: /kvorum\.json/ },
      text,
    );
  }
});
