/** Operation frames: whatever goes in comes out, and bytes that are not a frame never read past their end. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import fc from 'fast-check';
import {
  acksRequiredOf,
  ENTRY_HEADER_BYTES,
  entryView,
  isLargeRead,
  keyOf,
  readEntries,
  recordOf,
  replicaCountOf,
  stampAgain,
  tagOf,
  largeRead,
  type Entry,
} from '../../src/formats/frame.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { isIntact, readExpiry, readStamp, RECORD_HEADER_BYTES, recordKinds } from '../../src/formats/record.ts';
import {
  anyOperation,
  encodeOperations,
  makeExpiring,
  mangled,
  recordBytes,
  type SampleOperation,
} from './arbitraries.ts';

const key = Buffer.from('key');

const someOperations = fc.array(anyOperation, { maxLength: 12 });

test('a frame of any operations reads back as the same operations in the same order', () => {
  fc.assert(
    fc.property(someOperations, (operations) => {
      const entries = readEntries(encodeOperations(operations));
      assert.deepEqual(entries.map(sampleOf), operations);
    }),
  );
});

test('every key length from 1 to 1,024 bytes survives a frame', () => {
  const quorum = { acksRequired: 1, replicaCount: 1 };
  const operations = Array.from({ length: 1024 }, (_, index) => ({
    head: { tag: index, kind: operationKinds.read, quorum },
    key: Buffer.alloc(index + 1, index),
    write: undefined,
  }));
  const entries = readEntries(encodeOperations(operations));
  assert.equal(entries.length, 1024);
  entries.forEach((entry, index) => assert.deepEqual(keyOf(entry), operations[index]?.key));
});

test('frames put one behind the other read as one frame', () => {
  fc.assert(
    fc.property(fc.array(someOperations, { maxLength: 4 }), (lists) => {
      const joined = Buffer.concat(lists.map(encodeOperations));
      assert.deepEqual(readEntries(joined).map(sampleOf), lists.flat());
    }),
  );
});

test('the views of single entries put one behind the other are the frame again', () => {
  fc.assert(
    fc.property(someOperations, (operations) => {
      const frame = encodeOperations(operations);
      assert.deepEqual(Buffer.concat(readEntries(frame).map(entryView)), frame);
    }),
  );
});

test('a read that is to come whole is the same read by itself, and the frame that it is of does not change', () => {
  fc.assert(
    fc.property(someOperations, (operations) => {
      const frame = encodeOperations(operations);
      const before = Buffer.from(frame);
      for (const entry of readEntries(frame)) {
        if (entry.kind !== operationKinds.read) continue;
        const [whole, ...others] = readEntries(largeRead(entry).bytes) as [Entry, ...Entry[]];
        assert.deepEqual([others, isLargeRead(whole), isLargeRead(entry)], [[], true, false]);
        assert.deepEqual(sampleOf(whole), sampleOf(entry));
      }
      assert.deepEqual(frame, before);
    }),
  );
});

test('the record of every write in a frame is intact for its key', () => {
  fc.assert(
    fc.property(someOperations, (operations) => {
      for (const entry of readEntries(encodeOperations(operations))) {
        const record = recordOf(entry);
        const expected = entry.kind === operationKinds.write;
        assert.equal(isIntact(record, 0, record.length, keyOf(entry)), expected);
      }
    }),
  );
});

test('no bytes are a frame of no entries', () => {
  assert.deepEqual(readEntries(Buffer.alloc(0)), []);
});

test('a frame cut anywhere but between two entries throws corrupt-frame', () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 3 }), (operations) => {
      const frame = encodeOperations(operations);
      const boundaries = new Set([0, ...readEntries(frame).map((entry) => entry.offset + entry.length)]);
      for (let length = 0; length < frame.length; length++) {
        const cut = (): Entry[] => readEntries(frame.subarray(0, length));
        if (boundaries.has(length)) assert.doesNotThrow(cut);
        else assert.throws(cut, { name: 'KvorumError', code: 'corrupt-frame' });
      }
    }),
    { numRuns: 25 },
  );
});

const header = { length: 0, kind: 8, keyBytes: 12 };
const corruptions: readonly (readonly [what: string, corrupt: (frame: Buffer) => void])[] = [
  ['an entry of length 0', (frame) => frame.writeUInt32LE(0, header.length)],
  ['an entry shorter than its header', (frame) => frame.writeUInt32LE(ENTRY_HEADER_BYTES - 1, header.length)],
  ['an entry of 4 GiB', (frame) => frame.writeUInt32LE(0xffffffff, header.length)],
  ['an empty key', (frame) => frame.writeUInt16LE(0, header.keyBytes)],
  ['a key past the end of its entry', (frame) => frame.writeUInt16LE(0xffff, header.keyBytes)],
  ['a read with bytes after its key', (frame) => frame.writeUInt16LE(2, header.keyBytes)],
  ['a write without room for a record header', (frame) => (frame[header.kind] = operationKinds.write)],
  ['the kind 0', (frame) => (frame[header.kind] = 0)],
  ['the kind 3', (frame) => (frame[header.kind] = 3)],
];

for (const [what, corrupt] of corruptions) {
  test(`${what} throws corrupt-frame`, () => {
    const quorum = { acksRequired: 2, replicaCount: 3 };
    const head = { tag: 7, kind: operationKinds.read, quorum };
    const frame = encodeOperations([{ head, key: Buffer.from('abc'), write: undefined }]);
    corrupt(frame);
    assert.throws(() => readEntries(frame), { name: 'KvorumError', code: 'corrupt-frame' });
  });
}

test('mangled bytes throw corrupt-frame or read as entries that tile the frame and stay inside it', () => {
  fc.assert(
    fc.property(mangled(fc.array(anyOperation, { minLength: 1, maxLength: 4 }).map(encodeOperations)), (bytes) => {
      const entries = readOrRefuse(bytes);
      if (entries === undefined) return;
      let offset = 0;
      for (const entry of entries) {
        assert.equal(entry.offset, offset);
        assertInside(entry);
        offset += entry.length;
      }
      assert.equal(offset, bytes.length);
    }),
    { numRuns: 2000 },
  );
});

test('a write that is stamped again keeps its kind, its expiry and its value', () => {
  const value = Buffer.from('value');
  const expiring = makeExpiring(key, { version: 5, nodeId: 1 }, value, 1_800_000_000_000);
  const written = recordBytes(expiring).subarray(RECORD_HEADER_BYTES);
  for (const [kind, payload] of [
    [recordKinds.value, value],
    [recordKinds.tombstone, Buffer.alloc(0)],
    [recordKinds.expiring, written],
  ] as const) {
    const head = { tag: 3, kind: operationKinds.write, quorum: { acksRequired: 1, replicaCount: 1 } };
    const write = { stamp: { version: 5, nodeId: 1, kind }, value: payload };
    const [entry] = readEntries(encodeOperations([{ head, key, write }]));
    const steps = stampAgain(entry as Entry, { version: 9, nodeId: 2 });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const record = recordOf(step.value);
    assert.ok(isIntact(record, 0, record.length, key));
    assert.deepEqual(readStamp(record, 0), { version: 9, nodeId: 2, kind });
    assert.deepEqual(record.subarray(RECORD_HEADER_BYTES), payload);
    assert.equal(readExpiry(record, 0), kind === recordKinds.expiring ? 1_800_000_000_000 : 0);
  }
});

function readOrRefuse(bytes: Buffer): Entry[] | undefined {
  try {
    return readEntries(bytes);
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'corrupt-frame');
    return undefined;
  }
}

function assertInside(entry: Entry): void {
  const end = entry.offset + entry.length;
  assert.ok(entry.offset + ENTRY_HEADER_BYTES === entry.keyStart);
  assert.ok(entry.keyStart < entry.keyEnd && entry.keyEnd <= end && end <= entry.bytes.length);
  const recordLength = recordOf(entry).length;
  assert.ok(entry.kind === operationKinds.read ? recordLength === 0 : recordLength >= RECORD_HEADER_BYTES);
}

function sampleOf(entry: Entry): SampleOperation {
  const quorum = { acksRequired: acksRequiredOf(entry), replicaCount: replicaCountOf(entry) };
  const head = { tag: tagOf(entry), kind: entry.kind, quorum };
  const record = recordOf(entry);
  const write =
    entry.kind === operationKinds.read
      ? undefined
      : { stamp: readStamp(record, 0), value: Buffer.from(record.subarray(RECORD_HEADER_BYTES)) };
  return { head, key: Buffer.from(keyOf(entry)), write };
}
