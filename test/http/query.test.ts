import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEntityQuery } from '../../src/http/query.ts';

const limits = {
  keyBytesMax: 10,
  nodeCount: 5,
  replicationFactor: 3,
  consistency: 'quorum',
  ttlMsMax: 86_400_000,
} as const;

/** Query, then key, acks and replicas. */
const accepted: readonly (readonly [string, string, number, number])[] = [
  ['id=a', 'a', 2, 3],
  ['id=a&ack=1', 'a', 1, 3],
  ['id=a&from=5', 'a', 3, 5],
  ['id=a&from=4', 'a', 3, 4],
  ['id=a&from=1', 'a', 1, 1],
  ['ack=5&from=5&id=a', 'a', 5, 5],
  ['from=2&id=a&ack=02', 'a', 2, 2],
  ['id=a&replicas=1/2', 'a', 1, 2],
  ['replicas=3%2F4&id=a', 'a', 3, 4],
  ['&id=a&&', 'a', 2, 3],
  ['id=a=b', 'a=b', 2, 3],
  ['id=a+b', 'a b', 2, 3],
  ['id=a%2Bb', 'a+b', 2, 3],
  ['id=%3D%26', '=&', 2, 3],
  ['id=%F0%9F%98%80', '😀', 2, 3],
  ['id=0123456789', '0123456789', 2, 3],
  ['id=%30%31%32%33456789', '0123456789', 2, 3],
  ['id=a/b?c', 'a/b?c', 2, 3],
];

const refused: readonly (readonly [string, string])[] = [
  ['', 'bad-id'],
  ['ack=1', 'bad-id'],
  ['id', 'bad-id'],
  ['id=', 'bad-id'],
  ['id=01234567890', 'bad-id'],
  ['id=%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80', 'bad-id'],
  ['id=a&id=a', 'bad-id'],
  ['id=%ff', 'bad-id'],
  ['id=%e2%82', 'bad-id'],
  ['id=%g0', 'bad-id'],
  ['id=a%', 'bad-id'],
  ['id=\u00e9', 'bad-id'],
  ['id=a&ack=0', 'bad-quorum'],
  ['id=a&ack=4', 'bad-quorum'],
  ['id=a&ack=', 'bad-quorum'],
  ['id=a&ack=+1', 'bad-quorum'],
  ['id=a&ack= 1', 'bad-quorum'],
  ['id=a&ack=1.0', 'bad-quorum'],
  ['id=a&ack=4294967297', 'bad-quorum'],
  ['id=a&from=6', 'bad-quorum'],
  ['id=a&from=0', 'bad-quorum'],
  ['id=a&from=-1', 'bad-quorum'],
  ['id=a&from=1&from=1', 'bad-quorum'],
  ['id=a&replicas=', 'bad-quorum'],
  ['id=a&replicas=1', 'bad-quorum'],
  ['id=a&replicas=1/2/3', 'bad-quorum'],
  ['id=a&replicas=0/2', 'bad-quorum'],
  ['id=a&replicas=1/2&from=2', 'bad-quorum'],
  ['id=a&consistency=', 'bad-quorum'],
  ['id=a&consistency=Strict', 'bad-quorum'],
  ['id=a&consistency=strict&consistency=strict', 'bad-quorum'],
  ...['', '0', '-1', '1.5', '1e3', ' 1', '0x1', 'never', '86400001', '99999999999999999999'].map(
    (ttl) => [`id=a&ttl=${ttl}`, 'bad-ttl'] as const,
  ),
  ['id=a&ttl=1&ttl=1', 'bad-ttl'],
  ['id=a&replica=1/2', 'bad-parameter'],
  ['id=a&constructor=1', 'bad-parameter'],
  ['ID=a', 'bad-parameter'],
  ['%69d=a', 'bad-parameter'],
];

test('parseEntityQuery() reads the key and the quorum', () => {
  for (const [query, key, acksRequired, replicaCount] of accepted) {
    const parsed = parseEntityQuery(query, limits);
    assert.ok('key' in parsed, `${query}: ${JSON.stringify(parsed)}`);
    assert.deepEqual([parsed.key.toString('utf8'), parsed.quorum], [key, { acksRequired, replicaCount }], query);
  }
});

test('parseEntityQuery() reads how long a value is to last, up to the bound', () => {
  for (const [query, ttlMs] of [
    ['id=a', undefined],
    ['id=a&ttl=1', 1],
    ['ttl=086400000&id=a', 86_400_000],
  ] as const) {
    const parsed = parseEntityQuery(query, limits);
    assert.deepEqual('problem' in parsed ? parsed : parsed.ttlMs, ttlMs, query);
  }
});

test('parseEntityQuery() refuses what is missing, repeated, unknown or malformed, each with its code', () => {
  for (const [query, problem] of refused) {
    const parsed = parseEntityQuery(query, limits);
    assert.ok('problem' in parsed, `${query} is accepted`);
    assert.equal(parsed.problem, problem, query);
    assert.ok(parsed.detail.length > 0 && parsed.detail.length < 200);
  }
});

test('a request is strict where it says so, or where the node says so for all that do not', () => {
  const isStrict = (query: string, consistency: 'quorum' | 'strict'): boolean | undefined => {
    const parsed = parseEntityQuery(query, { ...limits, consistency });
    return 'problem' in parsed ? undefined : parsed.isStrict;
  };
  assert.deepEqual(
    ['id=a', 'id=a&consistency=strict', 'id=a&consistency=quorum'].map((query) => isStrict(query, 'quorum')),
    [false, true, false],
  );
  assert.deepEqual(
    ['id=a', 'id=a&consistency=quorum'].map((query) => isStrict(query, 'strict')),
    [true, false],
  );
});
