/** Directories that are gone after the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A new empty directory, removed after the test. */
export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kvorum-test-'));
  // Nodes that end with the test may still write into it.
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}
