import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/bootstrap.mjs', import.meta.url));

test('what is built already is not built again', () => {
  // These tests run from a build.
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'build'], { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});
