import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { bitString, der, integer, objectIdentifier, sequence, tagged, tags, time } from '../../src/formats/der.ts';

for (const [what, bytes, expected] of [
  ['an empty sequence', sequence(), '3000'],
  ['a sequence of two', sequence(sequence(), sequence()), '300430003000'],
  ['an explicit tag', tagged(3, sequence()), 'a3023000'],
  ['zero', integer(Buffer.from([0, 0])), '020100'],
  ['a number without its leading zeros', integer(Buffer.from([0, 0, 1, 2])), '02020102'],
  ['a number whose first bit is set', integer(Buffer.from([128])), '02020080'],
  ['an identifier', objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  ['bits', bitString(Buffer.from([0b0000_0110]), 1), '03020106'],
  [
    'a time before 2050',
    time(new Date('2049-12-31T23:59:59.987Z')),
    `170d${Buffer.from('491231235959Z').toString('hex')}`,
  ],
  [
    'a time from 2050 on',
    time(new Date('2050-01-01T00:00:00Z')),
    `180f${Buffer.from('20500101000000Z').toString('hex')}`,
  ],
] as const) {
  test(`DER of ${what}`, () => assert.equal(bytes.toString('hex'), expected));
}

for (const [length, head] of [
  [127, '047f'],
  [128, '048180'],
  [255, '0481ff'],
  [256, '04820100'],
  [65_536, '0483010000'],
] as const) {
  test(`DER gives a length of ${length} in as few bytes as it takes`, () => {
    const bytes = der(tags.octetString, Buffer.alloc(length));
    assert.equal(bytes.toString('hex', 0, bytes.length - length), head);
  });
}
