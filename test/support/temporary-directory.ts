/** Directories that are gone after the tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const made: string[] = [];

/**
 * A new empty directory, removed when the test file ends: hooks run in the order in which they were registered, and what
 * has files open in the directory is closed by a later one.
 */
export function temporaryDirectory(_t: TestContext): string {
  if (made.length === 0) process.once('exit', removeAll);
  const path = mkdtempSync(join(tmpdir(), 'kvorum-test-'));
  made.push(path);
  return path;
}

function removeAll(): void {
  for (const path of made) rmSync(path, { recursive: true, force: true, maxRetries: 10 });
}
