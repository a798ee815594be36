import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { replyCodes } from '../../../src/formats/codes.ts';
import { readReplies, supersedingNode, supersedingVersion, type Reply } from '../../../src/formats/reply.ts';
import { entryFlags, recordOf, versionRead, type Entry } from '../../../src/formats/frame.ts';
import { wholeStanding, type Standing } from '../../../workers/ground/standing.ts';
import { seenVersions } from '../../support/seen-versions.ts';
import { LocalReplica } from '../../../workers/replica/local-replica.ts';
import type { SeenVersions } from '../../../workers/ground/seen-versions.ts';
import type { Merged } from '../../../workers/store/wins.ts';
import type { Store } from '../../../workers/store/store.ts';
import { readEntry, writeEntry } from '../../support/store.ts';

type Room = ReturnType<Store['room']>;

/** A store whose room and settling the test decides. */
class FakeStore {
  roomNow: Room = 'yes';
  paceMs = 0;
  readonly merged: Entry[] = [];
  readonly settling: ((settled: 'durable' | 'full') => void)[] = [];
  readonly waiting: (() => void)[] = [];
  room = (): Room => this.roomNow;
  whenRoom = (call: () => void): void => void this.waiting.push(call);
  read: () => Buffer | 'damaged' | undefined = () => undefined;
  settle = (done: (settled: 'durable' | 'full') => void): void => void this.settling.push(done);
  merge: (entry: Entry) => Merged = (entry) => {
    this.merged.push(entry);
    return replyCodes.applied;
  };

  floorOf(): number {
    return 0;
  }

  change(room: Room): void {
    this.roomNow = room;
    for (const call of this.waiting.splice(0)) call();
  }
}

interface Started {
  readonly store: FakeStore;
  readonly replica: LocalReplica;
  readonly versions: SeenVersions;
  readonly behind: boolean[];
  readonly refused: number[];
  readonly time: { nowMicros: number };
}

function start(t: TestContext, standing: Standing = wholeStanding): Started {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const store = new FakeStore();
  const behind: boolean[] = [];
  const refused: number[] = [];
  const time = { nowMicros: 0 };
  const bounds = { clockDriftMsMax: 5000, timeoutMs: 1000 };
  const versions = seenVersions({ bounds, wallMicros: () => time.nowMicros });
  const replica = new LocalReplica({
    store: store as unknown as Store,
    versions,
    standing,
    turn: undefined,
    onRefused: (code) => refused.push(code),
    onBehind: (isBehind) => behind.push(isBehind),
    onFatal: (error) => assert.fail(String(error)),
  });
  return { store, replica, versions, behind, refused, time };
}

/** Submits entries; the codes of their replies are there once they are answered. */
function submit(replica: LocalReplica, entries: readonly Entry[]): { codes: number[] | undefined } {
  const answer: { codes: number[] | undefined } = { codes: undefined };
  replica.submit(entries, (bytes) => (answer.codes = readReplies(bytes).map(({ code }) => code)));
  return answer;
}

const write = (key: string): Entry => writeEntry({ key, value: 'value' });

test('a frame that writes is answered when its writes are durable, one that only reads at once', (t) => {
  const { store, replica } = start(t);
  const writing = submit(replica, [write('a'), readEntry('b')]);
  const reading = submit(replica, [readEntry('a')]);
  assert.deepEqual(reading.codes, [replyCodes.absent]);
  assert.equal(writing.codes, undefined);
  store.settling[0]?.('durable');
  assert.deepEqual(writing.codes, [replyCodes.applied, replyCodes.absent]);
});

test('entries that a merge or an answer leads to at once are executed behind it, and each frame is answered once', (t) => {
  const { store, replica } = start(t);
  const answered: string[] = [];
  const note =
    (name: string, then = (): void => {}) =>
    (): void => {
      answered.push(name);
      then();
    };
  store.settle = (done) => done('durable');
  store.merge = (entry) => {
    if (store.merged.push(entry) === 1) replica.submit([write('led to by a merge')], note('second'));
    return replyCodes.applied;
  };
  const more = (): void => replica.submit([readEntry('led to by an answer')], note('third'));
  replica.submit([write('a'), write('b')], note('first', more));
  replica.submit([write('c')], note('fourth'));
  assert.deepEqual(answered, ['first', 'second', 'third', 'fourth']);
  assert.deepEqual(
    store.merged.map(({ bytes, keyStart, keyEnd }) => bytes.toString('utf8', keyStart, keyEnd)),
    ['a', 'b', 'led to by a merge', 'c'],
  );
});

test('writes whose group met a full disk are answered so', (t) => {
  const { store, replica } = start(t);
  const answer = submit(replica, [write('a')]);
  store.settling[0]?.('full');
  assert.deepEqual(answer.codes, [replyCodes.full]);
});

test('writes wait while the log has no room, and go on in their order when it has', (t) => {
  const { store, replica } = start(t);
  store.roomNow = 'wait';
  const answers = ['a', 'b'].map((key) => submit(replica, [write(key)]));
  assert.equal(store.merged.length, 0);
  assert.deepEqual(submit(replica, [readEntry('a')]).codes, [replyCodes.absent], 'reads do not wait');
  store.change('yes');
  for (const done of store.settling) done('durable');
  assert.deepEqual(
    answers.map(({ codes }) => codes),
    [[replyCodes.applied], [replyCodes.applied]],
  );
});

test('writes that wait are answered full once the disk is', (t) => {
  const { store, replica } = start(t);
  store.roomNow = 'wait';
  const answer = submit(replica, [write('a')]);
  store.change('full');
  for (const done of store.settling) done('durable');
  assert.deepEqual(answer.codes, [replyCodes.full]);
});

test('a log that has had no room for 100 ms is said to be behind, until it has room', (t) => {
  const { store, replica, behind } = start(t);
  store.roomNow = 'wait';
  submit(replica, [write('a')]);
  t.mock.timers.tick(99);
  assert.deepEqual(behind, []);
  t.mock.timers.tick(1);
  assert.deepEqual(behind, [true]);
  store.change('yes');
  assert.deepEqual(behind, [true, false]);
});

test('a wait for room that is shorter is not told of', (t) => {
  const { store, replica, behind } = start(t);
  store.roomNow = 'wait';
  submit(replica, [write('a')]);
  t.mock.timers.tick(50);
  store.change('yes');
  t.mock.timers.tick(1000);
  assert.deepEqual(behind, []);
});

test('while the log fills faster than it is checkpointed runs of writes wait for each other', (t) => {
  const { store, replica } = start(t);
  store.paceMs = 20;
  submit(replica, [write('a')]);
  submit(replica, [write('b')]);
  assert.equal(store.merged.length, 1);
  t.mock.timers.tick(20);
  assert.equal(store.merged.length, 2);
});

const second = 1_000_000;

function stamped(version: number, flags = 0): Entry {
  const entry = writeEntry({ key: 'k', value: 'value', version });
  entry.bytes[entry.offset + 11] = flags;
  return entry;
}

test('a write of now that is stamped too long ago or too far ahead is refused for its clock, and nothing of it is stored', (t) => {
  const { store, replica, refused, time } = start(t);
  time.nowMicros = 100 * second;
  const versions = [93.9, 94, 100, 105, 110.1].map((seconds) => seconds * second);
  const answer = submit(
    replica,
    versions.map((version) => stamped(version)),
  );
  store.settling[0]?.('durable');
  const { applied, refusedClock } = replyCodes;
  assert.deepEqual(answer.codes, [refusedClock, applied, applied, applied, refusedClock]);
  assert.equal(store.merged.length, 3);
  assert.deepEqual(refused, [refusedClock, refusedClock]);
});

test('a repair and a hint are taken whenever they were stamped, and writes of now go on above them', (t) => {
  const { store, replica, time } = start(t);
  time.nowMicros = 100 * second;
  const hour = 3600 * second;
  const entries = [stamped(1, entryFlags.repair), stamped(hour, entryFlags.repair), stamped(2, entryFlags.hint)];
  const answer = submit(replica, entries);
  store.settling[0]?.('durable');
  assert.deepEqual(answer.codes, [replyCodes.applied, replyCodes.applied, replyCodes.applied]);
  const next = submit(replica, [stamped(hour + 1)]);
  store.settling[1]?.('durable');
  assert.deepEqual(next.codes, [replyCodes.applied]);
});

/** The replies to entries, once they are answered. */
function repliesTo(replica: LocalReplica, entries: readonly Entry[]): Reply[] {
  const replies: Reply[] = [];
  replica.submit(entries, (bytes) => replies.push(...readReplies(bytes)));
  return replies;
}

test('the version of a write is seen when the store has checked its bytes, and only then', (t) => {
  const { store, replica, versions } = start(t);
  const far = 86_400_000_000;
  const entryOf = (flags: number): Entry => {
    const entry = writeEntry({ key: 'a', value: 'value', version: far });
    entry.bytes[entry.offset + 11] = flags;
    return entry;
  };
  for (const flags of [entryFlags.repair, entryFlags.secondRound]) {
    store.merge = () => replyCodes.failed;
    repliesTo(replica, [entryOf(flags)]);
    store.settling.at(-1)?.('durable');
    assert.ok(versions.newest < far, 'with a wrong checksum it may say anything');
  }
  store.merge = () => replyCodes.applied;
  repliesTo(replica, [entryOf(0)]);
  assert.ok(versions.newest < far, 'a write of now that is too far ahead is not taken');
  const ahead = writeEntry({ key: 'a', value: 'value', version: 4_000_000 });
  repliesTo(replica, [ahead]);
  assert.deepEqual([versions.newest, versions.window().ceiling], [4_000_000, 9_000_000]);
  repliesTo(replica, [entryOf(entryFlags.repair)]);
  assert.equal(versions.newest, far);
});

test('a write that something newer keeps from winning is told of it, when that is durable', (t) => {
  const { store, replica } = start(t);
  store.merge = () => ({ version: 77, nodeId: 5 });
  const replies = repliesTo(replica, [write('a')]);
  assert.equal(replies.length, 0);
  store.settling[0]?.('durable');
  const reply = replies[0] ?? assert.fail('no reply');
  assert.deepEqual([reply.code, supersedingVersion(reply), supersedingNode(reply)], [replyCodes.superseded, 77, 5]);
  const later = submit(replica, [write('a')]);
  store.settling[1]?.('full');
  assert.deepEqual(later.codes, [replyCodes.full], 'what stands in its way is not durable either');
});

test('a write over what is damaged is told of the newest version that this replica has seen', (t) => {
  const { store, replica, versions } = start(t);
  versions.see(4_000_000);
  store.merge = () => ({ version: undefined, nodeId: 0 });
  const replies = repliesTo(replica, [write('a')]);
  store.settling[0]?.('durable');
  assert.equal(supersedingVersion(replies[0] as Reply), 4_000_000);
});

test('what is damaged is told as that, and of a read that wants the version only the record is announced', (t) => {
  const { store, replica } = start(t);
  store.read = () => 'damaged';
  assert.deepEqual(submit(replica, [readEntry('a')]).codes, [replyCodes.damaged]);
  store.read = () => recordOf(write('a'));
  assert.deepEqual(submit(replica, [readEntry('a'), versionRead(write('a'))]).codes, [
    replyCodes.record,
    replyCodes.large,
  ]);
});

test('a recovering replica does not vote, and does not say of older writes that they are the newest, but of repairs', (t) => {
  const standing: Standing = { isWhole: false, votes: () => false, floor: () => 10 };
  const { store, replica } = start(t, standing);
  assert.deepEqual(submit(replica, [readEntry('a')]).codes, [replyCodes.recovering]);
  store.read = () => recordOf(write('a'));
  assert.deepEqual(submit(replica, [readEntry('a')]).codes, [replyCodes.recoveringRecord]);
  const [old, fresh, repair] = [9, 10, 9].map((version) => writeEntry({ key: 'a', value: 'value', version }));
  if (repair !== undefined) repair.bytes[repair.offset + 11] = entryFlags.repair;
  const replies = repliesTo(replica, [old, fresh, repair] as Entry[]);
  store.settling[0]?.('durable');
  for (const [version, told] of [
    [8, 10],
    [12, 12],
  ] as const) {
    store.merge = () => ({ version, nodeId: 1 });
    const superseded = repliesTo(replica, [old as Entry]);
    store.settling.at(-1)?.('durable');
    assert.equal(
      supersedingVersion(superseded[0] as Reply),
      told,
      'what is above the newer record here need not be above all',
    );
  }
  assert.deepEqual(
    replies.map(({ code }) => code),
    [replyCodes.superseded, replyCodes.applied, replyCodes.applied],
  );
  assert.equal(supersedingVersion(replies[0] as Reply), 10);
  assert.equal(store.merged.length, 3, 'it stores them all');
});
