import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { makeHead } from '../../../src/formats/large-head.ts';
import { entryRecord, writeLogEntry } from '../../../src/formats/log.ts';
import { readVersion } from '../../../src/formats/record.ts';
import { tableKey } from '../../../workers/store/key-table.ts';
import { Memtable, MemtableLayer, type LayerSnapshot } from '../../../workers/store/memtable.ts';
import { entriesOf, sampleEntry, sampleRecord } from '../../support/log-entries.ts';

/** A segment's image, and where its entries were written. */
class Image {
  readonly bytes = Buffer.alloc(64 * 1024);
  #end = 4096;

  write(key: string, version: number, record = sampleRecord(key, version)): number {
    const offset = this.#end;
    const source = Buffer.concat([Buffer.from(key), record]);
    const place = { keyStart: 0, keyEnd: Buffer.byteLength(key), end: source.length };
    this.#end = writeLogEntry(this.bytes, offset, source, place);
    return offset;
  }
}

function versionOf(memtable: Memtable, key: string): number | undefined {
  const bytes = Buffer.from(key);
  const found = memtable.find(tableKey(bytes, 0, bytes.length));
  return found && readVersion(entryRecord(found.image, found.offset), 0);
}

/** Keys and versions of a snapshot, in its order. */
function shown(snapshot: LayerSnapshot, start = '', end?: string): string[] {
  return entriesOf(snapshot, start, end).map(({ keyStart, keyEnd, entry }) => {
    const version = readVersion(entryRecord(snapshot.image, entry), 0);
    return `${snapshot.image.toString('latin1', keyStart, keyEnd)} ${version}`;
  });
}

test('find() gives the newest entry of the newest layer, until that is removed', () => {
  const memtable = new Memtable();
  const [first, second] = [new Image(), new Image()];
  memtable.put(first.bytes, [first.write('a', 1), first.write('b', 1), first.write('a', 2)]);
  memtable.put(second.bytes, [second.write('a', 3)]);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => versionOf(memtable, key)),
    [3, 1, undefined],
  );
  memtable.remove(memtable.layerOf(second.bytes));
  assert.deepEqual(
    ['a', 'b'].map((key) => versionOf(memtable, key)),
    [2, 1],
  );
  memtable.remove(memtable.layerOf(first.bytes));
  assert.deepEqual([versionOf(memtable, 'a'), memtable.size], [undefined, 0]);
});

test('a snapshot shows the keys in order as of its moment, whatever is put later', () => {
  const image = new Image();
  const layer = new MemtableLayer(image.bytes);
  for (const key of ['b', '\u00ff', 'a', 'ab']) layer.put(image.write(key, 1, sampleRecord(key, 1)));
  const before = layer.snapshot();
  layer.put(image.write('a', 2));
  layer.put(image.write('c', 1));
  const keys = ['a 1', 'ab 1', 'b 1', '\u00c3\u00bf 1'];
  assert.deepEqual(shown(before), keys);
  assert.deepEqual(shown(before, 'ab', 'b'), ['ab 1']);
  assert.deepEqual(shown(layer.snapshot()), ['a 2', 'ab 1', 'b 1', 'c 1', '\u00c3\u00bf 1']);
});

test('order() puts entries in order a step at a time, so that a snapshot takes no longer than one', () => {
  const memtable = new Memtable();
  const image = Buffer.alloc(1024 * 1024);
  const offsets: number[] = [];
  let end = 4096;
  for (let index = 0; index < 9000; index++) {
    const { source, place } = sampleEntry(`key ${index % 8000}`, index + 1, 0);
    offsets.push(end);
    end = writeLogEntry(image, end, source, place);
  }
  memtable.put(image, offsets);
  let steps = 1;
  for (; !memtable.order(); steps++) {
    // What comes between two steps, whether the key has had its turn or not.
    for (const key of ['key 1', 'key 7998']) {
      const { source, place } = sampleEntry(key, 10_000 + steps, 0);
      const offset = end;
      end = writeLogEntry(image, end, source, place);
      memtable.put(image, [offset]);
    }
  }
  assert.ok(steps > 2, `${steps} steps`);
  const [snapshot] = memtable.snapshot();
  const versions = shown(snapshot as LayerSnapshot);
  assert.equal(versions.length, 8000);
  const last = 10_000 + steps - 1;
  for (const newest of ['key 0 8001', 'key 7999 8000', `key 1 ${last}`, `key 7998 ${last}`]) {
    assert.ok(versions.includes(newest), newest);
  }
});

test('a layer gives its checkpoint the newest entry of each key, and the heads of large values that were replaced', () => {
  const image = new Image();
  const layer = new MemtableLayer(image.bytes);
  const head = (version: number) => makeHead(sampleRecord('large', version, 300), Buffer.from(`set id ${version}`));
  const replaced = image.write('large', 1, head(1));
  const [small, newer, kept] = [image.write('a', 1), image.write('a', 2), image.write('large', 2, head(2))];
  for (const offset of [replaced, small, newer, kept]) layer.put(offset);
  const { newest, replacedHeads } = layer.toCheckpoint();
  assert.deepEqual(
    [...newest].sort((left, right) => left - right),
    [newer, kept],
  );
  assert.deepEqual([...replacedHeads], [replaced]);
});
