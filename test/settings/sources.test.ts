import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { finder, type Environment } from '../../src/settings/sources.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const gone = { oldBytesMax: 'the log is bounded by --log-bytes-max' };
const nothing = new Map();

function settingsFile(t: TestContext, content: unknown): string {
  const path = join(temporaryDirectory(t), 'node.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function find(environment: Environment) {
  return finder({ flags: nothing, environment }, gone);
}

test('finder() refuses a variable of a setting that is gone, and says why it went', () => {
  assert.throws(() => find({ KVORUM_OLD_BYTES_MAX: '1MiB' }), {
    code: 'bad-setting',
    message: 'KVORUM_OLD_BYTES_MAX is gone: the log is bounded by --log-bytes-max',
  });
});

test('finder() takes an empty variable of a setting that is gone for an unset one', () => {
  assert.equal(find({ KVORUM_OLD_BYTES_MAX: '', KVORUM_WORKERS: '2' })('workers')?.text, '2');
});

test('finder() refuses a setting that is gone in a file, and says why it went', (t) => {
  const path = settingsFile(t, { workers: 2, oldBytesMax: 1 });
  assert.throws(() => find({ KVORUM_CONFIG: path }), {
    code: 'bad-setting',
    message: `"oldBytesMax" in "${path}" is gone: the log is bounded by --log-bytes-max`,
  });
});

test('finder() says where a setting stands', (t) => {
  const config = settingsFile(t, { workers: 2, timeoutMs: '2s' });
  const found = finder({ flags: new Map([['config', config]]), environment: { KVORUM_WORKERS: '3' } });
  assert.deepEqual(found('workers'), { text: '3', origin: 'environment', where: 'KVORUM_WORKERS' });
  assert.deepEqual(found('timeoutMs'), { text: '2s', origin: 'file', where: config });
  assert.equal(found('mode'), undefined);
});
