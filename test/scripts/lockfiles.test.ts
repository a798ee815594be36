/** The lockfiles: npm checks what it downloads against a hash only where the lockfile has one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
}

for (const folder of ['', 'profiling/clinic/tool/']) {
  const url = new URL(`../../../${folder}package-lock.json`, import.meta.url);
  const { packages } = JSON.parse(readFileSync(url, 'utf8')) as { readonly packages: Readonly<Record<string, Locked>> };
  const { '': _root, ...locked } = packages;

  test(`${folder}package-lock.json names the hash of every package, and no registry`, () => {
    assert.ok(Object.keys(locked).length > 100);
    const withoutHash = Object.entries(locked).filter(([, { integrity = '' }]) => !/^sha(?:512|1)-/.test(integrity));
    assert.deepEqual(withoutHash, []);
    const withRegistry = Object.entries(locked).filter(([, { resolved }]) => resolved !== undefined);
    assert.deepEqual(withRegistry, []);
  });
}
