import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResidentMemory } from '../../src/metrics/resident-memory.ts';

test("resident memory is told by what is the process's own and what is the page cache's", () => {
  const status =
    'Name:\tnode\nVmRSS:\t  426724 kB\nRssAnon:\t  248832 kB\nRssFile:\t  177892 kB\nRssShmem:\t       0 kB\n';
  assert.deepEqual(parseResidentMemory(status), { anonymousBytes: 248832 * 1024, fileBytes: 177892 * 1024 });
  assert.equal(parseResidentMemory('Name:\tnode\nVmRSS:\t  426724 kB\n'), undefined, 'older kernels do not say');
});
