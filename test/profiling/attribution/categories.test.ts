/** Every file of the node belongs to a part, so that no cost is lost when the code base grows. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { categories, projectTable } from '../../../profiling/attribution/categories.ts';
import { ownerOfFile } from '../../../profiling/attribution/frame.ts';

/** This file runs as dist/test/profiling/attribution/categories.test.js. */
const root = fileURLToPath(new URL('../../../../', import.meta.url));

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).split(sep).join('/'));
}

test('every file of src and workers has a part; a new one is given one in categories.ts', () => {
  const files = [...sourceFiles('src'), ...sourceFiles('workers')];
  assert.ok(files.length > 70, `only ${files.length} files`);
  assert.deepEqual(
    files.filter((file) => ownerOfFile(file) === undefined),
    [],
  );
});

test('a file in a new folder, or a new file beside the known ones, has no part', () => {
  for (const file of ['src/new/file.ts', 'src/new.ts', 'src/domain/new.ts', 'workers/new.ts', 'elsewhere/a.ts']) {
    assert.equal(ownerOfFile(file), undefined, file);
  }
});

test('the longest prefix wins', () => {
  assert.equal(ownerOfFile('src/http/connection.ts'), 'http-front');
  assert.equal(ownerOfFile('src/http/head.ts'), 'parse-admit');
  assert.equal(ownerOfFile('workers/ranges/scan.ts'), 'storage');
  assert.equal(ownerOfFile('workers/ranges/metrics.ts'), 'metrics');
  assert.equal(ownerOfFile('src/diagnostics/errors.ts'), 'caller');
});

test('the table has no row twice, and names only parts that there are', () => {
  const prefixes = projectTable.map(([prefix]) => prefix);
  assert.equal(new Set(prefixes).size, prefixes.length);
  for (const [prefix, owner] of projectTable) {
    assert.ok(owner === 'caller' || categories.includes(owner), prefix);
    assert.match(prefix, /^(?:src|workers|profiling)\//);
  }
});
