import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { overwriteFile, putFile, syncData, syncPath, writeBeside, writeWhole } from '../../src/files/durable.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a file that is put is for nobody but its owner, takes the place of an older one, and leaves nothing beside it', (t) => {
  const path = join(temporaryDirectory(t), 'file');
  for (const text of ['a longer text', 'b']) {
    putFile(path, Buffer.from(text));
    assert.equal(readFileSync(path, 'utf8'), text);
  }
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(existsSync(`${path}.new`), false);
});

test('where a file cannot be put, what stands there stays, and the error is what the system says', (t) => {
  const path = join(temporaryDirectory(t), 'directory');
  mkdirSync(path);
  writeFileSync(join(path, 'old'), 'old');
  assert.throws(() => putFile(path, Buffer.from('new')), { code: 'EISDIR' });
  assert.equal(readFileSync(join(path, 'old'), 'utf8'), 'old');
  assert.equal(existsSync(`${path}.new`), false);
});

test('a file is written over from its beginning, and keeps what stands behind', (t) => {
  const path = join(temporaryDirectory(t), 'file');
  assert.throws(() => overwriteFile(path, Buffer.from('x')), { code: 'ENOENT' });
  writeFileSync(path, '12345');
  overwriteFile(path, Buffer.from('ab'));
  assert.equal(readFileSync(path, 'utf8'), 'ab345');
});

test('bytes are written whole at the offset that was asked for, in the thread and beside it', async (t) => {
  const path = join(temporaryDirectory(t), 'file');
  const bytes = Buffer.alloc(300_000, 'kvorum');
  const descriptor = openSync(path, 'w+');
  writeWhole(descriptor, bytes, 0);
  await writeBeside(descriptor, bytes, bytes.length);
  await syncData(descriptor);
  closeSync(descriptor);
  assert.ok(readFileSync(path).equals(Buffer.concat([bytes, bytes])));
  const readOnly = openSync(path, 'r');
  await assert.rejects(writeBeside(readOnly, bytes, 0), { code: 'EBADF' });
  closeSync(readOnly);
});

test('a path that is not there cannot be synced', (t) => {
  const directory = temporaryDirectory(t);
  syncPath(directory);
  assert.throws(() => syncPath(join(directory, 'none')), { code: 'ENOENT' });
});
