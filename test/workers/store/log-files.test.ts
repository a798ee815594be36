import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf } from '../../../src/diagnostics/errors.ts';
import { logFileName, openLogFiles, parseLogFileName } from '../../../workers/store/log-files.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MIB = 1024 * 1024;

test('a new file has its whole length in zeros, its name, and nobody else may read it', async (t) => {
  const directory = join(temporaryDirectory(t), 'log');
  const files = openLogFiles(directory);
  const bytes = 2 * MIB + 4096;
  const file = await files.create('0-1.log', bytes);
  file.close();
  assert.deepEqual(readdirSync(directory), ['0-1.log'], 'the name under which it was made is gone');
  assert.ok(readFileSync(join(directory, '0-1.log')).equals(Buffer.alloc(bytes)));
  assert.equal(files.bytesOf('0-1.log'), bytes);
  assert.equal(statSync(join(directory, '0-1.log')).mode & 0o777, 0o600);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('writes go to their offsets and leave the length as it is', async (t) => {
  const files = openLogFiles(temporaryDirectory(t));
  const made = await files.create('0-1.log', 8192);
  made.write(Buffer.from('first'), 0);
  made.write(Buffer.from('second'), 4096);
  await made.sync();
  made.close();
  const again = files.open('0-1.log');
  again.write(Buffer.from('FI'), 0);
  again.close();
  const expected = Buffer.alloc(8192);
  expected.write('FIrst');
  expected.write('second', 4096);
  assert.ok(files.read('0-1.log').equals(expected));
});

test('a file that cannot be made leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const files = openLogFiles(directory);
  mkdirSync(join(directory, '0-1.log'));
  await assert.rejects(files.create('0-1.log', 4096), (error) => codeOf(error) === 'EISDIR');
  assert.deepEqual(readdirSync(directory), ['0-1.log'], 'what was made under another name is gone');
});

test('only files of a log are listed: neither one that was being made nor another', async (t) => {
  const directory = temporaryDirectory(t);
  const files = openLogFiles(directory);
  for (const name of ['0-2.log.new', 'notes.txt']) writeFileSync(join(directory, name), '');
  (await files.create('0-1.log', 4096)).close();
  assert.deepEqual(files.list(), ['0-1.log']);
  files.remove('0-1.log');
  files.remove('0-1.log');
  assert.deepEqual(files.list(), []);
});

test('a file that a crash left half made is no hindrance', async (t) => {
  const directory = temporaryDirectory(t);
  const files = openLogFiles(directory);
  writeFileSync(join(directory, '0-1.log.new'), Buffer.alloc(100_000, 'x'));
  (await files.create('0-1.log', 8192)).close();
  assert.ok(files.read('0-1.log').equals(Buffer.alloc(8192)));
});

test('names tell owner and number, and nothing else is such a name', () => {
  assert.deepEqual(parseLogFileName(logFileName(3, 17)), { owner: 3, number: 17 });
  for (const name of ['0-1.log.new', '0-1', '-1.log', '0-.log', 'a-1.log', '0-1-2.log', ' 0-1.log', '9999999-1.log']) {
    assert.equal(parseLogFileName(name), undefined, name);
  }
});
