/** What a start finds of the log after a crash: all that was acknowledged, nothing that was not sent, and damage by name. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { readVersion, RECORD_HEADER_BYTES } from '../../../src/formats/record.ts';
import type { Durability } from '../../../src/domain/modes.ts';
import { LoggedWrites } from '../../../workers/store/logged-writes.ts';
import { tableKey } from '../../../workers/store/key-table.ts';
import type { NewestRecords } from '../../../workers/store/newest-records.ts';
import { describeDamage, findLogs, newestRecords } from '../../../workers/store/replay.ts';
import { FakeCheckpoints, partsOf } from '../../support/fake-checkpoints.ts';
import { FakeLogFiles, settleTurns } from '../../support/fake-log-files.ts';
import { sampleEntry, sampleRecord } from '../../support/log-entries.ts';
import { encodeSegment } from '../../support/log-segments.ts';
import { seededRandom, type Random } from '../../support/random.ts';

const SEGMENT_BYTES = 8192;
const KEYS = 12;
const none = (): number => 0;

/** Newest versions by key; fails where a record is not one that `sampleRecord` made. */
function versionsOf(newest: NewestRecords): Map<string, number> {
  return new Map(
    Array.from({ length: newest.size }, (_, number) => {
      const { key, record } = partsOf(newest.at(number));
      const version = readVersion(record, 0);
      const expected = sampleRecord(key.toString(), version, record.length - RECORD_HEADER_BYTES);
      assert.ok(record.equals(expected), `the record under ${key.toString()} is not what was written`);
      return [key.toString(), version];
    }),
  );
}

/** A store that loses its power, or is killed, again and again. */
class Life {
  files = new FakeLogFiles();
  readonly #random: Random;
  readonly #durability: Durability;
  readonly #lmdb = new FakeCheckpoints();
  readonly #sent = new Set<string>();
  #acknowledged = new Map<string, number>();
  #version = 0;

  constructor(random: Random, durability: Durability) {
    this.#random = random;
    this.#durability = durability;
  }

  /** Replays, checks, writes for a while and crashes. */
  async run(t: TestContext, crash: 'killed' | 'power loss'): Promise<void> {
    const logs = findLogs(this.files, () => this.#lmdb.checkpointed);
    assert.equal(describeDamage(logs), undefined);
    const newest = newestRecords(logs);
    this.#check(versionsOf(newest));
    const isFull = this.#random.below(4) === 0;
    const [log] = logs;
    if (!isFull) this.#lmdb.take(newest, log?.sequence ?? 0);
    const found = log ?? { owner: 0, sequence: 0, base: 0, files: [], strangers: [], segments: [] };
    const checkpoints = this.#lmdb.over(this.files, isFull);
    const fatal: unknown[] = [];
    const writes = await LoggedWrites.open({
      files: this.files,
      writer: checkpoints,
      durability: this.#durability,
      owner: 0,
      logSegmentBytes: SEGMENT_BYTES,
      memtableBytesMax: 4 * SEGMENT_BYTES,
      tombstonesMax: 10,
      standInRows: () => true,
      found: { ...found, waiting: isFull ? found.segments.map(({ name }) => name) : [] },
      onCheckpointed: () => {},
      onFatal: (error) => fatal.push(error),
    });
    for (let step = this.#random.below(60); step > 0; step--) await this.#step(t, writes);
    checkpoints.end();
    assert.deepEqual(fatal, []);
    if (crash === 'killed')
      this.files = new FakeLogFiles(
        this.files.list().map((name) => [name, this.files.read(name)] as const),
        this.files.begun(),
      );
    else this.files = this.files.afterPowerLoss(this.#random);
    // At durability commit a power loss may cost the last moments.
    if (crash === 'power loss' && this.#durability === 'commit') this.#acknowledged = new Map();
  }

  async #step(t: TestContext, writes: LoggedWrites): Promise<void> {
    const what = this.#random.below(10);
    this.files.isHoldingSyncs = what === 0 || (this.files.isHoldingSyncs && what !== 1);
    if (this.files.syncsHeld > 0 && !this.files.isHoldingSyncs) await this.files.endSync();
    if (what === 2) t.mock.timers.tick(1000);
    if (what === 3) writes.checkpointEarly();
    if (what < 6) return settleTurns();
    const appended: [string, number][] = [];
    for (let count = this.#random.below(6); count > 0; count--) {
      const key = `key ${this.#random.below(KEYS)}`;
      const version = ++this.#version;
      const { source, place } = sampleEntry(key, version, this.#random.below(2) * this.#random.below(3000));
      if (writes.room(source.length) !== 'yes') continue;
      this.#sent.add(`${key} ${version}`);
      if (writes.append(source, place)) appended.push([key, version]);
    }
    writes.settle((settled) => {
      if (settled !== 'durable') return;
      for (const [key, version] of appended) {
        this.#acknowledged.set(key, Math.max(version, this.#acknowledged.get(key) ?? 0));
        const name = tableKey(Buffer.from(key), 0, key.length);
        assert.ok(writes.find(name) !== undefined || this.#lmdb.stored.has(key), 'what is durable is read');
      }
    });
    return settleTurns();
  }

  #check(logged: ReadonlyMap<string, number>): void {
    for (const [key, version] of logged) assert.ok(this.#sent.has(`${key} ${version}`), `${key} ${version} was sent`);
    for (const [key, version] of this.#acknowledged) {
      const found = Math.max(logged.get(key) ?? 0, this.#lmdb.stored.get(key) ?? 0);
      assert.ok(found >= version, `${key} ${version} was acknowledged, ${found} is there`);
    }
  }
}

const crashes = [
  ['fsync', 'power loss'],
  ['commit', 'power loss'],
  ['fsync', 'killed'],
  ['commit', 'killed'],
] as const;

for (const [durability, crash] of crashes) {
  test(`${crash} at durability ${durability}: what was acknowledged is replayed, nothing that was not sent`, async (t) => {
    const random = seededRandom(t);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    for (let life = 0; life < 60; life++) {
      const one = new Life(random, durability);
      for (let run = 0; run < 5; run++) await one.run(t, crash);
    }
  });
}

/** A log of three full segments and one that is being filled, all of it synced but the last group. */
function fourSegments(owner = 0): { files: FakeLogFiles; names: string[]; versions: Map<string, number> } {
  const files = new FakeLogFiles();
  const versions = new Map<string, number>();
  let previousEnd = 0;
  const names = [1, 2, 3, 4].map((sequence) => {
    const groups = [1, 2, 3].map((group) => {
      const [key, version] = [`key ${group}`, sequence * 10 + group];
      versions.set(key, version);
      return { entries: [{ key, version }] };
    });
    const base = (sequence - 1) * SEGMENT_BYTES;
    const { bytes, end } = encodeSegment(groups, { owner, sequence, base, previousEnd });
    previousEnd = base + end;
    files.put(`${owner}-${sequence}.log`, bytes);
    return `${owner}-${sequence}.log`;
  });
  return { files, names, versions };
}

test('segments are replayed by their sequence, whatever their files are called', () => {
  const { files, names, versions } = fourSegments();
  const swapped = new FakeLogFiles(names.map((name, index) => [`0-${9 - index}.log`, files.read(name)]));
  const logs = findLogs(swapped, none);
  assert.equal(describeDamage(logs), undefined);
  assert.deepEqual(versionsOf(newestRecords(logs)), versions);
  assert.deepEqual(
    logs[0]?.segments.map(({ header }) => header.sequence),
    [1, 2, 3, 4],
  );
});

test('a segment file that is missing is damage, unless LMDB has it', () => {
  const { files, names } = fourSegments();
  for (const [index, name] of names.slice(0, 3).entries()) {
    const rest = new FakeLogFiles(names.filter((one) => one !== name).map((one) => [one, files.read(one)]));
    assert.match(describeDamage(findLogs(rest, none)) ?? '', /of worker 1/, name);
    assert.equal(describeDamage(findLogs(rest, () => index + 1)), undefined, `${name} is checkpointed`);
  }
});

test('a newest segment that is gone, cut short or without a readable group is damage once it was synced, and told once', () => {
  const spoilt: readonly ((files: FakeLogFiles, name: string) => void)[] = [
    (files, name) => files.remove(name),
    (files, name) => files.put(name, Buffer.alloc(0)),
    (files, name) => files.put(name, files.read(name).fill(0)),
    (files, name) => files.put(name, files.read(name).subarray(0, 4096)),
    (files, name) => files.put(name, files.read(name).fill(0, 4096)),
  ];
  for (const spoil of spoilt) {
    const { files, names } = fourSegments();
    const noted = new FakeLogFiles(
      names.map((name) => [name, files.read(name)] as const),
      new Map([[0, { sequence: 4, position: 0 }]]),
    );
    assert.equal(describeDamage(findLogs(noted, none)), undefined);
    spoil(noted, names[3] as string);
    const [log] = findLogs(noted, () => 3);
    assert.match(describeDamage(log === undefined ? [] : [log]) ?? '', /log of worker 1/);
    assert.equal(log?.sequence, 4, 'the log goes on behind it');
    assert.equal(describeDamage(findLogs(noted, () => 4)), undefined, 'once that is checkpointed it is over');
  }
});

test('a newest segment that ends before what was noted to be synced is damage: an older copy of it', () => {
  const { files, names } = fourSegments();
  const images = names.map((name) => [name, files.read(name)] as const);
  const end = 3 * SEGMENT_BYTES + 4096 + 200;
  for (const [position, isDamaged] of [
    [end, false],
    [4 * SEGMENT_BYTES, true],
  ] as const) {
    // prettier-ignore
    const noted = new FakeLogFiles(images, new Map([[0, { sequence: 4, position }]]));
    assert.equal(describeDamage(findLogs(noted, none)) !== undefined, isDamaged);
    assert.equal(describeDamage(findLogs(noted, () => 4)), undefined);
  }
});

test('a log of which no file is left is damage, for each owner, unless LMDB has all of it', () => {
  const noted = [2, 7].map((sequence, owner) => [owner, { sequence, position: 0 }] as const);
  const gone = new FakeLogFiles([], new Map(noted));
  assert.match(describeDamage(findLogs(gone, () => 1)) ?? '', /worker 1, .*worker 2/);
  assert.match(describeDamage(findLogs(gone, () => 1, 1)) ?? '', /^[^,]*worker 2$/);
  assert.equal(describeDamage(findLogs(gone, () => 7)), undefined);
});

test('a segment that lost its header is damage, and what its groups hold is saved', () => {
  for (const which of [0, 1, 2, 3]) {
    const { files, names, versions } = fourSegments();
    const name = names[which] as string;
    files.put(name, files.read(name).fill(0, 0, 4096));
    const logs = findLogs(files, none);
    assert.match(describeDamage(logs) ?? '', /log of worker 1/, name);
    assert.deepEqual(versionsOf(newestRecords(logs)), versions);
    assert.deepEqual(logs[0]?.strangers, [name], 'its file is not used again as it is');
    if (which < 3) assert.equal(describeDamage(findLogs(files, () => 4)), undefined, 'it was checkpointed');
  }
});

test('a file that was made ahead and never used is no damage', () => {
  const { files, versions } = fourSegments();
  files.put('0-5.log', Buffer.alloc(SEGMENT_BYTES));
  files.put('0-6.log', Buffer.alloc(0));
  const logs = findLogs(files, none);
  assert.equal(describeDamage(logs), undefined);
  assert.deepEqual(logs[0]?.strangers, ['0-5.log', '0-6.log']);
  assert.deepEqual(versionsOf(newestRecords(logs)), versions);
});

test('a flipped byte in any segment is told, or was above what is known to be synced; nothing wrong is replayed', () => {
  const { files, names, versions } = fourSegments();
  for (const [index, name] of names.entries()) {
    const whole = files.read(name);
    for (let at = 0; at < 4700; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] as number) ^ 0xff;
      files.put(name, flipped);
      const logs = findLogs(files, none);
      const damage = describeDamage(logs);
      const found = versionsOf(newestRecords(logs));
      const lost = [...versions].filter(([key, version]) => found.get(key) !== version);
      if (damage === undefined && lost.length > 0) {
        assert.deepEqual([index, lost], [3, [['key 3', 43]]], 'only the last group may be a torn tail');
      }
    }
    files.put(name, whole);
  }
});

test('all owners are replayed, or one of them, and the newest record wins whoever logged it', () => {
  const [first, second] = [fourSegments(0), fourSegments(3)];
  const files = new FakeLogFiles(
    [...first.names, ...second.names].map((name, index) => {
      return [name, (index < 4 ? first : second).files.read(name)] as const;
    }),
  );
  const { bytes } = encodeSegment([{ entries: [{ key: 'key 1', version: 99 }] }], { owner: 1 });
  files.put('1-1.log', bytes);
  files.put('not a log file.log', bytes);
  const all = findLogs(files, none);
  assert.deepEqual(
    all.map(({ owner, segments }) => [owner, segments.length]),
    [
      [0, 4],
      [1, 1],
      [3, 4],
    ],
  );
  assert.deepEqual(versionsOf(newestRecords(all)), new Map([...first.versions, ['key 1', 99]]));
  assert.deepEqual(
    findLogs(files, none, 1).map(({ owner, files: names }) => [owner, names]),
    [[1, ['1-1.log']]],
  );
  assert.deepEqual(
    findLogs(files, none, 7).map(({ owner, sequence }) => [owner, sequence]),
    [[7, 0]],
    'a new owner has an empty log',
  );
});

test('the log goes on behind all that its files may hold', () => {
  const { files } = fourSegments();
  const [log] = findLogs(files, () => 9);
  assert.equal(log?.sequence, 9);
  assert.ok((log?.base ?? 0) >= 8 * SEGMENT_BYTES, 'segments whose headers were lost had positions, too');
});
