import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInspection } from '../../src/console/inspection.ts';

const newest = {
  holds: 'value',
  version: 7,
  time: '2026-01-01T00:00:00.000Z',
  bytes: 3,
  lacksNewest: false,
  isVote: true,
};

test('replicas that agree are told as one', () => {
  const replicas = ['http://n1', 'http://n2'].map((url) => ({ url, ...newest }));
  const found = readInspection(200, { replicas });
  assert.ok(typeof found !== 'string');
  assert.deepEqual(found.verdict, { tone: 'good', word: 'all 2 replicas agree' });
  assert.deepEqual(found.rows[0], {
    url: 'http://n1',
    tone: 'good',
    word: 'value',
    version: '7',
    time: newest.time,
    bytes: 3,
    expires: undefined,
    why: '',
  });
});

test('a replica that lacks the newest, is damaged or silent is told apart, with why', () => {
  const replicas = [
    { url: 'http://n1', ...newest },
    { url: 'http://n2', ...newest, version: 5, lacksNewest: true },
    { url: 'http://n3', holds: 'nothing', lacksNewest: true, isVote: true },
    { url: 'http://n4', holds: 'damaged', lacksNewest: true, isVote: false, reason: 'damaged' },
    { url: 'http://n5', holds: 'unknown', lacksNewest: true, isVote: false, detail: 'it is down' },
  ];
  const found = readInspection(200, { replicas });
  assert.ok(typeof found !== 'string');
  assert.deepEqual(
    found.rows.map(({ tone, word, why }) => [tone, word, why]),
    [
      ['good', 'value', ''],
      ['warn', 'older value', ''],
      ['warn', 'lacks it', ''],
      ['bad', 'damaged', 'damaged; no vote'],
      ['unknown', 'does not say', 'it is down; no vote'],
    ],
  );
  assert.deepEqual(found.verdict, { tone: 'bad', word: '1 of 5 replicas have the newest' });
});

test('what is no answer is told in words', () => {
  const older = readInspection(400, { code: 'unknown-path' });
  assert.equal(older, 'This node’s version does not tell where a key lives');
  assert.equal(readInspection(400, { code: 'bad-id', detail: 'No id' }), 'No id');
  assert.equal(readInspection(502, undefined), 'The node answers 502');
});
