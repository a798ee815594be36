/** Topologies: every node sees the same cluster, however it was written down, and a wrong one is refused. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nodeIdOf, nodesMax, parseTopology, topologyDigest } from '../../src/domain/topology.ts';
import { anyText } from '../support/text.ts';

const urls = ['http://localhost:8080', 'http://localhost:8081', 'http://localhost:8082'] as const;

test('a topology lists the nodes by URL and knows which one is itself', () => {
  const topology = parseTopology(urls[1], [...urls].reverse());
  assert.deepEqual(
    topology.nodes.map((node) => node.url),
    urls,
  );
  assert.equal(topology.selfIndex, 1);
  assert.deepEqual(
    topology.nodes.map((node) => node.id),
    urls.map(nodeIdOf),
  );
});

test('a topology does not depend on the order in which the nodes are named', () => {
  const someUrls = fc.uniqueArray(fc.integer({ min: 81, max: 65535 }), { minLength: 1, maxLength: 20 });
  const shuffles = someUrls.chain((ports) =>
    fc.tuple(fc.constant(ports), fc.shuffledSubarray(ports, { minLength: ports.length })),
  );
  fc.assert(
    fc.property(shuffles, ([ports, shuffled]) => {
      const [self, ...rest] = ports.map((port) => `http://host:${port}`) as [string, ...string[]];
      const other = shuffled.map((port) => `http://host:${port}`);
      const left = parseTopology(self, [self, ...rest]);
      const right = parseTopology(self, other);
      assert.deepEqual(left, right);
      assert.equal(topologyDigest(left, 1), topologyDigest(right, 1));
    }),
  );
});

const spellings: readonly (readonly [spelling: string, url: string])[] = [
  ['http://localhost:8080/', 'http://localhost:8080'],
  ['HTTP://LocalHost:8080', 'http://localhost:8080'],
  ['http://node.example:80', 'http://node.example'],
  ['http://[::1]:8080', 'http://[::1]:8080'],
];

for (const [spelling, url] of spellings) {
  test(`${spelling} is the node ${url}`, () => {
    assert.deepEqual(parseTopology(spelling, [url]).nodes, [{ id: nodeIdOf(url), url }]);
    assert.equal(parseTopology(url, [spelling]).selfIndex, 0);
  });
}

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `http://host:${1000 + index}`);

const refused: readonly (readonly [what: string, self: string, cluster: readonly string[], message: RegExp])[] = [
  ['a self that is not a URL', 'localhost', urls, /--self "localhost" is not a URL like http:\/\/host:port$/],
  ['an empty self', '', urls, /--self "" is not a URL/],
  ['a self without http', 'localhost:8080', urls, /--self "localhost:8080" is not a URL/],
  ['https beside http', 'https://localhost:8080', urls, /--cluster has "http:\/\/localhost:8080" beside "https:/],
  ['another scheme', 'ftp://localhost:8080', urls, /is not a URL like http/],
  ['a path', 'http://localhost:8080/v0', urls, /must be an origin/],
  ['a query', 'http://localhost:8080?a=b', urls, /must be an origin/],
  ['a fragment', 'http://localhost:8080#a', urls, /must be an origin/],
  ['a user', 'http://me@localhost:8080', urls, /must be an origin/],
  ['a port out of range', 'http://localhost:99999', urls, /is not a URL/],
  ['a cluster with something else', urls[0], [...urls, 'nonsense'], /--cluster "nonsense" is not a URL/],
  ['a cluster without self', 'http://localhost:9', urls, /--self "http:\/\/localhost:9" is not in --cluster/],
  ['an empty cluster', urls[0], [], /is not in --cluster ""/],
  ['a node named twice', urls[0], [...urls, urls[2]], /names "http:\/\/localhost:8082" twice/],
  ['a node named twice in two spellings', urls[0], [...urls, `${urls[2]}/`], /names "http:\/\/localhost:8082" twice/],
  ['more nodes than the bound', 'http://host:1000', many(nodesMax + 1), /names 65 nodes; at most 64 are possible/],
];

for (const [what, self, cluster, message] of refused) {
  test(`${what} is refused with bad-setting`, () => {
    assert.throws(() => parseTopology(self, cluster), { name: 'KvorumError', code: 'bad-setting', message });
  });
}

test('a cluster of exactly the bound is accepted', () => {
  assert.equal(parseTopology('http://host:1000', many(nodesMax)).nodes.length, nodesMax);
});

test('a node id is an unsigned 32-bit number, never 0, and never changes for a URL', () => {
  assert.equal(nodeIdOf('http://localhost:8080'), 2_808_974_398);
  fc.assert(
    fc.property(anyText, (name) => {
      const url = `http://${name}`;
      const id = nodeIdOf(url);
      assert.ok(Number.isInteger(id) && id > 0 && id <= 0xffffffff);
      assert.equal(nodeIdOf(url), id);
    }),
  );
});

test('clusters that differ in one node, or in their copies of a record, have different digests', () => {
  const three = parseTopology(urls[0], urls);
  const two = parseTopology(urls[0], urls.slice(0, 2));
  assert.notEqual(topologyDigest(three, 2), topologyDigest(two, 2));
  assert.notEqual(topologyDigest(three, 2), topologyDigest(three, 3));
  assert.match(topologyDigest(three, 3), /^[0-9a-f]{16}$/);
});
