import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LOCK_FILE, lockDirectory } from '../src/directory-lock.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const module = fileURLToPath(new URL('../src/directory-lock.js', import.meta.url));

/** Tries to lock the directory in a process of its own; what it says. */
function lockElsewhere(directory: string, wrapper: readonly string[] = []): string {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(module)});
    try { lockDirectory(process.argv[1]); console.log('locked'); } catch (error) { console.log(error.code, error.message); }`;
  const words = [...wrapper, process.execPath, '--input-type=module', '-e', script, directory];
  const { stdout, stderr } = spawnSync(words[0] as string, words.slice(1), { encoding: 'utf8' });
  return stdout + stderr;
}

test('a locked directory is refused, by the name of the process that has it, until it is released', (t) => {
  const directory = temporaryDirectory(t);
  const lock = lockDirectory(directory);
  assert.throws(() => lockDirectory(directory), { code: 'store-locked', message: new RegExp(`${process.pid}`) });
  assert.match(lockElsewhere(directory), new RegExp(`^store-locked .*${directory}.*process ${process.pid}`));
  lock.release();
  assert.equal(lockElsewhere(directory), 'locked\n');
  lockDirectory(directory).release();
});

test('a process in a process namespace of its own is refused, too', (t) => {
  const namespace = ['unshare', '--map-root-user', '--pid', '--fork'];
  if (spawnSync('unshare', [...namespace.slice(1), 'true']).status !== 0) return t.skip('no namespaces here');
  const directory = temporaryDirectory(t);
  const lock = lockDirectory(directory);
  assert.match(lockElsewhere(directory, namespace), /^store-locked /);
  lock.release();
  assert.equal(lockElsewhere(directory, namespace), 'locked\n');
  return undefined;
});

test('the lock holds when the process opens and closes its file again', (t) => {
  const directory = temporaryDirectory(t);
  const lock = lockDirectory(directory);
  closeSync(openSync(join(directory, LOCK_FILE), 'r'));
  assert.match(lockElsewhere(directory), /^store-locked /);
  lock.release();
});

test('a lock file that an ended process left, whatever stands in it, is no lock', (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(lockElsewhere(directory), 'locked\n');
  assert.match(readFileSync(join(directory, LOCK_FILE), 'utf8'), /^process \d+ on /);
  writeFileSync(join(directory, LOCK_FILE), 'x'.repeat(100_000));
  lockDirectory(directory).release();
});

test('a directory that cannot hold a lock file is refused by name', (t) => {
  const directory = join(temporaryDirectory(t), 'missing');
  assert.throws(() => lockDirectory(directory), { code: 'store-unusable', message: new RegExp(directory) });
});
