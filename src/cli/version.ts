/** The version of this program, out of its package.json. */
import { readFileSync } from 'node:fs';

export function readVersion(): string {
  // From dist/src/cli, where this file runs.
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  const isPackage = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return isPackage ? String(parsed.version) : 'unknown';
}
