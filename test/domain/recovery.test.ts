/** Which keys a recovering node votes on, and when for all of them, against a count of every key's replicas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { majority } from '../../src/domain/quorum.ts';
import { floorOf, isRecovered, replicatesHere, sourceOf, votingRule } from '../../src/domain/recovery.ts';
import type {
  Claim,
  ClusterList,
  LossReason,
  Merged,
  Recovering,
  SourceKind,
  Standing,
} from '../../src/domain/node-claim.ts';
import { preferenceList } from '../../src/domain/rendezvous.ts';
import { nodeIdOf } from '../../src/domain/topology.ts';

const nodes = ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1', 'http://e:1'];
const self = 'http://a:1';
const hashes = Array.from({ length: 400 }, (_, index) => (index * 2_654_435_761) % 2 ** 32);
const voting: Standing = { kind: 'voting', formed: {}, isAccepted: false };

function list(count: number, replicationFactor: number): ClusterList {
  return { urls: nodes.slice(0, count), replicationFactor };
}

function recovering(reason: LossReason, merged: Readonly<Record<string, SourceKind>>, more: Partial<Recovering> = {}) {
  const done = (as: SourceKind): Merged => ({ storeId: 's', as, upTo: '', isDone: true });
  const entries = Object.entries(merged).map(([url, as]) => [url, done(as)] as const);
  const standing = { kind: 'recovering', reason, since: 0, told: {}, merged: Object.fromEntries(entries) } as const;
  return { ...standing, old: undefined, ...more } satisfies Recovering;
}

function replicasOf(hash: number, { urls, replicationFactor }: ClusterList): string[] {
  return preferenceList(hash, urls.map(nodeIdOf), replicationFactor).map((index) => urls[index] as string);
}

const subsets = (urls: readonly string[]): string[][] =>
  urls.reduce<string[][]>((all, url) => [...all, ...all.map((one) => [...one, url])], [[]]);

for (const cluster of [list(3, 3), list(2, 2), list(4, 3), list(5, 3), list(5, 5), list(3, 1)]) {
  const { urls, replicationFactor } = cluster;
  test(`${replicationFactor} of ${urls.length}: a key is voted on when from - ack + 1 of its others are merged`, () => {
    const needed = replicationFactor - majority(replicationFactor) + 1;
    for (const merged of subsets(urls.slice(1))) {
      const standing = recovering('empty', Object.fromEntries(merged.map((url) => [url, 'voting' as const])));
      const votes = votingRule(standing, cluster, self);
      const own = hashes.filter((hash) => replicasOf(hash, cluster).includes(self));
      for (const hash of own) {
        const there = replicasOf(hash, cluster).filter((url) => merged.includes(url)).length;
        assert.equal(votes(hash), there >= needed, `${merged.join()} of ${replicasOf(hash, cluster).join()}`);
      }
      if (isRecovered(standing, cluster, self)) assert.ok(own.every(votes), merged.join());
      assert.ok(
        hashes.every((hash) => own.includes(hash) || !votes(hash)),
        'nothing that it does not replicate',
      );
      assert.ok(own.every(replicatesHere(cluster, self)));
    }
    const all = recovering('empty', Object.fromEntries(urls.slice(1).map((url) => [url, 'voting' as const])));
    assert.equal(isRecovered(all, cluster, self), replicationFactor > 1, 'a single copy that is lost is lost');
  });
}

test('what is merged half counts for nothing', () => {
  const half = { storeId: 's', as: 'voting', upTo: 'a2V5', isDone: false } as const;
  const standing = recovering('empty', { 'http://b:1': 'voting' });
  const merged = { ...standing.merged, 'http://c:1': half };
  assert.equal(isRecovered({ ...standing, merged }, list(3, 3), self), false);
});

test('after a power loss all others have to be merged, whichever of them lost it as well', () => {
  const cluster = list(3, 3);
  assert.equal(isRecovered(recovering('power-loss', { 'http://b:1': 'power-loss' }), cluster, self), false);
  const both = { 'http://b:1': 'power-loss', 'http://c:1': 'voting' } as const;
  assert.equal(isRecovered(recovering('power-loss', both), cluster, self), true);
  assert.equal(isRecovered(recovering('empty', both), cluster, self), false);
  assert.equal(
    isRecovered(recovering('power-loss', {}), list(1, 1), self),
    true,
    'alone: what is there is all there is',
  );
});

test('leaving a list: a key is voted on when enough replicas of the old list are merged, the node itself among them', () => {
  const [before, after] = [list(3, 3), list(5, 3)];
  const old = { ...before, isMember: true };
  for (const merged of subsets(nodes.slice(1))) {
    const of = Object.fromEntries(merged.map((url) => [url, 'old' as const]));
    for (const isMember of [true, false]) {
      const standing = recovering('new-topology', of, { old: { ...old, isMember } });
      const votes = votingRule(standing, after, self);
      for (const hash of hashes.filter((one) => replicasOf(one, after).includes(self))) {
        const there = replicasOf(hash, before).filter((url) => (url === self ? isMember : merged.includes(url))).length;
        const isKept =
          isMember && replicasOf(hash, before).toSorted().join() === replicasOf(hash, after).toSorted().join();
        assert.equal(votes(hash), there >= 2 || isKept, merged.join());
      }
      const members = merged.filter((url) => before.urls.includes(url)).length + (isMember ? 1 : 0);
      assert.equal(isRecovered(standing, after, self), members >= 2);
    }
  }
});

const claim = (url: string, standing: Standing): Claim => {
  return {
    url,
    storeId: 's',
    counter: 1,
    counterFound: 0,
    startId: 'x',
    replaces: [],
    standing,
    knows: {},
    newest: 9,
    serial: 1,
  };
};

test('only peers that vote count, or that lost power together, or that leave the same list', () => {
  const old = { ...list(2, 2), isMember: true };
  const other = (reason: LossReason, more: Partial<Recovering> = {}): Standing => recovering(reason, {}, more);
  const cases: readonly (readonly [LossReason, Standing, SourceKind | undefined])[] = [
    ['empty', voting, 'voting'],
    ['empty', { kind: 'forming' }, undefined],
    ['empty', other('empty'), undefined],
    ['empty', other('power-loss'), undefined],
    ['power-loss', other('power-loss'), 'power-loss'],
    ['power-loss', other('empty'), undefined],
    ['new-topology', other('new-topology', { old }), 'old'],
    ['new-topology', other('new-topology', { old: { ...old, isMember: false } }), undefined],
    ['new-topology', other('new-topology', { old: { ...old, replicationFactor: 1 } }), undefined],
  ];
  for (const [reason, standing, expected] of cases) {
    const own = recovering(reason, {}, reason === 'new-topology' ? { old } : {});
    assert.equal(
      sourceOf(own, claim('http://b:1', standing), self),
      expected,
      `${reason}, ${JSON.stringify(standing)}`,
    );
  }
});

test('the floor is what enough peers knew, and until they have told what no clock can have stamped before', () => {
  const cluster = list(3, 3);
  const since = 1_000_000;
  const told = (urls: readonly string[]) => Object.fromEntries(urls.map((url, index) => [url, 500 + index]));
  const floor = (urls: readonly string[]) =>
    floorOf(recovering('empty', {}, { since, told: told(urls) }), cluster, self, 10);
  assert.equal(floor([]), since + 10_000);
  assert.equal(floor(['http://b:1']), since + 10_000);
  assert.equal(floor(['http://b:1', 'http://c:1']), 501);
  // Where this node's clock is slow, by what the first peer knew.
  const slow = recovering('empty', {}, { since: 100, told: told(['http://b:1']) });
  assert.equal(floorOf(slow, cluster, self, 10), 500 + 10_000);
  const old = { ...cluster, isMember: true };
  const moving = recovering('new-topology', {}, { since, told: told(['http://b:1']), old });
  assert.equal(floorOf(moving, list(5, 5), self, 10), 500);
});
