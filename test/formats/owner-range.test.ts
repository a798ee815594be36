import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeOwnerAnswer,
  encodeOwnerQuestion,
  markPage,
  ownerAnswerKind,
  PAGE_HEAD_BYTES,
  readOwnerQuestion,
  readPageEntry,
  refusalText,
  type OwnerQuestion,
} from '../../src/formats/owner-range.ts';
import { entriesFormat, type RangeEntry } from '../../src/formats/range-format.ts';
import { bytesOf } from './arbitraries.ts';

const id = fc.nat(0xffff_ffff);
const plain = { noNullPrototype: true };
const bounds = fc.record(
  { start: bytesOf(1, 40), end: fc.option(bytesOf(1, 40), { nil: undefined }), keysOnly: fc.boolean() },
  plain,
);
const questions: fc.Arbitrary<OwnerQuestion> = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), id, bounds }, plain),
  fc.record({ kind: fc.constantFrom('page' as const, 'close' as const), id }, plain),
);

test('a question comes out as it went in, alone in its memory', () => {
  fc.assert(
    fc.property(questions, (question) => {
      const bytes = encodeOwnerQuestion(question);
      assert.equal(bytes.buffer.byteLength, bytes.length);
      assert.deepEqual(readOwnerQuestion(bytes), question);
    }),
  );
});

test('what is no question or no answer throws', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from([9, 0, 0, 0, 0]), Buffer.from([1, 0, 0, 0, 0, 0x7b])]) {
    assert.throws(() => readOwnerQuestion(bytes), { code: 'corrupt-frame' });
  }
  for (const bytes of [Buffer.alloc(0), Buffer.from([9])]) {
    assert.throws(() => ownerAnswerKind(bytes), { code: 'corrupt-frame' });
  }
});

test('an answer says what it is, and a refusal why', () => {
  for (const kind of ['more', 'last', 'stale', 'refused'] as const) {
    const answer = encodeOwnerAnswer(kind, 'é');
    assert.equal(answer.buffer.byteLength, answer.length);
    assert.deepEqual([ownerAnswerKind(answer), refusalText(answer)], [kind, 'é']);
  }
});

test('the entries of a page are read back, one behind the other', () => {
  const entries = fc.array(fc.record({ key: bytesOf(1, 40), record: bytesOf(17, 60) }), { maxLength: 8 });
  fc.assert(
    fc.property(entries, (all) => {
      const page = Buffer.alloc(2000);
      let end = PAGE_HEAD_BYTES;
      for (const { key, record } of all) end = entriesFormat.write(page, end, viewOf(key, record));
      markPage(page, 'last');
      assert.equal(ownerAnswerKind(page), 'last');
      const entry = viewOf(Buffer.alloc(0), Buffer.alloc(0));
      let at = PAGE_HEAD_BYTES;
      for (const { key, record } of all) {
        at = readPageEntry(page, at, entry);
        assert.deepEqual(entry.key.subarray(entry.keyStart, entry.keyEnd), key);
        assert.deepEqual(entry.bytes.subarray(entry.offset, entry.offset + entry.length), record);
        assert.equal(entry.recordBytes, record.length);
      }
      assert.equal(at, end);
    }),
  );
});

function viewOf(key: Buffer, bytes: Buffer): RangeEntry {
  const { length } = bytes;
  return { key, keyStart: 0, keyEnd: key.length, bytes, offset: 0, length, recordBytes: length };
}
