/**
 * keyv's own test suite, which is written for vitest, under node:test: `it`, `beforeEach`, `afterEach`, and of `expect` what
 * the suite uses. vitest itself and what comes with it are 60 packages that the suite's code never imports: package.json
 * puts an empty one in their place.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

type Run = (t: { readonly expect: typeof expect }) => unknown;

export interface SuiteRunner {
  it(name: string, run: Run): void;
  beforeEach(run: () => Promise<void>): void;
  afterEach(run: () => Promise<void>): void;
}

let left: number | undefined;

/** For one `describe` of node:test, in which the hooks of its part of the suite stay. */
export const runner: SuiteRunner = {
  it: (name, run) => {
    it(name, async () => {
      left = undefined;
      await run({ expect });
      assert.ok(left === undefined || left === 0, 'as many assertions as were announced');
    });
  },
  beforeEach: (run) => beforeEach(run),
  afterEach: (run) => afterEach(run),
};

function expect(actual: unknown): Record<string, (expected?: unknown) => void> {
  if (left !== undefined) left--;
  return {
    toBe: (expected) => assert.ok(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`),
    toEqual: (expected) =>
      assert.ok(isDeepStrictEqual(actual, expected), `${String(actual)} is not ${String(expected)}`),
    toBeTruthy: () => assert.ok(actual, `${String(actual)} is not truthy`),
    toBeFalsy: () => assert.ok(!actual, `${String(actual)} is not falsy`),
    toBeUndefined: () => assert.equal(actual, undefined),
    toBeDefined: () => assert.notEqual(actual, undefined),
    toBeNull: () => assert.equal(actual, null),
  };
}

expect.assertions = (count: number): void => {
  left = count;
};
