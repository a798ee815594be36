import assert from 'node:assert/strict';
import { Buffer, isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { RangeEntryReader } from '../../src/formats/range-entries.ts';
import {
  clientFormat,
  entriesFormat,
  leftOutMark,
  type RangeEntry,
  type RangeFormat,
} from '../../src/formats/range-format.ts';
import type { RangeRequest } from '../../src/domain/range.ts';
import { headerBytesOf, largeValueBytes, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { readChunks } from '../support/chunks.ts';
import { anyValue, bytesOf, makeExpiring, makeRecord, recordBytes } from './arbitraries.ts';

const request: RangeRequest = {
  start: Buffer.from('a'),
  end: undefined,
  limit: undefined,
  keysOnly: false,
  cluster: false,
  format: 'lines',
  chunked: true,
};
const version = 1_700_000_000_000_000;
const anyText = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).map((text) => Buffer.from(text));
const anyPair = fc.record({ key: anyText, value: fc.oneof(anyValue, anyText) }, { noNullPrototype: true });

function entryOf(key: Buffer, value: Buffer): RangeEntry {
  const record = makeRecord(key, { version, nodeId: 1, kind: 0 }, value);
  return { key, keyStart: 0, keyEnd: key.length, ...record, recordBytes: record.length };
}

/** Writes entries as a scan does, into pages of one size. */
function write(format: RangeFormat, entries: readonly RangeEntry[], pageSize: number): Buffer {
  const pages: Buffer[] = [];
  const page = Buffer.alloc(pageSize);
  let at = 0;
  const flush = (): void => {
    pages.push(Buffer.from(page.subarray(0, at)));
    at = 0;
  };
  for (const entry of entries) {
    let end = format.write(page, at, entry);
    if (end < 0) {
      flush();
      end = format.write(page, 0, entry);
    }
    if (end < 0) pages.push(format.encodeLong(entry));
    else at = end;
  }
  flush();
  return Buffer.concat(pages);
}

/** Writes one entry with its value in pieces. */
function writeInPieces(format: RangeFormat, key: Buffer, value: Buffer, pieceBytes: number): Buffer {
  const entry = { ...entryOf(key, value), length: RECORD_HEADER_BYTES };
  const parts = [format.largeHead(entry)];
  for (let at = 0; at < value.length; at += pieceBytes) {
    const piece = value.subarray(at, at + pieceBytes);
    parts.push(format.encodePiece?.(piece) ?? piece);
  }
  if (format.encodePiece !== undefined) parts.push(format.encodePiece(undefined));
  return Buffer.concat([...parts, format.largeTail]);
}

test('each record is one chunk of its key, a newline and its value, whatever the page size', () => {
  fc.assert(
    fc.property(fc.array(anyPair), fc.integer({ min: 1, max: 5000 }), (pairs, pageSize) => {
      const entries = pairs.map(({ key, value }) => entryOf(key, value));
      const bytes = write(clientFormat(request), entries, pageSize);
      const expected = pairs.map(({ key, value }) => Buffer.concat([key, Buffer.from('\n'), value]));
      assert.deepEqual(readChunks(Buffer.concat([bytes, Buffer.from('0\r\n\r\n')])).chunks, expected);
    }),
  );
});

test('without chunks the records stand one behind the other', () => {
  const entries = [entryOf(Buffer.from('a'), Buffer.from('1')), entryOf(Buffer.from('b'), Buffer.alloc(0))];
  assert.equal(write(clientFormat({ ...request, chunked: false }), entries, 100).toString(), 'a\n1b\n');
});

test('with keys only a record is its key and a newline', () => {
  const entry = entryOf(Buffer.from('key'), Buffer.from('value'));
  assert.equal(write(clientFormat({ ...request, keysOnly: true }), [entry], 100).toString(), '4\r\nkey\n\r\n');
});

test('a JSON line says key, version and value, in base64 only where the value is not UTF-8', () => {
  fc.assert(
    fc.property(fc.array(anyPair), fc.integer({ min: 1, max: 5000 }), (pairs, pageSize) => {
      const entries = pairs.map(({ key, value }) => entryOf(key, value));
      const bytes = write(clientFormat({ ...request, format: 'json' }), entries, pageSize);
      const lines = readChunks(Buffer.concat([bytes, Buffer.from('0\r\n\r\n')])).chunks.map(String);
      assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        pairs.map(({ key, value }) => ({
          key: key.toString(),
          version,
          ...(isUtf8(value) ? { value: value.toString() } : { value64: value.toString('base64') }),
        })),
      );
    }),
  );
});

test('a value in pieces gives the same bytes as a value in one', () => {
  fc.assert(
    fc.property(anyText, bytesOf(0, 400), fc.integer({ min: 1, max: 100 }), (key, value, pieceBytes) => {
      assert.deepEqual(
        writeInPieces(clientFormat(request), key, value, pieceBytes),
        write(clientFormat(request), [entryOf(key, value)], 10_000),
      );
      const [line] = readChunks(
        Buffer.concat([
          writeInPieces(clientFormat({ ...request, format: 'json' }), key, value, pieceBytes),
          Buffer.from('0\r\n\r\n'),
        ]),
      ).chunks;
      assert.deepEqual(JSON.parse(String(line)), { key: key.toString(), version, value64: value.toString('base64') });
    }),
  );
});

test('RangeEntryReader reads what entriesFormat writes, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(anyPair), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (pairs, cuts) => {
      const entries = pairs.map(({ key, value }) => entryOf(key, value));
      const bytes = write(entriesFormat, entries, 3000);
      const reader = new RangeEntryReader();
      const seen: Buffer[][] = [];
      for (let at = 0, cut = 0; at < bytes.length; cut++) {
        const end = at + (cuts[cut % cuts.length] as number);
        reader.push(bytes.subarray(at, end));
        at = end;
        while (reader.next()) {
          const { key, keyStart, keyEnd } = reader.entry;
          seen.push([Buffer.from(key.subarray(keyStart, keyEnd)), Buffer.from(recordBytes(reader.entry))]);
        }
      }
      assert.ok(reader.isEmpty);
      assert.deepEqual(
        seen,
        entries.map((entry) => [entry.key, recordBytes(entry)]),
      );
    }),
  );
});

test('a value that expires says when in JSON, and is written without it otherwise, small or in pieces', () => {
  const key = Buffer.from('key');
  const value = Buffer.alloc(largeValueBytes + 1000, 'kvorum');
  for (const bytes of [value, value.subarray(0, 20)]) {
    const record = makeExpiring(key, { version, nodeId: 1 }, bytes, 1_800_000_000_000);
    const entry = { key, keyStart: 0, keyEnd: key.length, ...record, recordBytes: record.length };
    const header = { ...entry, length: headerBytesOf(record.bytes, record.offset) };
    for (const format of ['lines', 'json'] as const) {
      const own = clientFormat({ ...request, format, chunked: false });
      const pieces = [
        own.largeHead(header),
        own.encodePiece?.(bytes) ?? bytes,
        own.encodePiece?.(undefined),
        own.largeTail,
      ];
      const inPieces = Buffer.concat(pieces.filter((piece) => piece !== undefined));
      const whole = write(own, [entry], 1_000_000);
      if (format === 'lines') {
        for (const written of [whole, inPieces])
          assert.deepEqual(written, Buffer.concat([key, Buffer.from('\n'), bytes]));
        continue;
      }
      const [read, readInPieces] = [whole, inPieces].map((written) => JSON.parse(written.toString()) as object);
      const common = { key: 'key', version, expires: 1_800_000_000_000 };
      assert.deepEqual(read, { ...common, value: bytes.toString() });
      assert.deepEqual(readInPieces, { ...common, value64: bytes.toString('base64') });
    }
  }
});

test('RangeEntryReader hands on a large value in pieces, or passes over it', () => {
  const [key, after] = [Buffer.from('large'), entryOf(Buffer.from('z'), Buffer.from('small'))];
  const value = Buffer.alloc(largeValueBytes + 1000, 'kvorum');
  const bytes = Buffer.concat([writeInPieces(entriesFormat, key, value, 5000), write(entriesFormat, [after], 1000)]);
  for (const isTaken of [true, false]) {
    const reader = new RangeEntryReader();
    const pieces: Buffer[] = [];
    const names: string[] = [];
    for (let at = 0; at < bytes.length; at += 7001) {
      reader.push(bytes.subarray(at, at + 7001));
      for (;;) {
        if (isTaken) for (let piece; (piece = reader.takeValue()) !== undefined;) pieces.push(piece);
        if ((isTaken && reader.valueBytes > 0) || !reader.next()) break;
        names.push(reader.entry.key.toString('utf8', reader.entry.keyStart, reader.entry.keyEnd));
        assert.equal(reader.isLarge, names.length === 1);
      }
    }
    assert.deepEqual(names, ['large', 'z']);
    assert.ok(Buffer.concat(pieces).equals(isTaken ? value : Buffer.alloc(0)));
    assert.ok(reader.isEmpty);
  }
});

test('RangeEntryReader tells before which entry, or whether before the end, something was left out', () => {
  const page = Buffer.alloc(1000);
  const put = (at: number, key: string): number =>
    entriesFormat.write(page, at, entryOf(Buffer.from(key), Buffer.from('v')));
  let end = put(0, 'a');
  end += leftOutMark.copy(page, end);
  end = put(put(end, 'b'), 'c');
  end += leftOutMark.copy(page, end);
  for (const pieceBytes of [1, 7, 1000]) {
    const reader = new RangeEntryReader({ mayLeaveOut: true });
    const found: string[] = [];
    for (let at = 0; at < end; at += pieceBytes) {
      reader.push(page.subarray(at, Math.min(end, at + pieceBytes)));
      while (reader.next()) {
        const { key, keyStart, keyEnd } = reader.entry;
        found.push((reader.leavesOut ? '...' : '') + key.toString('utf8', keyStart, keyEnd));
      }
    }
    assert.deepEqual(found, ['a', '...b', 'c']);
    assert.ok(reader.isEmpty && reader.leavesOut);
  }
  const strict = new RangeEntryReader();
  strict.push(leftOutMark);
  assert.throws(() => strict.next(), { code: 'corrupt-frame' });
});

test('RangeEntryReader refuses lengths that no store has, and records with an impossible header', () => {
  const entry = (length: number, keyBytes: number, ownVersion = 1, kind = 0): Buffer => {
    const bytes = Buffer.alloc(6 + keyBytes + 17);
    bytes.writeUInt32LE(length, 0);
    bytes.writeUInt16LE(keyBytes, 4);
    bytes.writeDoubleLE(ownVersion, 6 + keyBytes + 8);
    bytes[6 + keyBytes + 16] = kind;
    return bytes;
  };
  const read = (bytes: Buffer, takesDamaged = false): boolean => {
    const reader = new RangeEntryReader({ takesDamaged });
    reader.push(bytes);
    return reader.next();
  };
  assert.equal(read(entry(17, 1978)), true);
  for (const lengths of [entry(3, 1), entry(17, 0), entry(17, 1979), entry(2 ** 32 - 1, 1)]) {
    assert.throws(() => read(lengths), { code: 'corrupt-frame' });
  }
  assert.throws(() => read(entry(0, 1)), { code: 'corrupt-frame' }, 'who has not asked is told of no damage');
  assert.equal(read(entry(0, 1), true), true);
  for (const header of [entry(17, 1, Number.NaN), entry(17, 1, -1), entry(17, 1, 0.5), entry(17, 1, 1, 2)]) {
    assert.throws(() => read(header), { code: 'corrupt-frame' });
  }
});
