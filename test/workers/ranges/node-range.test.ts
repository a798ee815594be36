/** Ranges of a node with three workers: their stores over one LMDB, the channels between them played by the test. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RangeBounds } from '../../../src/formats/range-bounds.ts';
import { isTombstone, RECORD_HEADER_BYTES } from '../../../src/formats/record.ts';
import { encodeOwnerAnswer, readOwnerQuestion } from '../../../src/formats/owner-range.ts';
import type { OnAnswer } from '../../../workers/ground/siblings.ts';
import { NodeRange } from '../../../workers/ranges/node-range.ts';
import { eventually } from '../../support/eventually.ts';
import { NodeStores, OWNERS, owningWorker, READER } from '../../support/node-stores.ts';
import { seededRandom } from '../../support/random.ts';
import type { StoredWrite } from '../../support/store.ts';

type Pair = readonly [key: string, value: string | null];

const everything: RangeBounds = { start: Buffer.from([0]), end: undefined, keysOnly: false };

function openRange(node: NodeStores, bounds: Partial<RangeBounds> = {}): NodeRange {
  const owners = node.others();
  return new NodeRange({ store: node.reader, owners, bounds: { ...everything, ...bounds }, onChange: () => {} });
}

/** Goes on until the range stands at an entry or at its end; `pause` is called in between. */
async function arrive(range: NodeRange, pause: () => Promise<unknown> = nextTurn): Promise<void> {
  while (range.state === 'working' || range.state === 'waiting') {
    if (range.state === 'working') range.work();
    else await pause();
  }
}

/** Reads a range to its end, and closes it. */
async function readAll(range: NodeRange, pause: () => Promise<unknown> = nextTurn): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (await arrive(range); range.state === 'entry'; await arrive(range)) {
    const { key, keyStart, keyEnd, bytes, offset, length } = range.entry;
    const name = key.toString('utf8', keyStart, keyEnd);
    const isDeleted = isTombstone(bytes, offset);
    const pieces = [Buffer.from(bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length))];
    await pause();
    for (let piece; (piece = range.takeValue()) !== undefined;) pieces.push(Buffer.from(piece));
    pairs.push([name, isDeleted ? null : Buffer.concat(pieces).toString('latin1')]);
    range.advance();
  }
  range.close();
  return pairs;
}

function sorted(model: ReadonlyMap<string, string | null>): Pair[] {
  return [...model].sort(([left], [right]) => Buffer.from(left).compare(Buffer.from(right)));
}

/** Writes and what is there after them. */
function note(model: Map<string, string | null>, writes: readonly StoredWrite[]): void {
  for (const { key, value } of writes) model.set(String(key), value === undefined ? null : value.toString('latin1'));
}

async function checkpointed(node: NodeStores): Promise<void> {
  await eventually(() => {
    for (const { measures } of node.stores) assert.ok(measures.checkpoints.records > 0, 'nothing is checkpointed yet');
  });
}

const nothingKept = async (node: NodeStores): Promise<void> => {
  await eventually(() => assert.deepEqual([node.kept, node.held], [0, 0]));
};

test('a range shows what all owners hold at its start, as a sorted model does, whatever is written and checkpointed', async (t) => {
  const random = seededRandom(t);
  const node = await NodeStores.open(t, { logSegmentBytes: 1024 * 1024 });
  const model = new Map<string, string | null>();
  let version = 0;
  const randomWrites = (): StoredWrite[] =>
    [...new Set(Array.from({ length: 200 }, () => `k${random.below(300)}`))].map((key) => {
      const kind = random.below(60);
      const text = `${key}@${++version} `;
      if (kind < 9) return { key, value: undefined, version };
      return { key, value: Buffer.alloc(kind === 9 ? 600_000 : random.below(3000), text, 'latin1'), version };
    });
  for (let round = 0; round < 20; round++) {
    const writes = randomWrites();
    await node.fill(writes);
    note(model, writes);
    const expected = sorted(model);
    const range = openRange(node);
    // A range shows what was there before it was opened, and what came after LMDB's snapshot is not there.
    await arrive(range);
    const more = randomWrites();
    const writing = node.fill(more);
    assert.deepEqual(await readAll(range), expected);
    await writing;
    note(model, more);
  }
  await checkpointed(node);
  assert.deepEqual(await readAll(openRange(node)), sorted(model));
  await nothingKept(node);
});

test('a range shows the bounds and keys that were asked for', async (t) => {
  const node = await NodeStores.open(t);
  const writes = Array.from({ length: 40 }, (_, index) => ({ key: `k${index + 10}`, value: 'v'.repeat(1000) }));
  await node.fill([...writes, { key: 'k30', value: Buffer.alloc(700_000), version: 2 }]);
  const part = await readAll(openRange(node, { start: Buffer.from('k15'), end: Buffer.from('k40'), keysOnly: true }));
  assert.deepEqual(
    part,
    writes.slice(5, 30).map(({ key }): Pair => [key, '']),
  );
  await nothingKept(node);
});

test('records as long as they may be come whole, and so do many pages of short ones', async (t) => {
  const node = await NodeStores.open(t);
  const long = Array.from({ length: 12 }, (_, index) => ({ key: `long ${index + 10}`, value: 'l'.repeat(131_072) }));
  const short = Array.from({ length: 5000 }, (_, index) => ({ key: `short ${index + 10_000}`, value: 's'.repeat(60) }));
  await node.fill([...long, ...short]);
  assert.deepEqual(
    await readAll(openRange(node)),
    [...long, ...short].map(({ key, value }): Pair => [key, value]),
  );
});

/** Answers that a test lets through one by one. */
class Gate {
  readonly held: { readonly owner: number; readonly kind: string; readonly pass: () => void }[] = [];
  readonly #node: NodeStores;

  constructor(node: NodeStores) {
    this.#node = node;
    node.deliver = (owner, question, onAnswer) => {
      const { kind } = readOwnerQuestion(question);
      this.held.push({ owner, kind, pass: () => this.#node.answer(owner, question, onAnswer) });
    };
  }

  get waiting(): string[] {
    return this.held.map(({ owner, kind }) => `${kind} ${owner}`);
  }

  passOne(): void {
    this.held.shift()?.pass();
  }
}

test('LMDB is opened when all owners have their snapshots, and each is a page ahead at most', async (t) => {
  const node = await NodeStores.open(t);
  const keys = Array.from({ length: 9000 }, (_, index) => `k${index + 10_000}`);
  await node.fill(keys.map((key) => ({ key, value: 'v'.repeat(60) })));
  const gate = new Gate(node);
  const range = openRange(node);
  assert.deepEqual([range.state, gate.waiting], ['waiting', ['open 1', 'open 2']]);
  gate.passOne();
  assert.deepEqual([range.state, node.held], ['waiting', 0]);
  gate.passOne();
  assert.deepEqual([range.state, gate.waiting], ['working', []]);
  range.work();
  assert.deepEqual([node.held, gate.waiting], [1, ['page 1', 'page 2']]);
  range.work();
  assert.equal(range.state, 'waiting');
  gate.passOne();
  gate.passOne();
  range.work();
  // Each first page is begun, and so the second one asked for; no third one before that is begun.
  for (let count = 0; count < 100; count++) {
    assert.equal(range.state, 'entry');
    range.advance();
  }
  assert.deepEqual(gate.waiting, ['page 1', 'page 2']);
  range.close();
  while (gate.held.length > 0) gate.passOne();
  await nothingKept(node);
});

test('what the reader itself holds is put in order while the others take their snapshots', async (t) => {
  const node = await NodeStores.open(t);
  const keys = Array.from({ length: 14_000 }, (_, index) => `k${index + 10_000}`);
  const own = keys.filter((key) => owningWorker(key) === READER);
  await node.fill(own.map((key) => ({ key, value: 'v' })));
  const gate = new Gate(node);
  const range = openRange(node);
  assert.equal(range.state, 'working');
  while (range.state === 'working') range.work();
  assert.deepEqual([range.state, node.reader.prepareRange()], ['waiting', true]);
  gate.passOne();
  gate.passOne();
  range.work();
  assert.deepEqual(gate.waiting, ['page 1', 'page 2']);
  range.close();
  while (gate.held.length > 0) gate.passOne();
  await nothingKept(node);
});

/** Lets everything through but what `answer` answers itself. */
function intercept(node: NodeStores, owner: number, answer: (kind: string, onAnswer: OnAnswer) => boolean): void {
  const { deliver } = node;
  node.deliver = (asked, question, onAnswer) => {
    const isTaken = asked === owner && answer(readOwnerQuestion(question).kind, onAnswer);
    if (!isTaken) deliver(asked, question, onAnswer);
  };
}

test('an owner that is not there, or ends on the way, breaks the range off with its name', async (t) => {
  const node = await NodeStores.open(t);
  const { deliver } = node;
  const keys = Array.from({ length: 9000 }, (_, index) => `k${index + 10_000}`);
  await node.fill(keys.map((key) => ({ key, value: 'v'.repeat(60) })));
  for (const lostAt of [1, 2, 3]) {
    let questions = 0;
    node.deliver = deliver;
    intercept(node, 2, (kind, onAnswer) => {
      if (kind === 'close' || ++questions < lostAt) return false;
      onAnswer(undefined);
      return true;
    });
    const range = openRange(node);
    await assert.rejects(readAll(range), /worker 3 of this node, which owns a part of the keys: has ended/);
    assert.notEqual(range.state, 'failed');
    range.close();
    await nothingKept(node);
  }
});

test('snapshots that LMDB has overtaken are taken anew, before anything is shown', async (t) => {
  const node = await NodeStores.open(t);
  await node.fill([{ key: 'a', value: '1' }]);
  let stale = 1;
  intercept(node, 1, (kind, onAnswer) => {
    if (kind !== 'page' || stale-- <= 0) return false;
    onAnswer(encodeOwnerAnswer('stale'));
    return true;
  });
  assert.deepEqual(await readAll(openRange(node)), [['a', '1']]);
  await nothingKept(node);
  stale = Infinity;
  const range = openRange(node);
  await assert.rejects(readAll(range), /owners wait too long for each other/);
  range.close();
  await nothingKept(node);
});

test('more ranges than an owner keeps snapshots for are refused, and closing one makes room', async (t) => {
  const node = await NodeStores.open(t);
  await node.fill([{ key: 'a', value: '1' }]);
  const owners = node.others();
  const open = (): NodeRange => new NodeRange({ store: node.reader, owners, bounds: everything, onChange: () => {} });
  const gate = new Gate(node);
  const passAll = (): void => {
    while (gate.held.length > 0) gate.passOne();
  };
  const four = Array.from({ length: 4 }, open);
  passAll();
  assert.equal(node.kept, 4 * (OWNERS - 1));
  const fifth = open();
  passAll();
  assert.equal(fifth.state, 'working');
  assert.throws(() => fifth.work(), /too many ranges are being read/);
  for (const range of [...four, fifth]) range.close();
  passAll();
  await nothingKept(node);
});

test('an owner lets go of what a dead worker asked for, and of what nobody asks for', async (t: TestContext) => {
  const node = await NodeStores.open(t);
  await node.fill([{ key: 'a', value: '1' }]);
  const range = openRange(node);
  await eventually(() => assert.equal(node.kept, OWNERS - 1));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const other = openRange(node);
  await arrive(range);
  node.snapshots[1]?.forget(READER);
  assert.equal(node.snapshots[1]?.size, 0);
  t.mock.timers.tick(600_000);
  assert.equal(node.snapshots[2]?.size, 0);
  await assert.rejects(readAll(other), /nobody asked for it in time/);
  range.close();
  other.close();
});

test('no checkpoint overtakes a range between the snapshots and LMDB', async (t: TestContext) => {
  const node = await NodeStores.open(t, { logSegmentBytes: 1024 * 1024, memtableBytesMax: 3 * 1024 * 1024 });
  const key = Array.from({ length: 50 }, (_, index) => `k${index}`).find((name) => owningWorker(name) === 1) ?? '';
  await node.fill([{ key, value: 'old' }]);
  const gate = new Gate(node);
  const range = openRange(node);
  // A segment that is held back goes on after a second, which is not to pass here.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  while (gate.held.length > 0) gate.passOne();
  // The key is written again, and so much after it that its segment is full.
  const store = node.stores[1];
  const filler = Array.from({ length: 14 }, (_, index) => ({ key: `${key} ${index}`, value: 'x'.repeat(99_000) }));
  const mine = filler.filter((write) => owningWorker(write.key) === 1);
  const filling = mine[0] ?? assert.fail("none of the keys is that owner's");
  let version = 2;
  await node.fill([{ key, value: 'new', version }]);
  for (let sum = 0; sum < 1_200_000; sum += 99_000) await node.fill([{ ...filling, version: ++version }]);
  assert.equal(store?.measures.checkpoints.records, 0);
  const reading = readAll(range);
  while (range.state !== 'ended') {
    gate.passOne();
    await nextTurn();
  }
  const found = await reading;
  t.mock.timers.reset();
  assert.deepEqual(found, [[key, 'old']]);
  await eventually(() => assert.ok((store?.measures.checkpoints.records ?? 0) > 0));
});
