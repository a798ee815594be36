import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { pageBytes, type RangeEnd, type RangeRequest } from '../../../src/domain/range.ts';
import { decodeBounds } from '../../../src/formats/range-bounds.ts';
import { wholePage } from '../../../workers/ranges/page.ts';
import { seenVersions } from '../../support/seen-versions.ts';
import { wholeStanding } from '../../../workers/ground/standing.ts';
import type { ScanHandle } from '../../../workers/ranges/running-scan.ts';
import { OtherOwners } from '../../../workers/ranges/node-range.ts';
import { RangeScans, type RangePeer, type RangeScansOptions } from '../../../workers/ranges/scans.ts';
import type { PeerStreamHandler } from '../../../workers/peers/question.ts';
import type { Store } from '../../../workers/store/store.ts';
import { readChunks } from '../../support/chunks.ts';
import { eventually } from '../../support/eventually.ts';
import { seededRandom } from '../../support/random.ts';
import { fill, openTestStore, snapshotsHeld, type StoredWrite } from '../../support/store.ts';

const everything: RangeRequest = {
  start: Buffer.from([0]),
  end: undefined,
  limit: undefined,
  keysOnly: false,
  cluster: false,
  format: 'lines',
  chunked: true,
};

interface ScanOptions extends Partial<RangeScansOptions> {
  readonly replicationFactor?: number;
}

function scansOf(store: Store, { replicationFactor = 1, ...more }: ScanOptions = {}): RangeScans {
  const defaults = {
    operationsSoFar: () => 0,
    versions: seenVersions(),
    owners: new OtherOwners([]),
    standing: wholeStanding,
    peers: [],
    isDeleted: () => Promise.resolve(false),
    rangeMsMax: 600_000,
    timeoutMs: 30_000,
    peerScansMax: 8,
  };
  const nodeIds = (more.peers ?? [undefined]).map((_, index) => index + 1);
  const placement = { name: 'nodes', nodeIds, selfIndex: 0, replicationFactor };
  return new RangeScans({ store, placement, ...defaults, ...more });
}

/** A client that takes each page at once. */
function read(scans: RangeScans, request: Partial<RangeRequest> = {}): Promise<{ chunks: string[]; end: RangeEnd }> {
  const pages: Buffer[] = [];
  return new Promise((resolve) => {
    const scan = scans.startForClient({ ...everything, ...request }, 2, {
      onPage: (bytes) => {
        pages.push(Buffer.from(bytes));
        setImmediate(() => scan.giveBack(wholePage(bytes)));
      },
      onEnd: (end) => {
        const body = Buffer.concat([...pages, Buffer.from('0\r\n\r\n')]);
        const isWhole = end.kind !== 'failed';
        resolve({ chunks: isWhole ? readChunks(body).chunks.map(String) : [], end });
      },
    });
  });
}

/** A client that takes nothing until it is told to. */
class SlowClient {
  readonly pages: Buffer[] = [];
  end: RangeEnd | undefined;
  readonly scan: ScanHandle;

  constructor(scans: RangeScans, request: Partial<RangeRequest> = {}) {
    this.scan = scans.startForClient({ ...everything, ...request }, 2, {
      onPage: (bytes) => this.pages.push(bytes),
      onEnd: (end) => (this.end = end),
    });
  }
}

const many = (count: number, valueBytes = 100): StoredWrite[] =>
  Array.from({ length: count }, (_, index) => ({
    key: `k${String(index).padStart(6, '0')}`,
    value: 'v'.repeat(valueBytes),
  }));

async function filledStore(t: TestContext, writes: readonly StoredWrite[]): Promise<Store> {
  const { store } = await openTestStore(t);
  await fill(store, writes);
  return store;
}

/** A peer that streams what another store holds, through that store's own scans. */
interface PeerOptions {
  readonly isDown?: boolean;
  readonly failsAfter?: number;
  readonly hasLost?: boolean;
  readonly onSent?: (bytes: number) => void;
}

function peerOf(scans: RangeScans, options: PeerOptions = {}): RangePeer {
  const { isDown = false, failsAfter = Infinity, hasLost = false, onSent } = options;
  return {
    status: { url: 'http://peer', state: isDown ? 'down' : 'up', error: undefined },
    stream: (body: string, handler: PeerStreamHandler) => {
      if (isDown) return undefined;
      if (hasLost) handler.onLoss?.();
      let sent = 0;
      const bounds = decodeBounds(Buffer.from(body), 1024) ?? assert.fail('no bounds');
      const scan = scans.startForPeer(bounds, 2, {
        onPage: (bytes) => {
          sent += bytes.length;
          onSent?.(bytes.length);
          if (sent > failsAfter) {
            scan?.cancel();
            return handler.onError(new Error('connection reset'));
          }
          handler.onData(Buffer.from(bytes));
          setImmediate(() => scan?.giveBack(wholePage(bytes)));
          return undefined;
        },
        onEnd: () => handler.onEnd(),
      });
      return { pause: () => {}, resume: () => {}, destroy: () => scan?.cancel() };
    },
  };
}

test('a scan gives every live record as one chunk and frees its snapshot', async (t) => {
  const store = await filledStore(t, [...many(5000), { key: 'z', value: undefined }]);
  const scans = scansOf(store);
  const { chunks, end } = await read(scans);
  assert.deepEqual(end, { kind: 'complete', next: undefined });
  assert.equal(chunks.length, 5000);
  assert.ok(chunks.every((chunk, index) => chunk === `k${String(index).padStart(6, '0')}\n${'v'.repeat(100)}`));
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
  assert.equal(scans.ended('node', 'complete'), 1);
  assert.equal(scans.sent().records, 5000);
});

test('a scan stops reading when its pages do not come back, and goes on when they do', async (t) => {
  const store = await filledStore(t, many(20_000));
  const scans = scansOf(store);
  const client = new SlowClient(scans);
  await eventually(() => assert.equal(client.pages.length, 2));
  const { records } = scans.sent();
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  assert.equal(client.pages.length, 2);
  assert.equal(scans.sent().records, records);
  assert.ok(scans.sent().bytes <= 2 * pageBytes);
  assert.equal(scans.open('node').length, 1);
  assert.equal(snapshotsHeld(store), 1);
  client.scan.giveBack(wholePage(client.pages[0] as Buffer));
  await eventually(() => assert.equal(client.pages.length, 3));
  client.scan.cancel();
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
  assert.equal(client.end, undefined);
  assert.equal(scans.ended('node', 'cancelled'), 1);
});

test('a scan ends when rangeMsMax has passed, and frees its snapshot', async (t) => {
  const store = await filledStore(t, many(20_000));
  const scans = scansOf(store, { rangeMsMax: 30 });
  const client = new SlowClient(scans);
  await eventually(() => assert.deepEqual(client.end, { kind: 'expired' }));
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
  assert.equal(scans.open('node').length, 0);
  assert.equal(scans.ended('node', 'expired'), 1);
});

test('a scan that expires within a record says so', async (t) => {
  // A large one; and one that is longer than the two pages, though it is read in one.
  for (const [value, format] of [
    [Buffer.alloc(2_000_000, 'l'), 'lines'],
    [Buffer.alloc(99_000, '\0'), 'json'],
  ] as const) {
    const store = await filledStore(t, [{ key: 'long', value }]);
    const client = new SlowClient(scansOf(store, { rangeMsMax: 500 }), { format });
    await eventually(() => assert.equal(client.end?.kind === 'failed' && client.end.isMidRecord, true));
    await eventually(() => assert.equal(snapshotsHeld(store), 0));
  }
});

test('large values and long ones come whole, in both formats', async (t) => {
  const writes = [
    { key: 'a', value: 'a'.repeat(70_000) },
    { key: 'b', value: Buffer.alloc(1_500_001, 'large ').toString() },
    { key: 'c', value: '' },
    { key: 'd', value: 'two\nlines' },
  ];
  const scans = scansOf(await filledStore(t, writes));
  const lines = await read(scans);
  assert.deepEqual(
    lines.chunks,
    writes.map(({ key, value }) => `${key}\n${value}`),
  );
  const json = await read(scans, { format: 'json' });
  const objects = json.chunks.map((chunk) => JSON.parse(chunk) as { key: string; value?: string; value64?: string });
  const values = objects.map(({ value, value64 = '' }) => value ?? Buffer.from(value64, 'base64').toString());
  assert.deepEqual(
    objects.map(({ key }) => key),
    ['a', 'b', 'c', 'd'],
  );
  assert.ok(values.every((value, index) => value === writes[index]?.value));
});

test('a limit is exact, and names the next live key', async (t) => {
  const deleted = { key: 'k000003', value: undefined, version: 2 };
  const scans = scansOf(await filledStore(t, [...many(6, 1), deleted]));
  for (const [limit, keys, next] of [
    [3, ['k000000', 'k000001', 'k000002'], 'k000004'],
    [5, ['k000000', 'k000001', 'k000002', 'k000004', 'k000005'], undefined],
    [9, ['k000000', 'k000001', 'k000002', 'k000004', 'k000005'], undefined],
  ] as const) {
    const { chunks, end } = await read(scans, { limit, keysOnly: true });
    assert.deepEqual(
      chunks,
      keys.map((key) => `${key}\n`),
    );
    assert.equal(end.kind === 'complete' && end.next && Buffer.from(end.next).toString(), next);
  }
});

test('a cluster scan merges as sorting all records and keeping the newest live ones does', async (t) => {
  const nodes = [await openTestStore(t), await openTestStore(t), await openTestStore(t)];
  const anyWrite = fc.record(
    {
      key: fc.stringMatching(/^[a-d]{1,2}$/),
      value: fc.option(fc.string({ maxLength: 3 }), { nil: undefined, freq: 2 }),
      on: fc.subarray([0, 1, 2], { minLength: 1 }),
    },
    { noNullPrototype: true },
  );
  let version = 0;
  const newest = new Map<string, string | undefined>();
  await fc.assert(
    fc.asyncProperty(fc.array(anyWrite, { maxLength: 20 }), async (writes) => {
      for (const { key, value, on } of writes) {
        version++;
        for (const index of on) await fill(nodes[index]?.store as Store, [{ key, value, version }]);
        newest.set(key, value);
      }
      const peers = nodes.slice(1).map((node) => peerOf(scansOf(node.store)));
      const scans = scansOf(nodes[0]?.store as Store, { peers: [undefined, ...peers], replicationFactor: 3 });
      const { chunks, end } = await read(scans, { cluster: true });
      const live = [...newest]
        .filter(([, value]) => value !== undefined)
        .sort(([left], [right]) => (left < right ? -1 : 1));
      assert.deepEqual(end, { kind: 'complete', next: undefined });
      assert.deepEqual(
        chunks,
        live.map(([key, value]) => `${key}\n${value}`),
      );
    }),
    { numRuns: 40 },
  );
  for (const { store } of nodes) await eventually(() => assert.equal(snapshotsHeld(store), 0));
});

test('a cluster scan streams large values from whichever node has the newest', async (t) => {
  const [own, other] = [await openTestStore(t), await openTestStore(t)];
  const [old, fresh] = [Buffer.alloc(900_000, 'old'), Buffer.alloc(1_100_000, 'fresh')];
  await fill(own.store, [
    { key: 'a', value: old, version: 1 },
    { key: 'b', value: fresh, version: 2 },
    { key: 'c', value: 'small', version: 1 },
  ]);
  await fill(other.store, [
    { key: 'a', value: fresh, version: 2 },
    { key: 'b', value: old, version: 1 },
    { key: 'd', value: undefined, version: 1 },
  ]);
  const scans = scansOf(own.store, { peers: [undefined, peerOf(scansOf(other.store))], replicationFactor: 2 });
  const { chunks } = await read(scans, { cluster: true });
  assert.deepEqual(
    chunks.map((chunk) => chunk.slice(0, 7)),
    ['a\nfresh', 'b\nfresh', 'c\nsmall'],
  );
  assert.ok(chunks[0] === `a\n${fresh.toString()}` && chunks[1] === `b\n${fresh.toString()}`);
});

test('a cluster scan goes without nodes while fewer are missing than acknowledge a write, and is refused past that', async (t) => {
  const store = await filledStore(t, many(3, 1));
  const up = peerOf(scansOf(store));
  const down = peerOf(scansOf(store), { isDown: true });
  for (const [peers, replicationFactor, expected] of [
    [[undefined, up, down], 2, 'complete'],
    [[undefined, down, down, up, up], 5, 'complete'],
    [[undefined, down, down], 3, 'not-enough-replicas'],
    [[undefined, down, down], 2, 'not-enough-replicas'],
    [[undefined, up, down], 1, 'not-enough-replicas'],
  ] as const) {
    const { chunks, end } = await read(scansOf(store, { peers, replicationFactor }), { cluster: true });
    assert.equal(end.kind, expected);
    assert.equal(chunks.length, expected === 'complete' ? 3 : 0);
  }
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
});

test('a cluster scan shows what nodes that lost data have, and does not count on them', async (t) => {
  const [own, other] = [await filledStore(t, many(3, 1)), await openTestStore(t)];
  await fill(other.store, [{ key: 'z', value: 'v' }]);
  const lost = peerOf(scansOf(other.store), { hasLost: true });
  const [up, down] = [peerOf(scansOf(own)), peerOf(scansOf(own), { isDown: true })];
  const scanWith = (peers: RangeScansOptions['peers'], more: ScanOptions = {}) =>
    read(scansOf(own, { peers, replicationFactor: 3, ...more }), { cluster: true });
  const whole = await scanWith([undefined, up, lost]);
  assert.deepEqual([whole.end.kind, whole.chunks.length], ['complete', 4]);
  const short = await scanWith([undefined, down, lost]);
  assert.ok(short.end.kind === 'not-enough-replicas' && short.end.detail.includes('http://peer has lost data'));
  const ownLoss = await scanWith([undefined, up, down], { standing: { isWhole: false } });
  assert.ok(ownLoss.end.kind === 'not-enough-replicas' && ownLoss.end.detail.includes('this node has lost data'));
});

test('a cluster scan leaves out what the replicas without it say was deleted, and asks about nothing else', async (t) => {
  const recent = Date.now() * 1000;
  const nodes = [await openTestStore(t), await openTestStore(t), await openTestStore(t)];
  const [own, second, third] = nodes.map(({ store }) => store) as [Store, Store, Store];
  const everywhere = many(20, 1);
  for (const store of [own, second, third]) await fill(store, everywhere);
  for (const store of [own, second]) await fill(store, [{ key: 'on two', value: 'v' }]);
  await fill(third, [
    { key: 'deleted', value: 'v', version: 7 },
    { key: 'kept', value: 'v' },
    { key: 'recent', value: 'v', version: recent },
    { key: 'tombstone', value: undefined },
  ]);
  await fill(own, [{ key: 'own deleted', value: 'v' }]);
  const asked: string[] = [];
  const isDeleted = async (key: Buffer, version: number): Promise<boolean> => {
    asked.push(`${key.toString()} ${version}`);
    await nextTurn();
    if (key.toString() === 'own deleted') throw new Error('nobody answers');
    return key.toString() === 'deleted';
  };
  const peers = [undefined, peerOf(scansOf(second)), peerOf(scansOf(third))];
  const { chunks, end } = await read(scansOf(own, { peers, replicationFactor: 3, isDeleted }), { cluster: true });
  const shown = [...everywhere.map(({ key }) => key as string), 'kept', 'on two', 'own deleted', 'recent'];
  assert.deepEqual(
    chunks.map((chunk) => chunk.split('\n')[0]),
    shown.toSorted(),
  );
  assert.equal(end.kind, 'complete');
  assert.deepEqual(asked, ['deleted 7', 'kept 1', 'own deleted 1']);
});

test('a cluster scan whose peer breaks off goes on where it can, and else ends with what is missing', async (t) => {
  const store = await filledStore(t, many(20_000));
  const broken = peerOf(scansOf(store), { failsAfter: 3 * pageBytes });
  const whole = await read(scansOf(store, { peers: [undefined, broken], replicationFactor: 2 }), { cluster: true });
  assert.deepEqual(whole.end, { kind: 'complete', next: undefined });
  assert.equal(whole.chunks.length, 20_000);
  const part = await read(scansOf(store, { peers: [undefined, broken], replicationFactor: 1 }), { cluster: true });
  assert.equal(part.end.kind, 'not-enough-replicas');
  assert.ok(part.chunks.length > 0 && part.chunks.length < 20_000);
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
});

test('a record from the future is shown: clocks were put right since it was stored', async (t) => {
  const future = (Date.now() + 3_600_000) * 1000;
  const [own, other] = [await openTestStore(t), await openTestStore(t)];
  await fill(own.store, [
    { key: 'a', value: 'now', version: 1 },
    { key: 'b', value: 'future', version: future },
  ]);
  await fill(other.store, [{ key: 'a', value: 'future', version: future }]);
  const scans = scansOf(own.store, { peers: [undefined, peerOf(scansOf(other.store))], replicationFactor: 2 });
  assert.deepEqual((await read(scans, { cluster: true })).chunks, ['a\nfuture', 'b\nfuture']);
  assert.deepEqual((await read(scans)).chunks, ['a\nnow', 'b\nfuture']);
});

test('a peer that sends nothing for the deadline is given up', async (t) => {
  const store = await filledStore(t, many(3, 1));
  const silent: RangePeer = {
    status: { url: 'http://silent', state: 'up', error: undefined },
    stream: () => ({ pause: () => {}, resume: () => {}, destroy: () => {} }),
  };
  const options = { peers: [undefined, silent], timeoutMs: 20 };
  const refused = await read(scansOf(store, { ...options, replicationFactor: 1 }), { cluster: true });
  assert.equal(refused.end.kind, 'not-enough-replicas');
  const complete = await read(scansOf(store, { ...options, replicationFactor: 2 }), { cluster: true });
  assert.equal(complete.chunks.length, 3);
});

test('scans for peers are bounded', async (t) => {
  const store = await filledStore(t, many(3, 1));
  const scans = scansOf(store, { peerScansMax: 2 });
  const bounds = { start: Buffer.from('a'), end: undefined, keysOnly: false };
  const outlet = { onPage: () => {}, onEnd: () => {} };
  const first = scans.startForPeer(bounds, 0, outlet);
  assert.ok(first !== undefined && scans.startForPeer(bounds, 0, outlet) !== undefined);
  assert.equal(scans.startForPeer(bounds, 0, outlet), undefined);
  first.cancel();
  assert.ok(scans.startForPeer(bounds, 0, outlet) !== undefined);
  scans.close();
  await eventually(() => assert.equal(snapshotsHeld(store), 0));
});

test('a range of the cluster tells the newest of each key, whatever rows of tombstones its nodes leave out', async (t) => {
  const random = seededRandom(t);
  const keys = Array.from({ length: 2500 }, (_, number) => `k${String(number).padStart(4, '0')}`);
  const newest = new Map<string, StoredWrite>();
  const stores: Store[] = [];
  for (let node = 0; node < 3; node++) {
    const writes: StoredWrite[] = [];
    for (let from = 0; from < keys.length;) {
      // Long rows of what was deleted, long rows of values, and a few keys of both in between.
      const end = from + 1 + random.below([700, 500, 3][random.below(3)] as number);
      const kind = random.below(4);
      for (const key of keys.slice(from, end)) {
        if (kind === 3) continue;
        const version = 10 * (1 + random.below(20)) + node;
        const write = { key, version, value: kind < 2 ? undefined : `v${version}` };
        writes.push(write);
        if (version > (newest.get(key)?.version ?? 0)) newest.set(key, write);
      }
      from = end;
    }
    stores.push(await filledStore(t, writes));
  }
  const [own, ...others] = stores as [Store, Store, Store];
  const peers = others.map((store) => peerOf(scansOf(store)));
  const scans = scansOf(own, { peers, replicationFactor: 3 });
  const expected = keys.flatMap((key) => {
    const value = newest.get(key)?.value;
    return value === undefined ? [] : [`${key}\n${String(value)}`];
  });
  const found = await read(scans, { cluster: true });
  assert.deepEqual(found, { chunks: expected, end: { kind: 'complete', next: undefined } });
  const first = expected.slice(0, 5);
  assert.deepEqual((await read(scans, { cluster: true, limit: 5 })).chunks, first);
});

test('a row of tombstones that all nodes have is told in a few of them', async (t) => {
  const gone = many(20_000).map(({ key }) => ({ key, value: undefined, version: 2 }));
  const stores = [await filledStore(t, gone), await filledStore(t, [...gone, { key: 'last', value: 'value' }])];
  const [own, other] = stores as [Store, Store];
  let sent = 0;
  const peers = [peerOf(scansOf(other), { onSent: (bytes) => (sent += bytes) })];
  const found = await read(scansOf(own, { peers, replicationFactor: 2 }), { cluster: true });
  assert.deepEqual(found.chunks, ['last\nvalue']);
  assert.ok(sent > 0 && sent < 200_000, `${sent} bytes`);
});
