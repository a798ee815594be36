import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { settingsDocument } from '../../src/cli/settings-document.ts';
import { settingsTable } from '../../src/settings/settings.ts';
import { kvorumInProcess } from './in-process.ts';

/** This file runs as dist/test/cli/settings-document.test.js. */
const documentUrl = new URL('../../../docs/settings.md', import.meta.url);

test('docs/settings.md is what kvorum config --output markdown writes, whatever the environment says', async () => {
  const { code, stdout } = await kvorumInProcess(['config', '--output', 'markdown'], { KVORUM_MODE: 'sync' });
  assert.equal(code, 0);
  assert.equal(
    stdout.toString(),
    readFileSync(documentUrl, 'utf8'),
    'write it again: node dist/src/cli/main.js config --output markdown > docs/settings.md',
  );
});

test('settingsDocument() has a row for each setting, all of them with as many cells', () => {
  const rows = settingsDocument({})
    .split('\n')
    .filter((line) => line.startsWith('|'));
  assert.equal(rows.length, Object.keys(settingsTable).length + 2);
  for (const { flag } of Object.values(settingsTable))
    assert.ok(
      rows.some((row) => row.includes(`\`--${flag}\``)),
      flag,
    );
  assert.deepEqual([...new Set(rows.map((row) => row.split(/(?<!\\)\|/).length))], [9]);
});

test('settingsDocument() says of settings that are gone why they went', () => {
  const text = settingsDocument({ oldBytesMax: 'the log is bounded by --log-bytes-max' });
  assert.ok(text.endsWith('| `oldBytesMax` `--old-bytes-max` | the log is bounded by --log-bytes-max |\n'), text);
});
