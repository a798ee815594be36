/** The rules by which stores form a cluster, lose their vote and get it back, and histories that earlier drafts got wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accepted,
  awaited,
  forming,
  knownAfter,
  replacedStores,
  countersAfter,
  isNews,
  standingAfter,
  standingAtStart,
  type View,
} from '../../src/domain/standing.ts';
import type { Claim, ClusterList, KnownStores, Recovering, Standing } from '../../src/domain/node-claim.ts';

const urls = ['http://a:1', 'http://b:1', 'http://c:1'] as const;
const list: ClusterList = { urls, replicationFactor: 3 };
const now = 1_000_000;
const voting: Standing = { kind: 'voting', formed: {}, isAccepted: false };

/** A node as the rules see it: what it keeps, over starts and wipes. */
class Node {
  readonly url: string;
  list: ClusterList = list;
  storeId: string;
  startId = 0;
  counter = 1;
  counterFound = 0;
  replaces: readonly string[] = [];
  standing: Standing = forming;
  knows: KnownStores = {};
  isNewCluster = false;
  hasMetPeers = true;
  readonly seen = new Map<string, Claim>();

  constructor(url: string) {
    this.url = url;
    this.storeId = `${url} 1`;
  }

  get claim(): Claim {
    return {
      ...this.self,
      standing: this.standing,
      knows: this.knows,
      newest: 7,
      serial: 1,
    };
  }

  get self() {
    const { url, storeId, counter, counterFound, replaces } = this;
    return { url, storeId, counter, counterFound, startId: `${url} start ${this.startId}`, replaces };
  }

  get view(): View {
    return {
      self: this.self,
      list: this.list,
      knows: this.knows,
      claims: [...this.seen.values()],
      isNewCluster: this.isNewCluster,
      hasMetPeers: this.hasMetPeers,
      nowMicros: now,
    };
  }

  take(claim: Claim): void {
    this.knows = knownAfter(this.knows, claim);
    this.seen.set(claim.url, claim);
    const { view } = this;
    const before = this.standing;
    this.standing = standingAfter(before, view);
    Object.assign(this, countersAfter(before, this.standing, view));
    this.replaces = replacedStores(this.standing, view);
  }

  restart(): void {
    this.counterFound = this.counter;
    this.counter++;
    this.startId++;
    this.seen.clear();
  }

  wipe(): void {
    this.restart();
    this.storeId = `${this.url} wiped ${this.startId}`;
    [this.counterFound, this.counter, this.replaces] = [0, 1, []];
    [this.standing, this.knows] = [forming, {}];
  }

  merge(other: Node): void {
    const { standing } = this;
    if (standing.kind !== 'recovering') return;
    const as = other.standing.kind === 'voting' ? 'voting' : 'power-loss';
    const one = { storeId: other.storeId, as, upTo: '', isDone: true } as const;
    this.standing = { ...standing, merged: { ...standing.merged, [other.url]: one } };
    this.take(other.claim);
  }
}

/** Both tell each other, and again with what they made of it, as nodes do. */
function meet(left: Node, right: Node): void {
  for (let round = 0; round < 3; round++) {
    right.take(left.claim);
    left.take(right.claim);
  }
}

function three(): [Node, Node, Node] {
  const [a, b, c] = urls.map((url) => new Node(url));
  return [a as Node, b as Node, c as Node];
}

function meetAll(...nodes: readonly Node[]): void {
  for (const [index, node] of nodes.entries()) for (const other of nodes.slice(index + 1)) meet(node, other);
}

/** Three nodes that vote, each of which knows that the others do. */
function formed(): [Node, Node, Node] {
  const nodes = three();
  meetAll(...nodes);
  meetAll(...nodes);
  return nodes;
}

const kinds = (...nodes: readonly Node[]): string[] =>
  nodes.map(({ standing }) => (standing.kind === 'recovering' ? standing.reason : standing.kind));

test('new nodes form a cluster when all of them have met, and not before', () => {
  const [a, b, c] = three();
  meet(a, b);
  assert.deepEqual(kinds(a, b, c), ['forming', 'forming', 'forming']);
  meet(a, c);
  assert.deepEqual(kinds(a, b, c), ['voting', 'forming', 'voting']);
  meet(b, c);
  assert.deepEqual(kinds(b), ['voting'], 'and who hears that it was among them votes, too');
});

test('a forming node says for whom it waits', () => {
  const [a, b] = three();
  meet(a, b);
  const view = { self: a.self, list, knows: a.knows, isNewCluster: false, hasMetPeers: true, nowMicros: now };
  assert.deepEqual(awaited({ ...view, claims: [b.claim] }), ['http://c:1']);
  assert.deepEqual(awaited({ ...view, claims: [{ ...b.claim, standing: recovering('empty') }] }), ['http://c:1']);
});

test('a single node forms its cluster by itself', () => {
  const node = new Node(urls[0]);
  const view = { self: node.self, knows: {}, claims: [], isNewCluster: false, hasMetPeers: true, nowMicros: now };
  assert.equal(standingAfter(forming, { ...view, list: { urls: [urls[0]], replicationFactor: 1 } }).kind, 'voting');
});

test('a node that was wiped recovers, and votes when it has merged with both others', () => {
  const [a, b, c] = formed();
  a.wipe();
  meet(a, b);
  assert.deepEqual(kinds(a, b, c), ['empty', 'voting', 'voting']);
  a.merge(b);
  assert.deepEqual(kinds(a), ['empty']);
  meet(a, c);
  a.merge(c);
  assert.deepEqual(kinds(a), ['voting']);
});

test('history: a and b without c, then a wiped and c started: the two that are new do not form without what b knows', () => {
  const [a, b, c] = three();
  meet(a, b);
  a.wipe();
  b.seen.clear();
  meet(a, c);
  assert.deepEqual(kinds(a, c), ['forming', 'forming']);
  meet(b, c);
  meet(a, c);
  assert.ok(!kinds(a, b, c).includes('voting'));
  meet(a, b);
  assert.deepEqual(
    kinds(a, b, c),
    ['empty', 'voting', 'forming'],
    'b has all that it acknowledged with the a of before',
  );
  meet(b, c);
  assert.deepEqual(kinds(c), ['voting'], 'and c never had any');
  meet(a, c);
  a.merge(b);
  assert.deepEqual(kinds(a), ['empty']);
  a.merge(c);
  assert.deepEqual(kinds(a), ['voting']);
});

test('a node that lost its power or some of its log while the cluster formed does not keep it from forming', () => {
  for (const lost of ['power-loss', 'damaged-log'] as const) {
    const [a, b, c] = three();
    meet(a, b);
    a.restart();
    a.standing = standingAtStart({ standing: a.standing, hasStore: true, lost, oldList: undefined, nowMicros: now });
    meet(a, b);
    assert.deepEqual(kinds(a, b), [lost, 'forming'], 'while one is not there');
    meetAll(a, b, c);
    meetAll(a, b, c);
    assert.deepEqual(kinds(a, b, c), [lost, 'voting', 'voting']);
  }
});

test('a forming node that somebody knows another store of never votes, whoever else lost what', () => {
  const [a, b, c] = formed();
  a.wipe();
  meet(a, b);
  b.wipe();
  meet(b, c);
  c.wipe();
  meetAll(a, b, c);
  meetAll(a, b, c);
  assert.ok(!kinds(a, b, c).includes('voting'), kinds(a, b, c).join());
});

test('history: two nodes wiped one after the other do not complete each other', () => {
  const [a, b, c] = formed();
  a.wipe();
  meet(a, c);
  b.wipe();
  meetAll(a, b, c);
  meetAll(a, b, c);
  a.merge(c);
  b.merge(c);
  meetAll(a, b, c);
  assert.deepEqual(kinds(a, b, c), ['empty', 'empty', 'voting']);
});

test('a wiped node that finds nobody forms nothing, and recovers as soon as one of the others is there', () => {
  const [a, b] = formed();
  a.wipe();
  assert.deepEqual(kinds(a), ['forming']);
  b.restart();
  meet(a, b);
  assert.deepEqual(kinds(a, b), ['empty', 'voting']);
});

test('a store that is older than a peer has seen recovers, also if nothing but its counter tells', () => {
  const [a, b, c] = formed();
  const copied = a.counter;
  a.restart();
  meet(a, b);
  assert.deepEqual(kinds(a), ['voting'], 'a restart is no loss');
  a.counter = copied;
  a.restart();
  meet(a, b);
  assert.deepEqual(kinds(a), ['older-store']);
  a.merge(b);
  meet(a, c);
  a.merge(c);
  assert.deepEqual(kinds(a), ['voting']);
  meet(a, b);
  assert.deepEqual(kinds(a), ['voting'], 'and what the peers know of it is no loss any more');
});

test('one that recovers and becomes older recovers from the beginning, whatever told its peers of it first', () => {
  const [a, b, c] = formed();
  a.wipe();
  meet(a, b);
  a.merge(b);
  for (let time = 0; time < 2; time++) {
    const copy = { counter: a.counter, standing: a.standing, knows: a.knows, replaces: a.replaces };
    a.restart();
    meetAll(a, b, c);
    Object.assign(a, copy);
    a.restart();
    meet(a, c);
    meet(a, b);
    assert.deepEqual(kinds(a), ['older-store']);
    assert.deepEqual((a.standing as Recovering).merged, {}, 'what it took after that merge is gone');
    a.merge(b);
    meet(a, b);
    assert.notDeepEqual((a.standing as Recovering).merged, {}, 'and this is found once');
  }
  a.merge(c);
  assert.deepEqual(kinds(a), ['voting']);
});

test('what a process said before does not make a peer forget what it said since', () => {
  const [a, b] = formed();
  const [late, copied] = [a.claim, a.counter];
  a.counter += 5;
  meet(a, b);
  b.take(late);
  a.counter = copied + 1;
  a.restart();
  meet(a, b);
  assert.deepEqual(kinds(a), ['older-store']);
});

test('of the claims of a process the later one counts, and of two processes that of the one there is a connection to', () => {
  const [a] = three();
  const first = { ...a.claim, serial: 1 };
  const second = { ...first, serial: 2 };
  a.restart();
  const next = { ...a.claim, serial: 1 };
  const rows = [
    [second, first, false, true],
    [first, second, false, false],
    [first, second, true, false],
    [next, second, true, true],
    [first, next, false, false],
  ] as const;
  for (const [claim, before, isConnected, expected] of rows) assert.equal(isNews(claim, before, isConnected), expected);
});

test('a process that put its store aside and began anew has lost it, too', () => {
  const [a, b] = formed();
  const { startId } = a;
  a.wipe();
  a.startId = startId;
  meet(a, b);
  assert.deepEqual(kinds(a), ['empty']);
});

test('a peer that slept through a wipe and a recovery takes the new store, and knows the old one as older', () => {
  const [a, b, c] = three();
  const d = new Node('http://d:1');
  const four = { urls: [...urls, d.url], replicationFactor: 3 };
  for (const node of [a, b, c, d]) node.list = four;
  meetAll(a, b, c, d);
  meetAll(a, b, c, d);
  const old = a.storeId;
  a.wipe();
  for (const other of [b, c, d]) meet(a, other);
  for (const other of [b, c, d]) a.merge(other);
  a.wipe();
  for (const other of [b, c]) meet(a, other);
  assert.deepEqual(a.replaces.includes(old), true);
  for (const other of [b, c]) a.merge(other);
  // By the other two the last one is told of as merged, too.
  a.standing = voting;
  d.seen.clear();
  meet(a, d);
  assert.deepEqual(kinds(a), ['voting']);
  a.storeId = old;
  a.replaces = [];
  a.restart();
  meet(a, d);
  assert.deepEqual(kinds(a), ['older-store']);
});

test('however often a node was wiped, a peer that is put back to before some of that takes it as it is', () => {
  const [a, b, c] = formed();
  const stores = [a.storeId];
  const copies: KnownStores[] = [b.knows];
  for (let wipe = 0; wipe < 40; wipe++) {
    a.wipe();
    const others = wipe % 2 === 0 ? [b, c] : [c, b];
    for (const other of others) a.take(other.claim);
    for (const other of others) {
      meet(a, other);
      a.merge(other);
    }
    meetAll(a, b, c);
    assert.deepEqual(kinds(a, b, c), ['voting', 'voting', 'voting'], `wipe ${wipe}`);
    assert.deepEqual(a.replaces, stores.slice(0, 16), `wipe ${wipe}`);
    stores.unshift(a.storeId);
    copies.push(b.knows);
  }
  b.knows = copies.at(-12) as KnownStores;
  b.restart();
  meet(a, b);
  assert.deepEqual(kinds(a), ['voting']);
});

test('a node that is put back to a copy of itself keeps those of its stores that came after the copy', () => {
  const [a, b, c] = formed();
  const recover = (): void => {
    for (const other of [b, c]) a.take(other.claim);
    for (const other of [b, c]) {
      meet(a, other);
      a.merge(other);
    }
    meetAll(a, b, c);
    assert.deepEqual(kinds(a, b, c), ['voting', 'voting', 'voting']);
  };
  for (let wipe = 0; wipe < 15; wipe++) {
    a.wipe();
    recover();
  }
  const { storeId, counter, standing, knows, replaces } = a;
  const known: KnownStores[] = [];
  // The second time what came before the first time stands behind the copy in the peers' lists.
  for (let time = 0; time < 2; time++) {
    for (let wipe = 0; wipe < 3; wipe++) {
      a.wipe();
      recover();
      known.push(b.knows);
    }
    Object.assign(a, { storeId, counter, standing, knows, replaces });
    a.restart();
    for (const other of [b, c]) a.take(other.claim);
    assert.deepEqual(kinds(a), ['older-store']);
    // The process puts the store aside; what it was goes into what is kept.
    const aside = [a.storeId, ...a.replaces];
    a.wipe();
    a.replaces = aside;
    recover();
  }
  for (const older of known) {
    b.knows = older;
    b.restart();
    b.seen.clear();
    meet(a, b);
    assert.deepEqual(kinds(a), ['voting']);
  }
});

test('nodes that lost power together merge with each other; one that lost its store stays out', () => {
  const [a, b, c] = three();
  for (const node of [a, b, c]) {
    const found = { standing: voting, hasStore: true, lost: 'power-loss', oldList: undefined, nowMicros: now } as const;
    node.standing = standingAtStart(found);
  }
  meetAll(a, b, c);
  a.merge(b);
  assert.deepEqual(kinds(a), ['power-loss']);
  a.merge(c);
  assert.deepEqual(kinds(a), ['voting']);
  b.merge(a);
  b.merge(c);
  assert.deepEqual(kinds(b), ['voting']);
  c.wipe();
  meetAll(a, b, c);
  assert.deepEqual(kinds(c), ['empty']);
});

test('--new-cluster forms with those that are there, and never against what one of them knows', () => {
  const [a, b, c] = three();
  [a.isNewCluster, b.isNewCluster] = [true, true];
  meet(a, b);
  assert.deepEqual(kinds(a, b), ['voting', 'voting']);
  meetAll(a, b, c);
  assert.deepEqual(kinds(c), ['empty'], 'who comes later recovers');
  a.wipe();
  meet(a, b);
  assert.deepEqual(kinds(a), ['empty']);
});

test('started with --new-cluster at once, a node votes also beside one that did so before they met', () => {
  const [a, b] = three();
  [a.isNewCluster, b.isNewCluster] = [true, true];
  b.standing = standingAfter(b.standing, b.view);
  assert.deepEqual(kinds(b), ['voting'], 'nobody was up');
  a.hasMetPeers = false;
  a.take(b.claim);
  assert.deepEqual(kinds(a), ['forming'], 'others may be up');
  a.hasMetPeers = true;
  a.take(b.claim);
  assert.deepEqual(kinds(a), ['voting']);
});

test('accepted by hand, a store counts whatever the peers knew, until they know a newer state of it', () => {
  const [a, b] = formed();
  a.wipe();
  a.standing = accepted();
  meet(a, b);
  assert.deepEqual(kinds(a, b), ['voting', 'voting']);
  const copied = a.counter;
  a.restart();
  meet(a, b);
  a.counter = copied;
  a.restart();
  meet(a, b);
  assert.deepEqual(kinds(a), ['older-store']);
});

/** What is kept, whether there is a store, what was lost, whether the list changed; what it begins with. */
const starts: readonly (readonly [
  Standing | undefined,
  boolean,
  'damaged-log' | 'power-loss' | undefined,
  boolean,
  string,
])[] = [
  [undefined, false, undefined, false, 'forming'],
  [undefined, true, undefined, false, 'voting'],
  [undefined, true, 'power-loss', false, 'power-loss'],
  [voting, false, undefined, false, 'empty'],
  [forming, true, undefined, false, 'forming'],
  [forming, true, 'damaged-log', false, 'damaged-log'],
  [voting, true, 'damaged-log', false, 'damaged-log'],
  [voting, true, undefined, true, 'new-topology'],
  [recovering('empty'), true, 'power-loss', false, 'empty'],
  [recovering('power-loss'), true, 'damaged-log', false, 'damaged-log'],
  [recovering('older-store'), true, undefined, false, 'older-store'],
];

function recovering(reason: Recovering['reason']): Recovering {
  const merged = { 'http://b:1': { storeId: 'b', as: 'voting', upTo: '', isDone: true } } as const;
  return { kind: 'recovering', reason, since: 1, told: {}, merged, old: undefined };
}

for (const [standing, hasStore, lost, isMoved, expected] of starts) {
  const what = `${standing === undefined ? 'nothing kept' : standing.kind}, ${hasStore ? 'a' : 'no'} store, ${lost ?? 'nothing'} lost`;
  test(`a start with ${what}${isMoved ? ', another list' : ''} begins as ${expected}`, () => {
    const oldList = isMoved ? { urls: [urls[0]], replicationFactor: 1 } : undefined;
    const after = standingAtStart({ standing, hasStore, lost, oldList, nowMicros: now });
    assert.equal(after.kind === 'recovering' ? after.reason : after.kind, expected);
    if (lost !== undefined) assert.deepEqual((after as Recovering).merged, {}, 'what was merged may be lost');
  });
}

test('a new node beside nodes that leave a list takes the old list from them', () => {
  const [a] = three();
  const d = new Node('http://d:1');
  const old = { urls: [...urls], replicationFactor: 3 };
  const found = { standing: voting, hasStore: true, lost: undefined, oldList: old, nowMicros: now };
  a.standing = standingAtStart(found);
  meet(a, d);
  assert.equal(d.standing.kind, 'recovering');
  assert.equal(a.standing.kind, 'recovering');
  assert.deepEqual(d.standing.old, { ...old, isMember: false });
  assert.deepEqual(a.standing.old, { ...old, isMember: true });
});
