/** Merging from peers that stream what they have, break off, and come back. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { replicatesHere } from '../../../src/domain/recovery.ts';
import { hashKey } from '../../../src/domain/rendezvous.ts';
import type { Source } from '../../../src/domain/node-claim.ts';
import { replyCodes } from '../../../src/formats/codes.ts';
import { entryFlags, flagsOf, keyOf, recordOf, type Entry } from '../../../src/formats/frame.ts';
import { decodeBounds } from '../../../src/formats/range-bounds.ts';
import { largeValueBytes, RECORD_HEADER_BYTES, sealRecord } from '../../../src/formats/record.ts';
import { FrameWriter } from '../../../src/formats/reply.ts';
import type { MergeProgress } from '../../../src/protocol/workers.ts';
import type { PeerStream, PeerStreamHandler } from '../../../workers/peers/question.ts';
import { Recovery } from '../../../workers/recovery/recovery.ts';
import { eventually } from '../../support/eventually.ts';

const urls = ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1'];
const [self = '', peerUrl = ''] = urls;
const list = { urls, replicationFactor: 2 };
const source: Source = { url: peerUrl, storeId: 's', as: 'voting', upTo: '' };
const isOwn = (key: string): boolean => replicatesHere(list, self)(hashKey(Buffer.from(key), 0, key.length));

function streamed(key: string, valueBytes = 3): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + valueBytes, 'v');
  sealRecord(record, 0, valueBytes, Buffer.from(key), { version: 7, nodeId: 1, kind: 0 });
  const head = Buffer.alloc(6);
  head.writeUInt32LE(record.length, 0);
  head.writeUInt16LE(key.length, 4);
  return Buffer.concat([head, Buffer.from(key), record]);
}

/** What a peer says of a key whose record is damaged there. */
function damagedEntry(key: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16LE(key.length, 4);
  return Buffer.concat([head, Buffer.from(key)]);
}

interface Setting {
  readonly keys: readonly string[];
  /** Streams break off behind so many keys, one after the other; then they are whole. */
  readonly breaks?: readonly number[];
  readonly valueBytes?: number;
  /** How many batches meet a full disk. */
  readonly full?: number;
  /** Keys that are damaged at the peer, as long as they are in here. */
  readonly damaged?: Set<string>;
  /** Which floor the peer says. */
  readonly floor?: number;
  readonly replicationFactor?: number;
}

/** A recovery from one peer that holds `keys`; returns what it merged and said. */
function recoverFrom({ keys, breaks = [], valueBytes, full = 0, ...peer }: Setting) {
  const { damaged = new Set(), floor = 0, replicationFactor = 2 } = peer;
  const floors: number[] = [];
  const damages: string[] = [];
  const merged = new Map<string, Buffer>();
  const told: MergeProgress[] = [];
  const starts: string[] = [];
  const left = [...breaks];
  const fulls = { left: full };
  const stream = (body: string, handler: PeerStreamHandler): PeerStream => {
    const bounds = decodeBounds(Buffer.from(body), 1024) ?? assert.fail('no bounds');
    assert.equal(bounds.tellsDamaged, true);
    const start = Buffer.from(bounds.start).toString();
    const isOne = bounds.end !== undefined;
    const behind = keys.filter((key) => (isOne ? key === start : key >= start));
    if (!isOne) starts.push(start);
    const end = isOne ? undefined : left.shift();
    const send = async (): Promise<void> => {
      await setImmediate();
      handler.onFloor?.(floor);
      for (const key of behind.slice(0, end)) {
        handler.onData(damaged.has(key) ? damagedEntry(key) : streamed(key, valueBytes));
        await setImmediate();
      }
      // What came is read before the end is met, as over a socket.
      for (let turn = 0; turn < 20; turn++) await setImmediate();
      if (end === undefined) handler.onEnd();
      else handler.onError(new Error('broke off'));
    };
    void send();
    return { pause: () => {}, resume: () => {}, destroy: () => {} };
  };
  const submit = (entries: readonly Entry[], respond: (replies: Buffer) => void): void => {
    const writer = new FrameWriter(0);
    const isFull = fulls.left-- > 0;
    for (const entry of entries) {
      assert.equal(flagsOf(entry) & entryFlags.repair, entryFlags.repair);
      if (!isFull) merged.set(keyOf(entry).toString(), Buffer.from(recordOf(entry)));
      writer.reply(isFull ? replyCodes.full : replyCodes.applied);
    }
    void setImmediate().then(() => respond(writer.finish()));
  };
  const recovery = new Recovery({
    list: { urls, replicationFactor },
    self,
    peerAt: () => ({ stream, introduce: () => Promise.resolve() }),
    replica: { submit },
    keyBytesMax: 1024,
    timeoutMs: 30_000,
    operationsSoFar: () => 0,
    onMerged: (progress) => told.push(progress),
    onRefused: (url) => assert.fail(url),
    onDamaged: (url) => damages.push(url),
    onFloor: (below) => floors.push(below),
  });
  recovery.take([source]);
  const done = (): Promise<void> => eventually(() => assert.ok(told.some(({ isDone }) => isDone)));
  return { merged, told, starts, done, recovery, floors, damages };
}

const many = Array.from({ length: 1000 }, (_, index) => `key ${String(index).padStart(4, '0')}`);

test('what this node replicates of a peer is merged as repairs, nothing else, and the end is told', async () => {
  const { merged, told, done } = recoverFrom({ keys: many });
  await done();
  const own = many.filter(isOwn);
  assert.ok(own.length > 100 && own.length < 900);
  assert.deepEqual([...merged.keys()], own);
  const last = told.at(-1);
  assert.deepEqual([last?.records, Buffer.from(last?.upTo ?? '', 'base64').toString()], [1000, many.at(-1)]);
});

test('a stream that broke off is gone on with behind the last key that was merged', async () => {
  const { merged, starts, told, done } = recoverFrom({ keys: many, breaks: [300, 0, 400] });
  await done();
  assert.deepEqual([...merged.keys()], many.filter(isOwn));
  assert.equal(starts.length, 4);
  assert.deepEqual(starts.slice(1), [`${many[299]}\0`, `${many[299]}\0`, `${many[699]}\0`]);
  assert.equal(told.filter(({ isDone }) => isDone).length, 1);
});

test('large values are merged whole', async () => {
  const keys = many.slice(0, 8);
  const valueBytes = largeValueBytes + 70_000;
  const { merged, done } = recoverFrom({ keys, valueBytes });
  await done();
  assert.deepEqual([...merged.keys()], keys.filter(isOwn));
  for (const record of merged.values()) assert.equal(record.length, RECORD_HEADER_BYTES + valueBytes);
});

test('what a full disk keeps out is merged when there is room', async () => {
  const { merged, done } = recoverFrom({ keys: many, full: 2 });
  await done();
  assert.deepEqual([...merged.keys()].toSorted(), many.filter(isOwn));
});

test('a peer whose records are damaged counts as merged when they are mended, and a restart begins before the first of them', async () => {
  const own = many.filter(isOwn);
  const damaged = new Set([own[300] ?? '', own[301] ?? '', many.find((key) => !isOwn(key)) ?? '']);
  const { merged, told, done, damages } = recoverFrom({ keys: many, damaged });
  await eventually(() => assert.deepEqual([damages[0], merged.size], [peerUrl, own.length - 2]));
  assert.equal(told.filter(({ isDone }) => isDone).length, 0);
  const upTo = Buffer.from(told.at(-1)?.upTo ?? '', 'base64').toString();
  assert.ok(upTo < (own[300] ?? ''), upTo);
  damaged.clear();
  await done();
  assert.deepEqual([...merged.keys()].toSorted(), own);
  assert.equal(Buffer.from(told.at(-1)?.upTo ?? '', 'base64').toString(), many.at(-1));
});

test('the floor of a merged peer is taken at once where all nodes keep all keys, else when the node votes', async () => {
  const all = recoverFrom({ keys: many.slice(0, 3), floor: 70, replicationFactor: 4 });
  await all.done();
  await eventually(() => assert.deepEqual(all.floors, [70]));
  const some = recoverFrom({ keys: many.slice(0, 3), floor: 70 });
  await some.done();
  await setImmediate();
  assert.deepEqual(some.floors, []);
  some.recovery.takeFloorOf([peerUrl]);
  assert.deepEqual(some.floors, [70]);
  some.recovery.takeFloorOf([peerUrl, 'http://merged-before:1']);
  assert.deepEqual(some.floors, [70], 'nobody knows the floor of what an earlier process has merged');
});
