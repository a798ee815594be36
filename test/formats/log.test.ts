import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  baseByGroups,
  damageOf,
  encodeSegmentHeader,
  readSegment,
  readSegmentHeader,
  salvageHole,
  SEGMENT_HEADER_BYTES,
  type Hole,
  type SegmentHeader,
  type SegmentReading,
} from '../../src/formats/log.ts';
import { sampleRecord } from '../support/log-entries.ts';
import { encodeSegment, sampleHeader, type SampleGroup } from '../support/log-segments.ts';

/** Key and version of each entry; fails where the record is none that was written. */
function readAll(bytes: Buffer, header: SegmentHeader): { found: string[]; reading: SegmentReading } {
  const found: string[] = [];
  const reading = readSegment(bytes, header, ({ keyStart, keyEnd, end }) => {
    found.push(nameOf(bytes.subarray(keyStart, keyEnd), bytes.subarray(keyEnd, end)));
  });
  return { found, reading };
}

function nameOf(key: Buffer, record: Buffer): string {
  const version = record.readDoubleLE(8);
  const expected = sampleRecord(key.toString(), version, record.length - 17);
  assert.ok(record.equals(expected), `the record under ${key.toString()} is not what was written`);
  return `${key.toString()} ${version}`;
}

const namesOf = (groups: readonly SampleGroup[]): string[] =>
  groups.flatMap(({ entries }) => entries.map(({ key, version }) => `${key} ${version}`));

const three: readonly SampleGroup[] = [
  { entries: [{ key: 'a', version: 1 }] },
  {
    entries: [
      { key: 'b', version: 2, valueBytes: 0 },
      { key: 'longer key', version: 3, valueBytes: 90 },
    ],
  },
  { entries: [{ key: 'c', version: 4 }], unsynced: 1 },
];

const anyGroups: fc.Arbitrary<SampleGroup[]> = fc.array(
  fc.record({
    entries: fc.array(
      fc.record({
        key: fc.string({ minLength: 1, maxLength: 12 }),
        version: fc.integer({ min: 1, max: 1e6 }),
        valueBytes: fc.nat({ max: 300 }),
      }),
      { maxLength: 4 },
    ),
    unsynced: fc.nat({ max: 3 }),
  }),
  { maxLength: 5 },
);

test('a header reads as what was written, and as nothing where both of its copies are damaged', () => {
  const header: SegmentHeader = {
    owner: 3,
    sequence: 2 ** 40,
    base: 2 ** 50,
    previousEnd: 77,
    runStart: 5,
    segmentBytes: 1 << 20,
  };
  const bytes = encodeSegmentHeader(header);
  assert.equal(bytes.length, SEGMENT_HEADER_BYTES);
  assert.deepEqual(readSegmentHeader(bytes), header);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = flip(bytes, at);
    assert.deepEqual(readSegmentHeader(flipped), header, `byte ${at} flipped`);
    if (at < 56) assert.equal(readSegmentHeader(flip(flipped, 2048 + at)), undefined, `byte ${at} flipped twice`);
  }
  for (let length = 0; length < 56; length++) assert.equal(readSegmentHeader(bytes.subarray(0, length)), undefined);
});

test('a header of which one sector is of an earlier use is that of the newer one', () => {
  const [old, fresh] = [encodeSegmentHeader(sampleHeader), encodeSegmentHeader({ ...sampleHeader, sequence: 5 })];
  for (const [first, copy] of [
    [old, fresh],
    [fresh, old],
  ] as const) {
    const mixed = Buffer.concat([first.subarray(0, 512), copy.subarray(512)]);
    assert.equal(readSegmentHeader(mixed)?.sequence, 5);
  }
});

test('readSegment() finds every entry in the order of appending, and no holes', () => {
  fc.assert(
    fc.property(anyGroups, fc.nat({ max: 2 ** 40 }), (groups, base) => {
      const { bytes, header, end } = encodeSegment(groups, { base, segmentBytes: 1 << 15 });
      const { found, reading } = readAll(bytes, header);
      assert.deepEqual(found, namesOf(groups));
      assert.deepEqual([reading.end, reading.groups, reading.holes], [base + end, groups.length, []]);
      assert.ok(reading.synced <= reading.end);
    }),
  );
});

test('a tail that is torn at any byte reads as the whole groups before it, and nothing of it is damage', () => {
  const { bytes, header, ends, end } = encodeSegment(three);
  for (let at = SEGMENT_HEADER_BYTES; at <= end; at++) {
    const torn = Buffer.from(bytes).fill(0, at);
    const whole = ends.filter((own) => own <= at).length;
    const { found, reading } = readAll(torn, header);
    assert.deepEqual(found, namesOf(three.slice(0, whole)), `torn at ${at}`);
    assert.deepEqual(damageOf([{ header, reading }], 0), []);
    const cut = readAll(bytes.subarray(0, at), header);
    assert.deepEqual(cut.found, found, `file ends at ${at}`);
  }
});

test('a flipped byte costs no group but its own, which is damage below what is known to be synced', () => {
  const { bytes, header, starts, end } = encodeSegment(three);
  // The last group calls the first one synced.
  for (let at = 0; at < bytes.length; at++) {
    const flipped = flip(bytes, at);
    const { found, reading } = readAll(flipped, readSegmentHeader(flipped) ?? assert.fail('no header'));
    const hit = at < end ? starts.findLastIndex((start) => start <= at) : -1;
    const isHit = hit >= 0 && found.length < 4;
    const kept = three.filter((_, index) => !isHit || index !== hit);
    assert.deepEqual(found, namesOf(kept), `byte ${at} flipped`);
    const isDamage = damageOf([{ header, reading }], 0).length > 0;
    assert.equal(isDamage, isHit && hit === 0, `byte ${at} flipped`);
  }
});

test('what is flipped in a synced group is found again by its own checksum as far as its lengths lead', () => {
  const groups = [
    { entries: ['a', 'b', 'c'].map((key) => ({ key, version: 1 })) },
    { entries: [{ key: 'd', version: 1 }] },
  ];
  const { bytes, header, starts } = encodeSegment(groups);
  const [first = 0, second = 0] = starts;
  for (let at = first; at < second; at++) {
    const flipped = flip(bytes, at);
    const { reading } = readAll(flipped, header);
    const [hole] = damageOf([{ header, reading }], 0);
    if (hole === undefined) continue;
    const saved: string[] = [];
    salvageHole(flipped, header, hole, ({ keyStart, keyEnd, end }) => {
      saved.push(nameOf(flipped.subarray(keyStart, keyEnd), flipped.subarray(keyEnd, end)));
    });
    const isGroupHeader = at < first + 32;
    assert.ok(saved.length >= (isGroupHeader ? 3 : 0) && new Set(saved).size === saved.length, `byte ${at} flipped`);
  }
});

test('a file that is used again shows nothing of its earlier use, whose groups had the same lengths', () => {
  fc.assert(
    fc.property(anyGroups, fc.nat({ max: 5 }), (groups, kept) => {
      const segmentBytes = 1 << 15;
      const old = encodeSegment(groups, { segmentBytes });
      const next = groups.slice(0, kept).map(({ entries, unsynced }) => ({
        entries: entries.map(({ key, valueBytes }) => ({ key, version: 1e7, valueBytes })),
        unsynced: unsynced ?? 0,
      }));
      const place = { sequence: 2, base: segmentBytes, previousEnd: old.end, segmentBytes };
      const again = encodeSegment(next, place, Buffer.from(old.bytes));
      const { found, reading } = readAll(again.bytes, again.header);
      assert.deepEqual(found, namesOf(next));
      assert.deepEqual(reading.holes, []);
      const oldBase = groups.length > 0 ? 0 : undefined;
      assert.equal(baseByGroups(again.bytes), next.length > 0 ? segmentBytes : oldBase);
    }),
  );
});

test('baseByGroups() tells the base of a file that lost its header', () => {
  const { bytes } = encodeSegment(three, { base: 8192 * 7 });
  assert.equal(baseByGroups(bytes.fill(0, 0, SEGMENT_HEADER_BYTES)), 8192 * 7);
  assert.equal(baseByGroups(Buffer.alloc(8192)), undefined);
});

const S = 8192;
interface Found {
  readonly sequence: number;
  readonly previousEnd?: number;
  readonly runStart?: number;
  readonly end: number;
  readonly synced?: number;
  readonly holes?: readonly Hole[];
}

/** Segments of 8,192 bytes, positions as given, and what of them is damage when all up to `checkpointed` are in LMDB. */
const judged: readonly (readonly [string, readonly Found[], number, readonly Hole[]])[] = [
  ['nothing', [], 0, []],
  ['a torn tail', [{ sequence: 1, end: 5000, synced: 5000 }], 0, []],
  ['a lost tail', [{ sequence: 1, end: 5000, synced: 6000 }], 0, [{ from: 5000, to: 6000 }]],
  [
    'a hole above and one below what is synced',
    [
      {
        sequence: 1,
        end: 7000,
        synced: 5000,
        holes: [
          { from: 4096, to: 4200 },
          { from: 6000, to: 6100 },
        ],
      },
    ],
    0,
    [{ from: 4096, to: 4200 }],
  ],
  [
    'a full segment that lost its tail, as the next one tells',
    [
      { sequence: 1, end: 5000, synced: 4500 },
      { sequence: 2, previousEnd: 7000, end: S + 5000, synced: S + 4200 },
    ],
    0,
    [{ from: 5000, to: 7000 }],
  ],
  [
    'a full segment whose tail was not synced',
    [
      { sequence: 1, end: 5000, synced: 4500 },
      { sequence: 2, previousEnd: 7000, end: S + 5000, synced: 5000 },
    ],
    0,
    [],
  ],
  [
    'a missing file in the middle',
    [
      { sequence: 1, end: 7000, synced: 6000 },
      { sequence: 3, previousEnd: S + 7000, end: 2 * S + 5000, synced: 2 * S + 4500 },
    ],
    0,
    [
      { from: 7000, to: S + 7000 },
      { from: S, to: 2 * S },
    ],
  ],
  [
    'a missing first file',
    [{ sequence: 6, previousEnd: 5 * S - 10, end: 5 * S + 5000, synced: 5 * S + 4500 }],
    4,
    [{ from: 4 * S, to: 5 * S }],
  ],
  [
    'a missing file that was checkpointed',
    [{ sequence: 6, previousEnd: 5 * S - 10, end: 6 * S - 9, synced: 5 * S + 4500 }],
    5,
    [],
  ],
  [
    'holes of a checkpointed segment',
    [
      { sequence: 1, end: 7000, synced: 7000, holes: [{ from: 4096, to: 5000 }] },
      { sequence: 2, previousEnd: 7500, end: S + 5000, synced: S + 5000 },
    ],
    1,
    [],
  ],
  [
    'the torn tail of a run before, which a full disk kept out of LMDB',
    [
      { sequence: 1, end: 7000, synced: 5000, holes: [{ from: 6000, to: 6100 }] },
      { sequence: 2, previousEnd: S, runStart: S, end: S + 5000, synced: S + 5000 },
    ],
    0,
    [],
  ],
  [
    'the same, where the first segment of the new run has not reached the disk',
    [
      { sequence: 1, end: 7000, synced: 5000, holes: [{ from: 6000, to: 6100 }] },
      { sequence: 3, previousEnd: S + 7000, runStart: S, end: 2 * S + 5000, synced: S },
    ],
    0,
    [],
  ],
];

for (const [what, found, checkpointed, expected] of judged) {
  test(`damageOf() ${what}`, () => {
    const segments = found.map(({ sequence, previousEnd = 0, runStart = 0, end, synced = 0, holes = [] }) => ({
      header: { ...sampleHeader, sequence, base: (sequence - 1) * S, previousEnd, runStart },
      reading: { end, synced, holes, groups: 1 },
    }));
    assert.deepEqual(damageOf(segments, checkpointed), expected);
  });
}

function flip(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] as number) ^ 0x55;
  return flipped;
}
