/** The node's clock under clocks that are bent: no stamp comes twice or goes back, and none is given that must not be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { NodeClock, type Reserved } from '../../src/dispatch/clock.ts';
import { versionMax } from '../../src/domain/version.ts';
import { BentClock } from '../support/bent-clock.ts';

const nowMs = 1_700_000_000_000;
const nowMicros = nowMs * 1000;

/** A node's clock whose reservations end when the test says so, or at once. */
class TestClock {
  readonly time: BentClock;
  readonly clock: NodeClock;
  readonly jumps: number[] = [];
  /** What is on the disk. */
  bound = 0;
  reservations = 0;
  /** How reservations end; undefined: they hang. */
  disk: Reserved | undefined = 'reserved';

  constructor(time: BentClock = new BentClock(nowMs), bound = 0, newestStored = 0) {
    this.time = time;
    this.bound = bound;
    this.clock = new NodeClock({
      source: time,
      reserve: async (next) => {
        this.reservations++;
        if (this.disk === undefined) return new Promise(() => {});
        if (this.disk === 'reserved') this.bound = next;
        return this.disk;
      },
      onJump: (micros) => this.jumps.push(micros),
    });
    this.clock.begin({ bound, newestStored });
    this.clock.measured();
  }

  /** A stamp, waited for. */
  async stamp(): Promise<number> {
    for (;;) {
      const stamp = this.clock.stamp();
      if (stamp !== undefined) return stamp;
      const end = await new Promise((resolve) => this.clock.whenStampable(resolve));
      assert.equal(end, 'stampable');
    }
  }

  /** The process dies, and another one starts on what the disk holds, of which the newest record is `newestStored`. */
  restarted(time: BentClock, newestStored = 0): TestClock {
    return new TestClock(time, this.bound, newestStored);
  }
}

test('stamp() rises with every call, also within a microsecond', async () => {
  const node = new TestClock();
  let last = 0;
  for (let round = 0; round < 10_000; round++) {
    const stamp = await node.stamp();
    assert.ok(Number.isSafeInteger(stamp) && stamp > last);
    last = stamp;
  }
});

test('stamp() is the time in microseconds', async () => {
  const node = new TestClock();
  assert.equal(await node.stamp(), nowMicros);
  node.time.pass(0.5);
  assert.equal(await node.stamp(), nowMicros + 500);
});

test('stamp() never goes back when the wall clock does, and follows it when it is slewed forward', async () => {
  const node = new TestClock();
  const before = await node.stamp();
  node.time.set(-50);
  node.time.pass(10);
  assert.equal(await node.stamp(), before + 1);
  node.time.set(90);
  node.time.pass(10);
  assert.equal(await node.stamp(), nowMicros + 60_000);
  assert.deepEqual(node.jumps, []);
});

test('a stamp after see() is newer than what was seen, however far ahead that is', async () => {
  const node = new TestClock();
  for (const aheadMs of [1, 3_600_000]) {
    const seen = (nowMs + aheadMs) * 1000;
    node.clock.see(seen);
    assert.equal(await node.stamp(), seen + 1);
    node.clock.see(seen - 10);
    assert.equal(await node.stamp(), seen + 2, 'an older version changes nothing');
  }
  assert.equal(node.clock.aheadMicros, 3_600_000_002);
});

test('see() ignores what leaves no room for newer versions', async () => {
  const node = new TestClock();
  for (const seen of [versionMax + 1, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, Number.NaN]) {
    node.clock.see(seen);
    assert.equal(node.clock.newest < nowMicros + 10, true, String(seen));
  }
});

test('nothing is stamped before begin() and the first comparison with the peers', () => {
  const clock = new NodeClock({ source: new BentClock(nowMs), reserve: async () => 'reserved', onJump: () => {} });
  assert.equal(clock.stamp(), undefined);
  clock.begin({ bound: 0, newestStored: 0 });
  assert.equal(clock.stamp(), undefined);
});

test('a bound is on the disk before a stamp up to it is given, and is renewed about once a second, not for each stamp', async () => {
  const node = new TestClock();
  for (let ms = 0; ms < 10_000; ms++) {
    assert.ok((await node.stamp()) <= node.bound);
    node.time.pass(1);
  }
  assert.ok(node.reservations >= 6 && node.reservations <= 12, `${node.reservations} in 10 s`);
});

test('a renewal is waited for by no stamp, unless the bound is reached', async () => {
  const node = new TestClock();
  await node.stamp();
  node.disk = undefined;
  for (let ms = 0; ms < 1900; ms++) {
    node.time.pass(1);
    assert.notEqual(node.clock.stamp(), undefined, `after ${ms} ms`);
  }
  node.time.pass(101);
  assert.equal(node.clock.stamp(), undefined);
  assert.equal(node.reservations, 2);
});

test('a node that stamps nothing reserves nothing', async () => {
  const node = new TestClock();
  await node.stamp();
  for (let second = 0; second < 100; second++) {
    node.time.pass(1000);
    node.clock.look();
  }
  assert.equal(node.reservations, 1);
});

test('those who wait for a bound are told of a disk that is full or fails, and the next stamp tries again', async () => {
  const node = new TestClock();
  for (const disk of ['full', 'failed'] as const) {
    node.disk = disk;
    assert.equal(node.clock.stamp(), undefined);
    assert.equal(await new Promise((resolve) => node.clock.whenStampable(resolve)), disk);
  }
  node.disk = 'reserved';
  assert.equal(await node.stamp(), nowMicros);
});

test('a start begins above every stamp that was given, also where the clock was put back meanwhile', async () => {
  const node = new TestClock();
  let given = 0;
  for (let ms = 0; ms < 1500; ms++) {
    given = await node.stamp();
    node.time.pass(1);
  }
  const after = node.restarted(new BentClock(nowMs - 3_600_000));
  assert.ok((await after.stamp()) > given);
});

test('a start begins above all that the store holds', async () => {
  const stored = nowMicros + 30_000_000;
  const node = new TestClock(new BentClock(nowMs), 0, stored);
  assert.equal(await node.stamp(), stored + 1);
});

test('a start that finds its bound damaged begins above what the bound can have been', async () => {
  const before = new TestClock();
  const given = await before.stamp();
  const clock = new NodeClock({ source: before.time, reserve: async () => 'reserved', onJump: () => {} });
  clock.begin({ bound: undefined, newestStored: 0 });
  assert.ok(clock.newest >= before.bound && clock.newest > given);
});

test('end() gives back what was reserved and not given, so that the next start is not ahead of its clock', async () => {
  const node = new TestClock();
  const given = await node.stamp();
  await node.clock.end();
  assert.equal(node.bound, given);
  assert.equal(node.clock.stamp(), undefined, 'and nothing is stamped any more');
  node.time.pass(5);
  assert.equal(await node.restarted(node.time).stamp(), nowMicros + 5000);
});

test('no stamp is given twice, whatever clocks, crashes and what is seen do', async () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('stamp' as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({ kind: fc.constant('set' as const), ms: fc.integer({ min: -7_200_000, max: 7_200_000 }) }),
    fc.record({ kind: fc.constant('see' as const), ms: fc.integer({ min: -10_000, max: 10_000 }) }),
    fc.record({ kind: fc.constant('crash' as const), offMs: fc.integer({ min: -7_200_000, max: 7_200_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      let node = new TestClock();
      let last = 0;
      for (const one of events) {
        if (one.kind === 'pass') node.time.pass(one.ms);
        else if (one.kind === 'set') node.time.set(one.ms);
        else if (one.kind === 'see') node.clock.see(nowMicros + one.ms * 1000);
        else if (one.kind === 'crash') node = node.restarted(new BentClock(nowMs + one.offMs));
        else {
          for (let count = 0; count < one.count; count++) {
            if (node.jumps.splice(0).length > 0) node.clock.measured();
            node.clock.look();
            if (node.jumps.splice(0).length > 0) node.clock.measured();
            const stamp = await node.stamp();
            assert.ok(stamp > last, `${stamp} after ${last}`);
            last = stamp;
          }
        }
      }
    }),
  );
});

test('a clock that was set stamps nothing before it was compared again, and those who wait go on then', async () => {
  for (const ms of [300_000, -300_000, 150]) {
    const node = new TestClock();
    const before = await node.stamp();
    node.time.set(ms);
    node.time.pass(1);
    assert.equal(node.clock.stamp(), undefined);
    assert.equal(node.jumps.length, 1);
    assert.ok(Math.abs((node.jumps[0] ?? 0) - ms * 1000) <= 1000);
    const ends: string[] = [];
    node.clock.whenStampable((end) => ends.push(end));
    await nextTurn();
    assert.deepEqual(ends, []);
    node.clock.measured();
    assert.deepEqual(ends, ['stampable']);
    const after = await node.stamp();
    assert.ok(after > before && after >= nowMicros + ms * 1000);
  }
});

test('look() notices that the clock was set, without a write', () => {
  const node = new TestClock();
  node.time.set(5000);
  node.clock.look();
  assert.deepEqual(node.jumps, [5_000_000]);
});

test('a clock that is too wrong stamps nothing, and goes on from where it was when it was put right', async () => {
  const node = new TestClock();
  const before = await node.stamp();
  node.clock.skew = 'slow';
  assert.equal(node.clock.stamp(), undefined);
  node.clock.skew = undefined;
  assert.equal(await node.stamp(), before + 1);
});
