import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerStatus } from '../../src/protocol/workers.ts';
import { hintsSection } from '../../src/status/hints.ts';
import { peersSection, type PeersInput } from '../../src/status/peers.ts';
import { quorumSection } from '../../src/status/quorum.ts';

const urls = ['http://a', 'http://b', 'http://c'];
const topology = { nodes: urls.map((url, index) => ({ id: index + 1, url })), selfIndex: 0 };

/** The section of the first node, whose workers see its peers so. */
function section(reports: readonly (readonly PeerStatus[])[], more: Partial<PeersInput> = {}) {
  const known = { offsetOf: () => undefined, standingOf: () => 'voting' as const };
  return peersSection({ topology, state: 'ready', reports: reports.map((peers) => ({ peers })), ...known, ...more });
}

const up = (url: string): PeerStatus => ({ url, state: 'up', error: undefined });
const down = (url: string): PeerStatus => ({ url, state: 'down', error: 'connection refused' });
const allUp = urls.slice(1).map(up);

test('peersSection() has a peer down where any worker has, with that worker’s reason, and offsets in milliseconds', () => {
  const offsetOf: PeersInput['offsetOf'] = (url) =>
    url === 'http://b' ? { micros: 1500, errorMicros: 250 } : undefined;
  const nodes = section([allUp, [up('http://b'), down('http://c')]], { offsetOf });
  assert.deepEqual(
    nodes.map(({ url, self, state, error }) => [url, self, state, error]),
    [
      ['http://a', true, 'ready', undefined],
      ['http://b', false, 'up', undefined],
      ['http://c', false, 'down', 'connection refused'],
    ],
  );
  assert.deepEqual(nodes[1]?.clock, { offsetMs: 1.5, errorMs: 0.25 });
});

test('quorumSection() counts who is down for both, and who does not vote for reads only', () => {
  const count = { own: 'voting', replicaCount: 3 } as const;
  const whole = quorumSection(section([allUp]), count);
  assert.deepEqual([whole.reads.state, whole.writes.state, whole.notes], ['whole', 'whole', []]);
  const one = quorumSection(section([[up('http://b'), down('http://c')]]), count);
  assert.deepEqual([one.reads.state, one.writes.state, one.notes.length], ['at-risk', 'at-risk', 1]);
  const recovering = quorumSection(section([[up('http://b'), down('http://c')]]), { ...count, own: 'recovering' });
  assert.deepEqual([recovering.reads.state, recovering.writes.state], ['stopped', 'at-risk']);
  const peer = section([allUp], { standingOf: (url) => (url === 'http://b' ? 'recovering' : 'voting') });
  assert.deepEqual([quorumSection(peer, count).reads.lost, quorumSection(peer, count).writes.lost], [1, 0]);
  const forming = section([allUp], { standingOf: () => 'forming' });
  assert.equal(quorumSection(forming, count).reads.lost, 0, 'what was said before the cluster was formed');
  assert.equal(quorumSection(forming, { ...count, own: 'forming' }).reads.state, 'stopped');
});

test('hintsSection() tells for each node what all workers keep for it, and since when', () => {
  const kept = (count: number, oldest: number | undefined) => ({
    target: 'http://b',
    count,
    bytes: 10 * count,
    oldest,
  });
  const nothing = { ...kept(0, undefined), target: 'http://c' };
  const told = hintsSection([{ hints: [kept(2, 2_000_000), nothing] }, { hints: [kept(1, 1_000_000)] }]);
  assert.deepEqual(told, [{ target: 'http://b', count: 3, bytes: 30, oldest: '1970-01-01T00:00:01.000Z' }]);
});
