/** The bytes of files of hints: what is written is read, and what a crash cut off is not. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  encodeHintHeader,
  HINT_GROUP_HEADER_BYTES,
  hintBytes,
  hintsEnd,
  hintsIn,
  readHintHeader,
  sealHintGroup,
  writeHintEntry,
} from '../../src/formats/hint.ts';
import { hint, told } from '../support/hints.ts';

const url = 'http://127.0.0.1:8080';

/** A file of two groups; returns where each begins and ends, too. */
function file() {
  const bytes = Buffer.alloc(1000);
  const from = encodeHintHeader(url).copy(bytes);
  const ends: number[] = [];
  let end = from;
  for (const group of [[hint('a', 1), hint('b', 2, false)], [hint('c', 3)]]) {
    const start = end;
    end += HINT_GROUP_HEADER_BYTES;
    for (const one of group) {
      const after = writeHintEntry(bytes, end, one);
      assert.equal(after - end, hintBytes(one));
      end = after;
    }
    sealHintGroup(bytes, start, end);
    ends.push(end);
  }
  return { bytes: bytes.subarray(0, end), from, ends };
}

const read = (bytes: Buffer, from: number): string[] =>
  [...hintsIn(bytes, from, hintsEnd(bytes, from))].map((place) => told({ image: bytes, ...place }));

test('hints are read as they were written: references by their version, others with their record', () => {
  const { bytes, from } = file();
  assert.deepEqual(readHintHeader(bytes), { url, end: from });
  assert.deepEqual(read(bytes, from), ['a=1', 'b=2+', 'c=3']);
});

test('wherever a crash cuts a file, or a byte of its last group changes, whole groups are read and nothing else', () => {
  const { bytes, from, ends } = file();
  const [first = 0, last = 0] = ends;
  for (let length = from; length < last; length++) {
    assert.deepEqual(read(bytes.subarray(0, length), from), length < first ? [] : ['a=1', 'b=2+'], String(length));
  }
  for (let at = first; at < last; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    assert.deepEqual(read(changed, from), ['a=1', 'b=2+'], String(at));
  }
  for (let length = 0; length < from; length++) assert.equal(readHintHeader(bytes.subarray(0, length)), undefined);
});
