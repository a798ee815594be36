import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerStanding } from '../../../workers/recovery/worker-standing.ts';

const urls = ['http://a:1', 'http://b:1', 'http://c:1'];
const options = { list: { urls, replicationFactor: 3 }, self: 'http://a:1', clockDriftMsMax: 5, nowMicros: () => 1000 };

test('before it is told what its store is worth, a worker votes on nothing and acknowledges only what is new', () => {
  const standing = new WorkerStanding(options);
  assert.deepEqual([standing.isWhole, standing.votes(1), standing.floor()], [false, false, 6000]);
});

test('a worker goes by the standing that it was told last', () => {
  const standing = new WorkerStanding(options);
  standing.take({ kind: 'voting', formed: {}, isAccepted: false });
  assert.deepEqual([standing.isWhole, standing.votes(1), standing.floor()], [true, true, 0]);
  const done = (storeId: string) => ({ storeId, as: 'voting', upTo: '', isDone: true }) as const;
  const recovering = {
    kind: 'recovering',
    reason: 'empty',
    since: 2000,
    told: {},
    merged: {},
    old: undefined,
  } as const;
  standing.take(recovering);
  assert.deepEqual([standing.isWhole, standing.votes(1), standing.floor()], [false, false, 7000]);
  const told = { 'http://b:1': 3, 'http://c:1': 4 };
  const merged = { 'http://b:1': done('b'), 'http://c:1': done('c') };
  standing.take({ ...recovering, told, merged });
  assert.deepEqual([standing.isWhole, standing.votes(1), standing.floor()], [false, true, 4]);
  standing.take({ kind: 'forming' });
  assert.deepEqual([standing.isWhole, standing.votes(1), standing.floor()], [false, false, 0]);
});
