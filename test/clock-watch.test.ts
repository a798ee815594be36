/** Watching a node's clock: when it may stamp, what is said of it, and that a jump is measured before the next stamp. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClockWatch, measurePauseMs } from '../src/clock-watch.ts';
import { NodeClock } from '../src/dispatch/clock.ts';
import type { PeerOffset } from '../src/protocol/workers.ts';
import { BentClock } from './support/bent-clock.ts';

const nowMs = 1_700_000_000_000;

/** A node whose peers' clocks are right, and its own off by what the test says. */
class WatchedNode {
  readonly time: BentClock;
  readonly clock: NodeClock;
  readonly watch: ClockWatch;
  readonly logs: { level: string; message: string; fields: unknown }[] = [];
  readonly changes: boolean[] = [];
  /** Peers that answer. */
  peers = ['b', 'c'];
  /** How far the peers' clocks are ahead of the truth, milliseconds. */
  peersOffMs = 0;
  measures = 0;
  /** Called while a measure is under way. */
  duringMeasure: (() => void) | undefined;
  #offMs: number;

  constructor(t: TestContext, offMs: number) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#offMs = offMs;
    this.time = new BentClock(nowMs, offMs);
    this.clock = new NodeClock({
      source: this.time,
      reserve: async () => 'reserved',
      onJump: (micros) => this.watch.jumped(micros),
    });
    const log = (level: string) => (message: string, fields?: unknown) => this.logs.push({ level, message, fields });
    this.watch = new ClockWatch({
      clock: this.clock,
      clockDriftMsMax: 5000,
      measure: () => this.#measure(),
      now: () => this.time.monotonicMicros() / 1000,
      log: { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug') },
      onChange: (isSkewed) => this.changes.push(isSkewed),
    });
    this.clock.begin({ bound: 0, newestStored: 0 });
    t.after(() => this.watch.stop());
  }

  setClock(byMs: number): void {
    this.time.set(byMs);
    this.#offMs += byMs;
  }

  async #measure(): Promise<PeerOffset[]> {
    this.measures++;
    const offsets = this.peers.map((url) => {
      return { url, offset: { micros: (this.peersOffMs - this.#offMs) * 1000, errorMicros: 500 } };
    });
    await nextTurn();
    this.duringMeasure?.();
    return offsets;
  }

  /** Lets a second pass, with its measure. */
  async second(t: TestContext): Promise<void> {
    this.time.pass(measurePauseMs);
    t.mock.timers.tick(measurePauseMs);
    for (let turn = 0; turn < 6; turn++) await nextTurn();
  }

  /** What a write would meet: a stamp, or why there is none. */
  async write(): Promise<number | string> {
    for (let tries = 0; tries < 3; tries++) {
      const stamp = this.clock.stamp();
      if (stamp !== undefined) return stamp;
      if (this.clock.skew !== undefined) return this.clock.skew;
      await new Promise((resolve) => this.clock.whenStampable(resolve));
    }
    return assert.fail('it waits for ever');
  }
}

test('a node 300 s slow refuses writes from its start on and says by how much it is off', async (t) => {
  const node = new WatchedNode(t, -300_000);
  await node.watch.start();
  const why = await node.write();
  assert.match(
    String(why),
    /clock is 300\.0 s slow by 2 of the 2 other nodes' clocks, more than --clock-drift-ms-max 5000/,
  );
  assert.deepEqual(
    node.logs.map(({ level, message }) => [level, message]),
    [['error', 'the clock of this node is wrong: it takes no writes']],
  );
  assert.deepEqual(node.watch.status, { verdict: 'skewed', measured: 3, offMs: -300_000, aheadMs: 0, skew: why });
});

test('45 s slow and 70 s fast are refused, 2 s slow is taken with a warning', async (t) => {
  for (const [offMs, what] of [
    [-45_000, /45\.0 s slow/],
    [70_000, /70\.0 s fast/],
  ] as const) {
    await t.test(`${offMs} ms`, async (sub) => {
      const node = new WatchedNode(sub, offMs);
      await node.watch.start();
      assert.match(String(await node.write()), what);
    });
  }
  await t.test('2 s slow', async (sub) => {
    const node = new WatchedNode(sub, -2000);
    await node.watch.start();
    assert.equal(typeof (await node.write()), 'number');
    assert.deepEqual(node.logs, [
      {
        level: 'warn',
        message: 'the clock of this node differs from the others',
        fields: { offSeconds: -2, clocks: 3 },
      },
    ]);
  });
});

test('a node takes no write before its clock was compared', async (t) => {
  const node = new WatchedNode(t, -300_000);
  assert.equal(node.clock.stamp(), undefined);
  const written = node.write();
  await node.watch.start();
  assert.match(String(await written), /300\.0 s slow/, 'a write that came before is refused, not stamped');
});

test('of two clocks nobody knows which is wrong: writes are taken, and the difference is told once a minute', async (t) => {
  const node = new WatchedNode(t, -300_000);
  node.peers = ['b'];
  await node.watch.start();
  assert.equal(typeof (await node.write()), 'number');
  assert.equal(node.logs.length, 1);
  for (let second = 0; second < 59; second++) await node.second(t);
  assert.equal(node.logs.length, 1);
  await node.second(t);
  assert.equal(node.logs.length, 2);
  assert.equal(node.watch.status.verdict, 'doubtful');
});

test('a single node has nothing to compare, and stamps', async (t) => {
  const node = new WatchedNode(t, 0);
  node.peers = [];
  await node.watch.start();
  assert.equal(await node.write(), nowMs * 1000);
  assert.deepEqual(node.logs, []);
});

test('a node that is put right takes writes again, and says so', async (t) => {
  const node = new WatchedNode(t, -300_000);
  await node.watch.start();
  node.setClock(300_000);
  await node.second(t);
  assert.equal(typeof (await node.write()), 'number');
  assert.deepEqual(node.changes, [true, false]);
  assert.equal(node.watch.status.verdict, 'good');
  assert.ok(node.logs.some(({ message }) => message === 'the clock of this node agrees with the others again'));
});

test('a wrong node stays wrong when the peers that say so are gone', async (t) => {
  const node = new WatchedNode(t, -300_000);
  await node.watch.start();
  node.peers = ['b'];
  for (let second = 0; second < 20; second++) await node.second(t);
  node.peers = [];
  for (let second = 0; second < 20; second++) await node.second(t);
  assert.match(String(await node.write()), /300\.0 s slow/);
});

test('a clock that is set while the node runs is compared before the next stamp', async (t) => {
  const node = new WatchedNode(t, 0);
  await node.watch.start();
  const before = await node.write();
  for (const byMs of [300_000, -600_000]) {
    node.setClock(byMs);
    node.time.pass(1);
    const { measures } = node;
    assert.match(String(await node.write()), /300\.0 s (?:slow|fast)/);
    assert.equal(node.measures, measures + 1);
  }
  node.setClock(300_000);
  node.time.pass(1);
  assert.equal(node.clock.stamp(), undefined, 'nor is the first stamp given at once when it was put right');
  await node.second(t);
  const after = await node.write();
  assert.ok(typeof after === 'number' && after > Number(before));
  assert.ok(after < (nowMs + 60_000) * 1000, 'nothing of the wrong time was stamped');
});

test('what was measured while the clock was set counts for nothing', async (t) => {
  const node = new WatchedNode(t, 0);
  node.duringMeasure = (): void => {
    node.duringMeasure = undefined;
    node.setClock(300_000);
    node.time.pass(1);
  };
  await node.watch.start();
  assert.match(String(await node.write()), /300\.0 s fast/);
});

test('peers that do not answer after a jump are judged by what was known of them', async (t) => {
  const node = new WatchedNode(t, 0);
  await node.watch.start();
  node.peers = [];
  node.setClock(-300_000);
  node.time.pass(1);
  assert.match(String(await node.write()), /300\.0 s slow/);
});

test('offsets are metrics, by peer', async (t) => {
  const node = new WatchedNode(t, -2000);
  await node.watch.start();
  const byName = new Map(node.watch.families().map((family) => [family.name, family.samples]));
  assert.deepEqual(byName.get('kvorum_clock_offset_seconds'), [
    { labels: { peer: 'b' }, value: 2 },
    { labels: { peer: 'c' }, value: 2 },
  ]);
  assert.deepEqual(byName.get('kvorum_clock_offset_error_seconds')?.[0], { labels: { peer: 'b' }, value: 0.0005 });
  assert.deepEqual(byName.get('kvorum_clock_skewed'), [{ labels: {}, value: 0 }]);
});
