import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryAt, readSegment, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../../../src/formats/log.ts';
import type { Durability } from '../../../src/domain/modes.ts';
import { Log } from '../../../workers/store/log.ts';
import type { Group, GroupEnd, Segment } from '../../../workers/store/log-group.ts';
import { FakeLogFiles, settleTurns } from '../../support/fake-log-files.ts';
import { sampleEntry } from '../../support/log-entries.ts';

const SEGMENT_BYTES = 8192;

interface Told {
  readonly ends: string[];
  readonly sealed: Segment[];
  readonly fatal: unknown[];
  rooms: number;
}

interface TestLog extends Told {
  readonly log: Log;
  readonly files: FakeLogFiles;
  /** Appends a record, `valueBytes` long, and says whether it was taken. */
  readonly append: (key: string, valueBytes?: number) => boolean;
}

async function openLog(durability: Durability, files = new FakeLogFiles(), segments = 4): Promise<TestLog> {
  const told: Told = { ends: [], sealed: [], fatal: [], rooms: 0 };
  const log = await Log.open(
    {
      files,
      owner: 0,
      durability,
      segmentBytes: SEGMENT_BYTES,
      memtableBytesMax: segments * SEGMENT_BYTES,
      next: { sequence: 1, base: 0, fileNumber: 0 },
      waiting: 0,
      onGroup: (group, end: GroupEnd) => told.ends.push(`${keysOf(group).join()} ${end}`),
      onSealed: (segment) => told.sealed.push(segment),
      onRoom: () => told.rooms++,
      onFatal: (error) => told.fatal.push(error),
    },
    [],
  );
  const append = (key: string, valueBytes?: number): boolean => {
    const { source, place } = sampleEntry(key, 1, valueBytes);
    return log.append(source, place);
  };
  return Object.assign(told, { log, files, append });
}

function keysOf({ segment, offsets }: Group): string[] {
  const image = segment?.image ?? assert.fail('the group has no segment');
  return offsets.map((offset) => {
    const { keyStart, keyEnd } = entryAt(image, offset);
    return image.toString('utf8', keyStart, keyEnd);
  });
}

/** Keys in a file's whole groups, and up to where its groups say that all is synced. */
function inFile(files: FakeLogFiles, name = '0-1.log'): { keys: string[]; synced: number; groups: number } {
  const bytes = files.read(name);
  const header = readSegmentHeader(bytes) ?? assert.fail(`${name} has no header`);
  const keys: string[] = [];
  const reading = readSegment(bytes, header, (place) => {
    keys.push(bytes.toString('utf8', place.keyStart, place.keyEnd));
  });
  return { keys, synced: reading.synced, groups: reading.groups };
}

for (const durability of ['fsync', 'commit'] as const) {
  test(`durability ${durability}: which segment holds something is noted once it was synced, not before`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { log, files, append } = await openLog(durability);
    files.isHoldingSyncs = true;
    for (const sequence of [1, 2]) {
      append('a');
      log.flush();
      t.mock.timers.tick(1000);
      await settleTurns();
      assert.equal(files.begun().get(0)?.sequence ?? 0, sequence - 1);
      await files.endSync();
      assert.equal(files.begun().get(0)?.sequence, sequence);
      const { position } = files.begun().get(0) ?? assert.fail();
      assert.ok(log.rotate());
      assert.ok(position > (sequence - 1) * SEGMENT_BYTES && position <= sequence * SEGMENT_BYTES);
    }
  });
}

test('durability fsync ends a group after its sync; what comes meanwhile is the next group, with one sync for all', async () => {
  const { log, files, append, ends } = await openLog('fsync');
  files.isHoldingSyncs = true;
  append('a');
  append('b');
  log.flush();
  for (const key of ['c', 'd', 'e']) {
    append(key);
    log.flush();
    await settleTurns();
    assert.equal(files.syncsHeld, 1, 'one sync at a time');
  }
  assert.deepEqual(ends, []);
  assert.deepEqual(inFile(files).keys, ['a', 'b'], 'the next group is not written before the sync has ended');
  await files.endSync();
  assert.deepEqual(ends, ['a,b durable']);
  await files.endSync();
  assert.deepEqual(ends, ['a,b durable', 'c,d,e durable']);
  assert.equal(log.measures.syncs, 2);
});

test('durability fsync: what comes in the turn in which a sync ends goes with the next one, at once or by itself', async () => {
  const { log, files, append, ends } = await openLog('fsync');
  files.isHoldingSyncs = true;
  append('a');
  log.flush();
  append('b');
  const ended = files.endSync();
  append('c');
  await ended;
  await settleTurns();
  assert.equal(files.syncsHeld, 1);
  await files.endSync();
  assert.deepEqual(ends, ['a durable', 'b,c durable']);
  append('d');
  log.flush();
  append('e');
  const last = log.end();
  await files.endSync();
  await files.endSync();
  await last;
  assert.deepEqual(ends.slice(2).join(), 'd durable,e durable', 'a stop leaves nothing to a later turn');
});

test('a group calls synced what was synced when it was written, and no more', async () => {
  const { log, files, append } = await openLog('fsync');
  files.isHoldingSyncs = true;
  append('a');
  log.flush();
  append('b');
  log.flush();
  await files.endSync();
  const afterFirst = inFile(files);
  assert.deepEqual(afterFirst.keys, ['a', 'b']);
  assert.ok(afterFirst.synced > SEGMENT_HEADER_BYTES, 'b is written after the sync of a');
  append('c');
  log.flush();
  await files.endSync();
  assert.ok(inFile(files).synced > afterFirst.synced);
});

test('durability commit ends a group before flush() returns, and syncs once a second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, files, append, ends } = await openLog('commit');
  files.isHoldingSyncs = true;
  append('a');
  log.flush();
  append('b');
  log.flush();
  assert.deepEqual(ends, ['a durable', 'b durable']);
  t.mock.timers.tick(999);
  await settleTurns();
  assert.equal(files.syncsHeld, 0);
  t.mock.timers.tick(1);
  await settleTurns();
  assert.equal(files.syncsHeld, 1);
  append('c');
  log.flush();
  assert.equal(ends.at(-1), 'c durable', 'a sync that is under way holds up nobody');
  await files.endSync();
  t.mock.timers.tick(1000);
  await settleTurns();
  assert.equal(files.syncsHeld, 1, 'c is synced a second later');
  await files.endSync();
});

test('an idle log says once up to where it is synced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, files, append } = await openLog('fsync');
  append('a');
  log.flush();
  await settleTurns();
  assert.equal(inFile(files).synced, 0);
  for (const _ of [1, 2, 3]) {
    t.mock.timers.tick(1000);
    await settleTurns();
    assert.equal(inFile(files).groups, 2, 'one marker');
    assert.ok(inFile(files).synced > SEGMENT_HEADER_BYTES);
  }
});

test('entries that fill a segment go on in the next one; the full one is handed over when all of it is durable', async () => {
  const { log, files, append, ends, sealed } = await openLog('fsync');
  files.isHoldingSyncs = true;
  append('a', 2000);
  log.flush();
  await settleTurns();
  append('b', 1500);
  append('c', 3000);
  assert.deepEqual(inFile(files).keys, ['a', 'b'], 'b is written where it was appended');
  await files.endSync();
  assert.deepEqual(ends, ['a durable']);
  assert.deepEqual(sealed, [], 'b is not synced');
  await settleTurns();
  await Promise.all([files.endSync(), files.endSync()]);
  assert.deepEqual(ends, ['a durable', 'b durable', 'c durable']);
  assert.deepEqual(
    sealed.map(({ sequence }) => sequence),
    [1],
  );
  assert.deepEqual(inFile(files, '0-2.log').keys, ['c']);
});

test('a segment that is ended early is handed over when nothing of it waits, at every durability', async () => {
  for (const durability of ['fsync', 'commit'] as const) {
    const { log, append, sealed } = await openLog(durability);
    append('a');
    log.flush();
    await settleTurns();
    assert.ok(log.rotate());
    log.flush();
    assert.equal(sealed.length, 1, durability);
  }
});

test('no more segments are made than the memtable may hold, until one is released', async () => {
  const { log, files, append, sealed } = await openLog('commit', new FakeLogFiles(), 2);
  append('a', 3500);
  await settleTurns();
  append('b', 3500);
  log.flush();
  await settleTurns();
  assert.equal(log.room(3600), 'wait');
  assert.equal(append('c', 3500), false);
  assert.equal(files.list().length, 2);
  const [full] = sealed;
  log.release(full?.file ?? assert.fail('nothing is sealed'));
  await settleTurns();
  assert.equal(log.room(3600), 'yes');
  assert.ok(append('c', 3500));
  log.flush();
  assert.deepEqual(inFile(files).keys, ['c'], 'the first file is used again, and shows nothing of its earlier use');
});

test('a file is not closed while it is synced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, files, append, sealed, fatal } = await openLog('commit');
  files.isHoldingSyncs = true;
  append('a', 3500);
  log.flush();
  t.mock.timers.tick(1000);
  await settleTurns();
  append('b', 3500);
  log.flush();
  await settleTurns();
  // The spare file is ready, so a file that is released now has no further use.
  log.release(sealed[0]?.file ?? assert.fail('nothing is sealed'));
  await files.endSync();
  assert.deepEqual(fatal, []);
  assert.ok(!files.list().includes('0-1.log'), 'it goes when the sync has ended');
});

test('a file is not closed while end() syncs it, either', async () => {
  const { log, files, append, sealed } = await openLog('commit');
  for (const key of ['a', 'b', 'c']) {
    append(key, 3500);
    log.flush();
    await settleTurns();
  }
  files.isHoldingSyncs = true;
  const ending = log.end();
  await settleTurns();
  // The checkpoint of a full segment ends just now.
  log.release(sealed[0]?.file ?? assert.fail('nothing is sealed'));
  while (files.syncsHeld > 0) await files.endSync();
  (await ending)?.file.close();
  log.close();
  assert.ok(!files.list().includes('0-1.log'), 'it goes when the sync has ended');
});

test('end() waits for the sync under way and makes the rest durable', async () => {
  const { log, files, append, ends } = await openLog('fsync');
  files.isHoldingSyncs = true;
  append('a');
  log.flush();
  append('b');
  const ending = log.end();
  await files.endSync();
  assert.deepEqual(ends, ['a durable']);
  await files.endSync();
  const last = await ending;
  assert.deepEqual(ends, ['a durable', 'b durable']);
  last?.file.close();
  log.close();
  assert.equal(files.handles, 0);
});

for (const where of ['a group', 'the group that ends a segment', 'the header of a segment']) {
  test(`a full disk at ${where} refuses the writes, and is over when there is room`, async () => {
    const { log, files, append, ends, fatal } = await openLog('commit');
    append('before', where === 'a group' ? 40 : 1000);
    log.flush();
    await settleTurns();
    const isHeader = where === 'the header of a segment';
    if (where !== 'a group') append('last', 1500);
    files.failing = (call, _, offset) => (call === 'write' && (offset === 0) === isHeader ? 'ENOSPC' : undefined);
    const isTaken = append('refused', 3000);
    const refused = log.unended().flatMap(keysOf);
    log.flush();
    if (where === 'a group') assert.deepEqual(ends, ['before durable', 'refused full']);
    if (isHeader) assert.deepEqual([isTaken, ends], [false, ['before durable', 'last durable']]);
    if (where === 'the group that ends a segment') {
      assert.ok(refused.includes('last'), 'whoever settles hears of the group that was refused before');
      assert.deepEqual(ends, ['before durable', 'last full', 'refused full'].slice(0, ends.length));
    }
    files.failing = () => undefined;
    assert.ok(append('after'));
    log.flush();
    assert.equal(ends.at(-1), 'after durable');
    const stored = files
      .list()
      .flatMap((name) => (readSegmentHeader(files.read(name)) ? inFile(files, name).keys : []));
    assert.deepEqual(stored.toSorted(), isHeader ? ['after', 'before', 'last'] : ['after', 'before']);
    assert.deepEqual(fatal, []);
  });
}

test('a disk without room for the next file is tried again by itself', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const files = new FakeLogFiles();
  files.failing = (call) => (call === 'create' ? 'EDQUOT' : undefined);
  const told = await openLog('commit', files);
  const { log, append } = told;
  assert.equal(log.room(10), 'full');
  assert.equal(append('a'), false);
  files.failing = () => undefined;
  const before = told.rooms;
  t.mock.timers.tick(500);
  await settleTurns();
  assert.ok(told.rooms > before, 'those who wait are told');
  assert.equal(log.room(10), 'yes');
  assert.ok(append('a'));
});

const faults = [
  ['write', 'fsync'],
  ['write', 'commit'],
  ['sync', 'fsync'],
  ['sync', 'commit'],
  ['create', 'fsync'],
] as const;

for (const [failing, durability] of faults) {
  test(`a failed ${failing} at durability ${durability} is told once, and nothing is acknowledged after it`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { log, files, append, ends, fatal } = await openLog(durability);
    append('before');
    log.flush();
    await settleTurns();
    t.mock.timers.tick(1000);
    await settleTurns();
    assert.deepEqual(ends, ['before durable']);
    files.failing = (call) => (call === failing ? 'EIO' : undefined);
    if (failing === 'create') append('b', 4000);
    else append('b');
    log.flush();
    await settleTurns();
    t.mock.timers.tick(1000);
    await settleTurns();
    assert.equal(fatal.length, 1);
    const acknowledged = ends.length;
    files.failing = () => undefined;
    for (const key of ['c', 'd']) {
      append(key);
      log.flush();
      t.mock.timers.tick(2000);
      await settleTurns();
    }
    assert.equal(fatal.length, 1);
    assert.equal(ends.length, acknowledged);
    if (failing === 'write') assert.equal(acknowledged, 1, 'b is neither durable nor refused for want of room');
    assert.equal(log.room(10), 'wait');
    await assert.rejects(log.end(), /cannot be written/);
  });
}

test('end() rejects where the last sync fails', async () => {
  const { log, files, append } = await openLog('commit');
  append('a');
  log.flush();
  files.failing = (call) => (call === 'sync' ? 'EIO' : undefined);
  await assert.rejects(log.end(), /EIO/);
});
