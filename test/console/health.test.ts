/** How nodes and their cluster are told, out of what they say of themselves and each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterHealth, healthOf, type NodeSeen } from '../../src/console/health.ts';
import { readAnswer, type NodeStatus } from '../../src/console/seen.ts';

const urls = ['http://n1', 'http://n2', 'http://n3'];

function statusOf(url: string, more: Readonly<Record<string, unknown>> = {}, down: readonly string[] = []): NodeStatus {
  const cluster = urls.map((one) => ({
    url: one,
    self: one === url,
    state: one === url ? 'ready' : 'up',
    ...(down.includes(one) && { state: 'down', error: 'connect ECONNREFUSED' }),
  }));
  const status = { node: { url }, state: 'ready', standing: { state: 'voting' }, cluster, ...more };
  const answer = readAnswer({ now: 1, status, bounds: [], samples: [] });
  assert.ok(typeof answer !== 'string');
  return answer.status;
}

function seen(index: number, more: Partial<NodeSeen> = {}): NodeSeen {
  const url = urls[index] ?? '';
  return { url, status: statusOf(url), silence: undefined, isStale: false, ...more };
}

test('nodes that say they are ready, and that the others reach, are ready', () => {
  const nodes = [seen(0), seen(1), seen(2)];
  for (const node of nodes) assert.deepEqual(healthOf(node, nodes), { tone: 'good', word: 'ready', reasons: [] });
  assert.deepEqual(clusterHealth(nodes), { tone: 'good', word: 'All 3 nodes ready', reasons: [] });
});

test('a node that neither the page nor another node reaches is down, and the cluster says what that means', () => {
  const notes = ['any one more loss stops writes'];
  const status = (index: number): NodeStatus => statusOf(urls[index] ?? '', { quorum: { notes } }, ['http://n3']);
  const gone = seen(2, { status: undefined, silence: 'connect ECONNREFUSED' });
  const nodes = [seen(0, { status: status(0) }), seen(1, { status: status(1) }), gone];
  assert.deepEqual(healthOf(gone, nodes), { tone: 'bad', word: 'down', reasons: ['connect ECONNREFUSED'] });
  assert.deepEqual(clusterHealth(nodes), { tone: 'bad', word: '2 of 3 nodes ready', reasons: notes });
});

test('a node that does not answer the page and is up for others is not called down', () => {
  const silent = seen(2, { silence: 'no answer within 1.5 s' });
  const health = healthOf(silent, [seen(0), seen(1), silent]);
  assert.deepEqual(
    [health.tone, health.word, health.reasons[1]],
    ['warn', 'no answer', 'http://n1, http://n2 have it up'],
  );
});

test('a ready node that a peer does not reach is told with the peer and why', () => {
  const nodes = [seen(0, { status: statusOf('http://n1', {}, ['http://n2']) }), seen(1), seen(2)];
  assert.deepEqual(healthOf(nodes[1] ?? assert.fail(), nodes), {
    tone: 'warn',
    word: 'ready',
    reasons: ['http://n1 does not reach it: connect ECONNREFUSED'],
  });
});

const states: readonly { title: string; more: Readonly<Record<string, unknown>>; health: readonly unknown[] }[] = [
  {
    title: 'a wrong clock is told with its words',
    more: { state: 'clock-skew', clock: { verdict: 'skewed', skew: 'This node is 45 s behind' } },
    health: ['bad', 'clock is wrong', ['This node is 45 s behind']],
  },
  {
    title: 'a recovering store is told with its reason',
    more: { state: 'recovering', standing: { state: 'recovering', reason: 'damaged-log' } },
    health: ['warn', 'recovering', ['its store recovers (damaged-log): its reads are no votes']],
  },
  {
    title: 'a node that forms its cluster is ready, and does not vote',
    more: { standing: { state: 'forming', awaited: ['http://n2'] } },
    health: ['warn', 'ready', ['it waits for http://n2 to form the cluster, and does not vote']],
  },
  { title: 'a state of a later version is told as it is', more: { state: 'resting' }, health: ['warn', 'resting', []] },
];

for (const { title, more, health } of states) {
  test(`healthOf(): ${title}`, () => {
    const node = seen(0, { status: statusOf('http://n1', more) });
    const { tone, word, reasons } = healthOf(node, [node, seen(1), seen(2)]);
    assert.deepEqual([tone, word, reasons], health);
  });
}

test('what was heard before the page’s node went silent is not told as if it were now', () => {
  const own = seen(0, { silence: 'the page’s node does not answer' });
  const nodes = [own, seen(1, { isStale: true }), seen(2, { isStale: true })];
  assert.equal(healthOf(own, nodes).word, 'down');
  assert.deepEqual(healthOf(nodes[1] ?? assert.fail(), nodes), {
    tone: 'unknown',
    word: 'not known',
    reasons: ['it was ready'],
  });
});

test('readAnswer() says why there is none, also for what no node says', () => {
  assert.equal(readAnswer({ error: 'connect ECONNREFUSED' }), 'connect ECONNREFUSED');
  for (const json of [undefined, null, 'x', [], { status: {} }])
    assert.equal(readAnswer(json), 'the answer is no Kvorum node’s');
});
