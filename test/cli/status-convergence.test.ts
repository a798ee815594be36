import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convergenceSection, identicalCell } from '../../src/cli/status-convergence.ts';

const now = Date.parse('2026-11-28T12:00:00Z');
const peer = (identicalAt: string | null, state = 'identical') => ({ url: 'http://n2', state, identicalAt });

const cells: readonly [peers: readonly unknown[], cell: string][] = [
  [[], '-'],
  [[peer('2026-11-28T11:59:18Z')], '42s ago'],
  [[peer('2026-11-28T11:59:18Z'), peer('2026-11-28T11:15:00Z')], '45m ago'],
  [[peer('2026-11-28T09:00:00Z')], '3h ago'],
  [[peer('2026-11-28T12:00:05Z')], '0s ago'],
  [[peer('2026-11-28T11:59:18Z'), peer(null, 'waiting')], 'not yet'],
];

for (const [peers, cell] of cells) {
  test(`a node with ${JSON.stringify(peers)} was found identical ${cell}`, () => {
    assert.equal(identicalCell({ repair: { peers } }, now), cell);
  });
}

test('what a node of another version does not tell is a dash, and no sentence', () => {
  assert.equal(identicalCell({}, now), '-');
  assert.deepEqual(convergenceSection.notices({}), []);
});

test('a node says which side lacks something', () => {
  const peers = [peer(null, 'pulling'), peer(null, 'differing'), peer(null, 'comparing'), peer(null)];
  assert.deepEqual(convergenceSection.notices({ repair: { peers } }), [
    'pulls what it lacks from http://n2',
    'has what http://n2 lacks',
  ]);
});
