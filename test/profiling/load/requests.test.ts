/** What requests are drawn for a workload: kinds by weight, YCSB's workloads, keys of inserts, sizes of values. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { namedWorkloads, type OperationKind } from '../../../profiling/load/load-shape.ts';
import { pathOf, requestSource, valueDrawer, type DrawnRequest } from '../../../profiling/load/requests.ts';
import { workloadOf } from '../../support/load.ts';

const count = 20_000;

function drawn(changes: Parameters<typeof workloadOf>[0]): DrawnRequest[] {
  const source = requestSource(workloadOf({ op: 'mixed', keys: 1000, ...changes }));
  return Array.from({ length: count }, () => source.draw());
}

function shareOf(requests: readonly DrawnRequest[], kind: OperationKind): number {
  return requests.filter((request) => request.kind === kind).length / requests.length;
}

test('a mix sends each kind by its weight', () => {
  const requests = drawn({ mix: { get: 80, put: 15, delete: 4, range: 1 } });
  for (const [kind, share] of [
    ['get', 0.8],
    ['put', 0.15],
    ['delete', 0.04],
    ['range', 0.01],
  ] as const) {
    assert.ok(Math.abs(shareOf(requests, kind) - share) < 0.01, `${kind} ${shareOf(requests, kind)}`);
  }
});

test('without a mix the share of GETs decides, and a single operation is sent alone', () => {
  assert.ok(Math.abs(shareOf(drawn({ readShare: 0.9 }), 'get') - 0.9) < 0.01);
  assert.equal(shareOf(drawn({ op: 'delete' }), 'delete'), 1);
});

test('workload E reads ranges of 1 to 100 records, evenly', () => {
  const ranges = drawn({ mix: namedWorkloads['e']?.mix ?? {} }).filter(({ kind }) => kind === 'range');
  const limits = ranges.map(({ limit }) => limit);
  assert.deepEqual([Math.min(...limits), Math.max(...limits)], [1, 100]);
  const mean = limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
  assert.ok(Math.abs(mean - 50.5) < 1, `${mean}`);
  assert.equal(
    pathOf(workloadOf({ keys: 1000 }))({ key: 7, limit: 3 }),
    '/v0/entities?start=k000007&limit=3&cluster=1',
  );
});

test('workload D reads the newest most, and an insert only once it is in', () => {
  const source = requestSource(
    workloadOf({ op: 'mixed', keys: 1000, distribution: 'latest', mix: namedWorkloads['d']?.mix ?? {} }),
  );
  const draw = (kind: OperationKind): DrawnRequest => {
    for (;;) {
      const request = source.draw();
      if (request.kind === kind) return request;
    }
  };
  assert.deepEqual([draw('insert').key, draw('insert').key], [1000, 1001]);
  const newest = (): number => Math.max(...Array.from({ length: 500 }, () => draw('get').key));
  assert.equal(newest(), 999);
  source.inserted(1001);
  assert.equal(newest(), 1001);
});

test('workload F reads a key and writes it', () => {
  const modify = drawn({ mix: namedWorkloads['f']?.mix ?? {} }).find(({ kind }) => kind === 'modify');
  assert.equal(modify?.method, 'get');
});

test('sizes of values are drawn by weight, and the same for the same seed', () => {
  const valueSizes = [
    { bytes: 100, weight: 80 },
    { bytes: 1024, weight: 15 },
    { bytes: 65_536, weight: 5 },
  ];
  const draw = valueDrawer(workloadOf({ valueSizes }), (bytes) => bytes);
  const again = valueDrawer(workloadOf({ valueSizes }), (bytes) => bytes);
  const sizes = Array.from({ length: count }, draw);
  assert.deepEqual(Array.from({ length: count }, again), sizes);
  for (const { bytes, weight } of valueSizes) {
    const share = sizes.filter((size) => size === bytes).length / count;
    assert.ok(Math.abs(share - weight / 100) < 0.01, `${bytes}: ${share}`);
  }
});
