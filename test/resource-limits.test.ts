import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../src/diagnostics/errors.ts';
import { GIB } from '../src/domain/units.ts';
import { assertAddressSpace, openFilesProblem, parseLimits } from '../src/resource-limits.ts';

const text = [
  'Limit                     Soft Limit           Hard Limit           Units     ',
  'Max open files            20000                30000                files     ',
  'Max address space         102400000000         unlimited            bytes     ',
].join('\n');

test('parseLimits() reads the soft limits, and knows none where none is told', () => {
  assert.deepEqual(parseLimits(text), { addressSpaceBytes: 102_400_000_000, openFiles: 20_000 });
  const none = { addressSpaceBytes: Number.POSITIVE_INFINITY, openFiles: Number.POSITIVE_INFINITY };
  assert.deepEqual(parseLimits(text.replaceAll(/\d+ /g, 'unlimited ')), none);
  assert.deepEqual(parseLimits(''), none);
});

test('assertAddressSpace() refuses a store whose map does not fit, and names a size that does', () => {
  const limits = parseLimits(text);
  const refused = (storeBytesMax: number): string => {
    try {
      assertAddressSpace({ storeBytesMax, workers: 1 }, limits);
      return '';
    } catch (error) {
      assert.ok(error instanceof KvorumError && error.code === 'bad-setting');
      return error.message;
    }
  };
  const [, mebibytes] = /--store-bytes-max (\d+)MiB/.exec(refused(256 * GIB)) ?? [];
  assert.equal(refused(Number(mebibytes) * 1024 * 1024), '');
  assert.match(refused((Number(mebibytes) + 1) * 1024 * 1024), /ulimit -v/);
});

test('openFilesProblem() says what to do where clients alone could use up all open files', () => {
  const node = { workers: 1, cluster: ['a', 'b', 'c'] };
  assert.equal(openFilesProblem({ ...node, connectionsMax: 10_000 }, parseLimits(text)), undefined);
  const problem = openFilesProblem({ ...node, connectionsMax: 20_000 }, parseLimits(text));
  assert.match(String(problem?.['advice']), /ulimit -n to 20\d{3}, or lower --connections-max/);
});
