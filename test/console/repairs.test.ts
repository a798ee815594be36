import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSeen } from '../../src/console/health.ts';
import { repairsOf } from '../../src/console/repairs.ts';
import { readAnswer } from '../../src/console/seen.ts';

function node(url: string, more: Readonly<Record<string, unknown>>, silence?: string): NodeSeen {
  const answer = readAnswer({ now: 1, status: { node: { url }, state: 'ready', ...more } });
  assert.ok(typeof answer !== 'string');
  return { url, status: answer.status, silence, isStale: false };
}

const at = '2026-01-01T00:00:00.000Z';
const same = (url: string) => ({ url, state: 'identical', identicalSince: at });

test('nodes that tell nothing of it are passed over', () => {
  assert.equal(repairsOf([node('http://n1', {})]), undefined);
  assert.equal(repairsOf([node('http://n1', { hints: [] }, 'it is down')]), undefined);
});

test('where all is the same and nothing is kept, that is said', () => {
  const found = repairsOf([node('http://n1', { hints: [], repair: { peers: [same('http://n2')] } })]);
  assert.deepEqual(found?.verdict, { tone: 'good', word: 'no node misses a write that is known of' });
  assert.deepEqual(
    found?.rows.map(({ by, of, tone, identicalSince }) => [by, of, tone, identicalSince]),
    [['http://n1', 'http://n2', 'good', Date.parse(at)]],
  );
});

test('what is kept for a node is told with the comparison, and without one', () => {
  const hints = [{ target: 'http://n2', count: 7, bytes: 900, oldest: at }];
  const found = repairsOf([
    node('http://n1', { hints, repair: { peers: [{ url: 'http://n2', state: 'unavailable', error: 'it is down' }] } }),
    node('http://n3', { hints }),
  ]);
  assert.deepEqual(found?.verdict, { tone: 'warn', word: 'writes are kept for 1 node' });
  assert.deepEqual(
    found?.rows.map(({ word, kept, keptBytes, oldest, why }) => [word, kept, keptBytes, oldest, why]),
    [
      ['cannot be compared', 7, 900, Date.parse(at), 'it is down'],
      ['misses writes', 7, 900, Date.parse(at), ''],
    ],
  );
});
