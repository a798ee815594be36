/** An owner's writes from the log into the memtable and out of it again, over a disk in memory. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { Durability } from '../../../src/domain/modes.ts';
import { entryRecord } from '../../../src/formats/log.ts';
import { readVersion } from '../../../src/formats/record.ts';
import { tableKey } from '../../../workers/store/key-table.ts';
import { LoggedWrites, paceMs, type Settled } from '../../../workers/store/logged-writes.ts';
import type { LayerSnapshot, LoggedEntry } from '../../../workers/store/memtable.ts';
import type { WriterEnd } from '../../../workers/store/writer.ts';
import type { CheckpointJob } from '../../../workers/store/writer-protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeLogFiles, settleTurns } from '../../support/fake-log-files.ts';
import { entriesOf, sampleEntry } from '../../support/log-entries.ts';
import { writeEntry } from '../../support/store.ts';

const SEGMENT_BYTES = 8192;
/** Two of them fill a segment. */
const HALF = 1800;

class Bench {
  readonly files: FakeLogFiles;
  readonly jobs: CheckpointJob[] = [];
  readonly ends: ((end: WriterEnd) => void)[] = [];
  hurries = 0;
  checkpointed = 0;
  writes!: LoggedWrites;

  private constructor(files: FakeLogFiles) {
    this.files = files;
  }

  static async open(
    durability: Durability,
    {
      files = new FakeLogFiles(),
      waiting = [] as string[],
      segments = 4,
      tombstonesMax = 1000,
      standInRows = (): boolean => true,
    } = {},
  ): Promise<Bench> {
    const bench = new Bench(files);
    bench.writes = await LoggedWrites.open({
      files,
      writer: {
        checkpoint: (job) => {
          bench.jobs.push(job);
          return new Promise((resolve) => bench.ends.push(resolve));
        },
        hurry: () => bench.hurries++,
      },
      durability,
      owner: 0,
      logSegmentBytes: SEGMENT_BYTES,
      memtableBytesMax: segments * SEGMENT_BYTES,
      tombstonesMax,
      standInRows,
      found: {
        owner: 0,
        sequence: waiting.length,
        base: waiting.length * SEGMENT_BYTES,
        files: files.list(),
        strangers: [],
        waiting,
      },
      onCheckpointed: () => bench.checkpointed++,
      onFatal: (error) => assert.fail(String(error)),
    });
    return bench;
  }

  append(key: string, version: number, valueBytes?: number): boolean {
    const { source, place } = sampleEntry(key, version, valueBytes);
    return this.writes.append(source, place);
  }

  /** Appends and settles; returns how it settled as far as it has. */
  write(key: string, version: number, valueBytes?: number): Settled[] {
    assert.ok(this.append(key, version, valueBytes));
    return this.settle();
  }

  settle(): Settled[] {
    const settled: Settled[] = [];
    this.writes.settle((how) => settled.push(how));
    return settled;
  }

  /** Ends the checkpoint that runs. */
  async endCheckpoint(end: 'done' | 'full' = 'done'): Promise<void> {
    await eventually(() => assert.ok(this.ends.length > 0, 'no checkpoint runs'));
    this.ends.shift()?.(end === 'done' ? { kind: 'done', id: 0, records: 1, seconds: 0 } : { kind: 'full', id: 0 });
    await settleTurns();
  }

  durable(key: string): number | undefined {
    return versionOf(this.writes.find(wanted(key)));
  }

  newest(key: string): number | undefined {
    return versionOf(this.writes.findNewest(wanted(key)));
  }
}

function wanted(key: string) {
  return tableKey(Buffer.from(key), 0, Buffer.byteLength(key));
}

function versionOf(found: LoggedEntry | undefined): number | undefined {
  return found && readVersion(entryRecord(found.image, found.offset), 0);
}

test('at durability fsync merges see what waits for its sync, and reads do not', async () => {
  const bench = await Bench.open('fsync');
  bench.files.isHoldingSyncs = true;
  const first = bench.write('a', 1);
  const second = bench.write('a', 2);
  assert.ok(bench.append('a', 3));
  assert.deepEqual([bench.durable('a'), bench.newest('a'), bench.newest('b')], [undefined, 3, undefined]);
  await bench.files.endSync();
  assert.deepEqual([first, second, bench.durable('a'), bench.newest('a')], [['durable'], [], 1, 3]);
  await bench.files.endSync();
  assert.deepEqual([second, bench.durable('a')], [['durable'], 3]);
});

test('at durability commit reads see a write when settle() has returned, and not before', async () => {
  const bench = await Bench.open('commit');
  assert.ok(bench.append('a', 1));
  assert.deepEqual([bench.durable('a'), bench.newest('a')], [undefined, 1]);
  assert.deepEqual(bench.settle(), ['durable']);
  assert.equal(bench.durable('a'), 1);
  assert.deepEqual(bench.settle(), ['durable'], 'nothing has to be waited for');
});

test('many writes of one turn are found by merges, the newest of each key', async () => {
  const bench = await Bench.open('commit', { segments: 2 });
  for (let version = 1; version <= 100; version++) assert.ok(bench.append(`key ${version % 7}`, version, 0));
  assert.equal(bench.newest('key 3'), 94);
  assert.ok(bench.append('key 3', 101, 0));
  assert.equal(bench.newest('key 3'), 101);
});

test('a full segment is checkpointed with the newest entry of each key, and leaves the memtable when that is done', async () => {
  const bench = await Bench.open('commit');
  for (const version of [1, 2]) bench.write('a', version, HALF);
  await settleTurns();
  bench.write('b', 1, HALF);
  await settleTurns();
  const [job] = bench.jobs;
  assert.deepEqual([job?.name, job?.sequence, bench.jobs.length], ['0-1.log', 1, 1]);
  const bytes = bench.files.read('0-1.log');
  const newest = [...(job?.offsets.newest ?? [])];
  assert.deepEqual(
    newest.map((offset) => readVersion(entryRecord(bytes, offset), 0)),
    [2],
  );
  assert.deepEqual([bench.durable('a'), bench.checkpointed], [2, 0]);
  await bench.endCheckpoint();
  assert.deepEqual([bench.durable('a'), bench.durable('b'), bench.checkpointed], [undefined, 1, 1]);
});

test('what a snapshot shows stays as it is when its segment is checkpointed and further ones are filled', async () => {
  const bench = await Bench.open('commit');
  for (const version of [1, 2]) bench.write('a', version, HALF);
  await settleTurns();
  const [snapshot] = bench.writes.snapshot();
  const before = shown(snapshot as LayerSnapshot);
  for (let version = 3; version < 14; version++) {
    bench.write('b', version, HALF);
    await settleTurns();
    if (bench.ends.length > 0) await bench.endCheckpoint();
  }
  assert.ok(bench.checkpointed > 3, `${bench.checkpointed} checkpoints`);
  assert.deepEqual(shown(snapshot as LayerSnapshot), before);
  assert.deepEqual(before, ['a 2']);
});

test('images are used again, and what was in them before is not read', async () => {
  const bench = await Bench.open('commit');
  for (let version = 1; version < 20; version++) {
    bench.write(`key ${version}`, version, HALF);
    await settleTurns();
    if (bench.ends.length > 0) await bench.endCheckpoint();
    assert.equal(bench.durable(`key ${version}`), version);
  }
  const gone = Array.from({ length: 14 }, (_, index) => bench.durable(`key ${index + 1}`));
  assert.deepEqual(new Set(gone), new Set([undefined]));
});

test('checkpoints that meet a full disk keep their segments readable, are tried again, and writes are full meanwhile', async (t) => {
  const bench = await Bench.open('commit', { segments: 2 });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const version of [1, 2, 3, 4]) {
    bench.write('a', version, HALF);
    await settleTurns();
  }
  assert.equal(bench.writes.room(HALF), 'wait', 'until the disk has said something');
  let calls = 0;
  bench.writes.whenRoom(() => calls++);
  await bench.endCheckpoint('full');
  assert.deepEqual([bench.writes.room(HALF), calls, bench.durable('a')], ['full', 1, 4]);
  assert.equal(bench.jobs.length, 1);
  t.mock.timers.tick(500);
  await settleTurns();
  assert.deepEqual(
    bench.jobs.map(({ sequence }) => sequence),
    [1, 1],
  );
  bench.writes.whenRoom(() => calls++);
  await bench.endCheckpoint();
  assert.deepEqual([bench.writes.room(HALF), calls], ['yes', 2]);
});

test('segments that a full disk kept waiting are read after a start, and checkpointed first', async () => {
  const before = await Bench.open('commit', { segments: 4 });
  for (const version of [1, 2, 3]) {
    before.write('a', version, HALF);
    await settleTurns();
  }
  const names = ['0-1.log', '0-2.log'];
  const files = new FakeLogFiles(names.map((name) => [name, before.files.read(name)]));
  const bench = await Bench.open('commit', { files, waiting: names });
  assert.equal(bench.durable('a'), 3);
  assert.equal(bench.writes.bytesHeld, 2 * SEGMENT_BYTES);
  await bench.endCheckpoint();
  assert.equal(bench.durable('a'), 3, 'the second segment has it');
  await bench.endCheckpoint();
  assert.equal(bench.durable('a'), undefined);
  assert.deepEqual(
    bench.jobs.map(({ name }) => name),
    names,
  );
});

test('checkpointEarly() hands over what there is, once, and without taking its time', async () => {
  const bench = await Bench.open('commit');
  bench.writes.checkpointEarly();
  assert.equal(bench.jobs.length, 0, 'there is nothing');
  bench.write('a', 1);
  await settleTurns();
  for (const _ of [1, 2]) bench.writes.checkpointEarly();
  await settleTurns();
  assert.deepEqual([bench.jobs.length, bench.jobs[0]?.spreadMs], [1, 0]);
});

test('close() makes all durable and checkpoints it', async () => {
  const bench = await Bench.open('fsync');
  const settled = bench.write('a', 1);
  const closed = bench.writes.close();
  await bench.endCheckpoint();
  await closed;
  assert.deepEqual([settled, bench.checkpointed, bench.files.handles], [['durable'], 1, 0]);
});

test('writes are slowed down from 60% of the bound on, up to 50 ms at the bound', () => {
  const at = [0, 0.6, 0.601, 0.79, 1, 2].map((share) => paceMs(share * 1000, 1000));
  assert.deepEqual(at, [0, 0, 1, 24, 50, 50]);
});

/** Keys and versions of a snapshot. */
function shown(snapshot: LayerSnapshot): string[] {
  const { image } = snapshot;
  return entriesOf(snapshot).map(({ keyStart, keyEnd, entry }) => {
    return `${image.toString('utf8', keyStart, keyEnd)} ${readVersion(entryRecord(image, entry), 0)}`;
  });
}

test('a segment is ended early, once, when its tombstones stand in rows', async () => {
  let areInRows = false;
  const bench = await Bench.open('commit', { tombstonesMax: 3, standInRows: () => areInRows });
  const drop = (number: number): void => {
    const name = `key ${number}`;
    const entry = writeEntry({ key: name, value: undefined, version: number });
    const end = entry.offset + entry.length;
    assert.ok(bench.writes.append(entry.bytes, { keyStart: entry.keyStart, keyEnd: entry.keyEnd, end }));
    bench.settle();
  };
  for (let number = 1; number <= 5; number++) drop(number);
  await settleTurns();
  assert.equal(bench.jobs.length, 0, 'strewn ones stay');
  areInRows = true;
  for (let number = 6; number <= 20; number++) drop(number);
  await settleTurns();
  assert.deepEqual([bench.jobs.length, bench.hurries > 0], [1, true]);
  assert.equal(bench.durable('key 1'), 1);
  await bench.endCheckpoint();
  drop(21);
  await eventually(() => assert.equal(bench.jobs.length, 2, 'what came meanwhile goes next'));
});
