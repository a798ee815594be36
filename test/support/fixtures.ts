/** Recorded pieces of real runs, kept beside the tests that read them. */
import { readFileSync } from 'node:fs';

/** This file runs as dist/test/support/fixtures.js; fixtures are not compiled. */
const folder = new URL('../../../test/profiling/fixtures/', import.meta.url);

export function fixtureText(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}

export function fixtureJson(name: string): unknown {
  return JSON.parse(fixtureText(name));
}
