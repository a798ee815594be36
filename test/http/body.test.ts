/** Bodies in pieces: however the bytes are cut, the same body comes out, and what follows it is left alone. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  ChunkedBody,
  headEnd,
  SizedBody,
  type BodyProgress,
  type BodyReader,
  type LargeRoom,
} from '../../src/http/body.ts';

/** Feeds `bytes` cut at `cuts`; returns the end of the body, its bytes and how many bytes were left over. */
function feed(reader: BodyReader, bytes: Buffer, cuts: readonly number[]): { progress: BodyProgress; rest: Buffer } {
  const bounds = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((left, right) => left - right);
  const starts = [0, ...bounds.filter((cut) => cut > 0)];
  for (const [index, start] of starts.entries()) {
    const piece = bytes.subarray(start, starts[index + 1] ?? bytes.length);
    const progress = reader.read(piece, 0);
    if (progress.kind === 'done') return { progress, rest: bytes.subarray(start + progress.end) };
    if (progress.kind !== 'more') return { progress, rest: Buffer.alloc(0) };
  }
  return { progress: { kind: 'more' }, rest: Buffer.alloc(0) };
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const values = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const behind = Buffer.from('GET /next');

/** Room for bodies of more than `above` bytes, and how many bytes were asked of it. */
function roomAbove(above: number): LargeRoom & { readonly asked: number[] } {
  const asked: number[] = [];
  const allocate = (bytes: number): Buffer => {
    asked.push(bytes);
    return Buffer.alloc(bytes);
  };
  return { above, allocate, asked };
}

test('a SizedBody gives the declared bytes, however they are cut, and stops there', () => {
  fc.assert(
    fc.property(values, cuts, fc.nat({ max: 300 }), (value, where, above) => {
      const room = roomAbove(above);
      const { progress, rest } = feed(new SizedBody(value.length, room), Buffer.concat([value, behind]), where);
      assert.ok(progress.kind === 'done');
      assert.deepEqual(progress.body, value);
      assert.ok(rest.toString() === behind.toString().slice(behind.length - rest.length));
      assert.deepEqual(room.asked, value.length > above ? [value.length] : []);
    }),
  );
});

/** A body as chunks, each with an extension where `extended`. */
function chunked(pieces: readonly Buffer[], extended: boolean, trailers: string): Buffer {
  const coded = pieces.map((piece) => {
    const size = `${piece.length.toString(16)}${extended ? ' ;name="value"' : ''}\r\n`;
    return Buffer.concat([Buffer.from(size), piece, Buffer.from('\r\n')]);
  });
  return Buffer.concat([...coded, Buffer.from(`0\r\n${trailers}\r\n`)]);
}

test('a ChunkedBody gives the chunks put together, however they are cut, and stops there', () => {
  const trailers = fc.constantFrom('', 'a: b\r\n', 'a: b\r\nc: d\r\n');
  fc.assert(
    fc.property(
      fc.array(values, { maxLength: 5 }),
      cuts,
      fc.boolean(),
      fc.tuple(trailers, fc.nat({ max: 1500 })),
      (pieces, where, extended, [trailer, above]) => {
        const bytes = Buffer.concat([chunked(pieces, extended, trailer), behind]);
        const room = roomAbove(above);
        const { progress, rest } = feed(new ChunkedBody(10_000, room), bytes, where);
        assert.ok(progress.kind === 'done', progress.kind);
        assert.deepEqual(progress.body, Buffer.concat(pieces));
        assert.deepEqual(room.asked, progress.body.length > above ? [10_000] : []);
        assert.ok(behind.toString().endsWith(rest.toString()) && rest.length > 0);
      },
    ),
  );
});

for (const [what, text, kind] of [
  ['more than the bound', '5\r\n12345\r\n6\r\n', 'too-large'],
  ['a chunk size beyond the bound', 'ffffffffffff\r\n', 'too-large'],
  ['a size that is no number', 'g\r\n', 'malformed'],
  ['a size of 13 digits', `${'0'.repeat(12)}5\r\n12345\r\n0\r\n\r\n`, 'malformed'],
  ['a hexadecimal size that says so', '0x5\r\n12345\r\n0\r\n\r\n', 'malformed'],
  ['a signed size', '+5\r\n', 'malformed'],
  ['an empty size', '\r\n', 'malformed'],
  ['a size line ended by a bare line feed', '5\n12345\r\n0\r\n\r\n', 'malformed'],
  ['a chunk that is longer than it says', '5\r\n123456\r\n0\r\n\r\n', 'malformed'],
  ['a size line without end', `5;${'x'.repeat(5000)}`, 'malformed'],
  ['a NUL in an extension', '5;a=\0\r\n12345\r\n0\r\n\r\n', 'malformed'],
  ['a carriage return in an extension', '5;a=\rb\r\n12345\r\n0\r\n\r\n', 'malformed'],
  ['a no-break space behind the size', '5\xa0\r\n12345\r\n0\r\n\r\n', 'malformed'],
  ['a trailer without a name', '0\r\n: b\r\n\r\n', 'malformed'],
  ['a NUL in a trailer', '0\r\na: \0\r\n\r\n', 'malformed'],
  ['a coding in a trailer', '0\r\nTransfer-Encoding: chunked\r\n\r\n', 'malformed'],
  ['a trailer that is folded', '0\r\na: b\r\n c\r\n\r\n', 'malformed'],
  ['a trailer without an end', `0\r\na: ${'b'.repeat(5000)}`, 'malformed'],
  ['trailers without end', `0\r\n${'a: b\r\n'.repeat(70)}`, 'malformed'],
] as const) {
  test(`a ChunkedBody refuses ${what}`, () => {
    assert.equal(feed(new ChunkedBody(10), Buffer.from(text, 'latin1'), []).progress.kind, kind);
  });
}

test('a ChunkedBody takes zeros before a size, and extensions up to 16 KiB beyond what its chunks have', () => {
  const read = (text: string): BodyProgress => feed(new ChunkedBody(100_000), Buffer.from(text), []).progress;
  const zeros = read('000000000005\r\n12345\r\n00\r\n\r\n');
  assert.equal(zeros.kind === 'done' && zeros.body.toString(), '12345');
  const extended = (bytes: number, chunks: number): string => {
    const chunk = `${bytes.toString(16)};a=${'b'.repeat(1000)}\r\n${'x'.repeat(bytes)}\r\n`;
    return `${chunk.repeat(chunks)}0\r\n\r\n`;
  };
  assert.deepEqual([read(extended(1, 15)).kind, read(extended(1, 20)).kind], ['done', 'malformed']);
  assert.equal(read(extended(2000, 40)).kind, 'done');
});

test('bodies hold about as much memory as came of them, however small the pieces', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heldBytes = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const pieces = 30_000;
  const room = roomAbove(2 * pieces);
  const readers = [new SizedBody(3 * pieces, room), new ChunkedBody(3 * pieces, room)];
  const sent = ['x', '1\r\nx\r\n'].map((piece) => Buffer.from(piece));
  const before = heldBytes();
  for (const [index, reader] of readers.entries()) {
    for (let piece = 0; piece < pieces; piece++) reader.read(sent[index] as Buffer, 0);
  }
  const held = heldBytes() - before;
  assert.ok(held < 10 * pieces, `${held} bytes are held of ${2 * pieces}`);
  assert.ok(readers.every((reader) => reader.read(Buffer.from('\n'), 0).kind !== 'done'));
});

test('headEnd() finds the first empty line', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('\r', '\n', 'a'), { maxLength: 30 }), (letters) => {
      const text = letters.join('');
      assert.equal(headEnd(Buffer.from(text), 0), text.indexOf('\r\n\r\n'));
    }),
  );
});
