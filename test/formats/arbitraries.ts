/** Random keys, records, operations and mangled bytes for the domain's tests. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import {
  allocateFrame,
  entryBytes,
  valueOffset,
  writeRead,
  writeWrite,
  type EntryHead,
} from '../../src/formats/frame.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import {
  EXPIRY_BYTES,
  RECORD_HEADER_BYTES,
  recordKinds,
  sealRecord,
  type RecordView,
  type Stamp,
} from '../../src/formats/record.ts';

// A failed property should say what failed, not only for which input.
fc.configureGlobal({ includeErrorInReport: true });

/** fast-check's records have no prototype, which strict equality minds. */
export const plain = { noNullPrototype: true } as const;

export const bytesOf = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));

export const anyKey = fc.oneof(bytesOf(1, 24), bytesOf(1, 1024));
export const anyValue = fc.oneof(fc.constant(Buffer.alloc(0)), bytesOf(0, 64), bytesOf(0, 4096));
export const anyUint32 = fc.integer({ min: 0, max: 0xffffffff });

export const anyVersion = fc.maxSafeNat();
/** Milliseconds since 1970. */
export const anyExpiry = fc.integer({ min: 1, max: 2 ** 50 });

export const anyStamp: fc.Arbitrary<Stamp> = fc.record(
  {
    version: anyVersion,
    nodeId: fc.integer({ min: 1, max: 0xffffffff }),
    kind: fc.constantFrom(recordKinds.value, recordKinds.tombstone),
  },
  plain,
);

/** An operation in the terms of whoever writes it; `write` is undefined for a read. */
export interface SampleOperation {
  readonly head: EntryHead;
  readonly key: Buffer;
  readonly write: { readonly stamp: Stamp; readonly value: Buffer } | undefined;
}

const anyQuorum = fc
  .integer({ min: 1, max: 64 })
  .chain((replicaCount) =>
    fc.record(
      { acksRequired: fc.integer({ min: 1, max: replicaCount }), replicaCount: fc.constant(replicaCount) },
      plain,
    ),
  );

export const anyOperation: fc.Arbitrary<SampleOperation> = fc
  .record({
    tag: anyUint32,
    quorum: anyQuorum,
    key: anyKey,
    write: fc.option(fc.record({ stamp: anyStamp, value: anyValue }, plain), { nil: undefined }),
  })
  .map(({ tag, quorum, key, write }) => {
    const kind = write === undefined ? operationKinds.read : operationKinds.write;
    return { head: { tag, kind, quorum }, key, write };
  });

/** The frame of these operations. */
export function encodeOperations(operations: readonly SampleOperation[]): Buffer {
  const sizes = operations.map(({ key, write }) => entryBytes(key.length, write?.value.length));
  const frame = allocateFrame(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  for (const operation of operations) offset = encodeOperation(frame, offset, operation);
  return frame;
}

function encodeOperation(frame: Buffer, offset: number, { head, key, write }: SampleOperation): number {
  if (write === undefined) return writeRead(frame, offset, head, key);
  frame.set(write.value, valueOffset(offset, key.length));
  return writeWrite(frame, offset, head, key, { stamp: write.stamp, valueBytes: write.value.length });
}

/** A sealed record with `margin` foreign bytes on both sides of it, so that offsets matter. */
export function makeRecord(key: Buffer, stamp: Stamp, value: Buffer, margin = 3): RecordView {
  const length = RECORD_HEADER_BYTES + value.length;
  const bytes = Buffer.alloc(length + 2 * margin, 0xee);
  bytes.set(value, margin + RECORD_HEADER_BYTES);
  sealRecord(bytes, margin, value.length, key, stamp);
  return { bytes, offset: margin, length };
}

/** `makeRecord` of a value that expires, milliseconds since 1970. */
export function makeExpiring(key: Buffer, stamp: Omit<Stamp, 'kind'>, value: Buffer, expiresAt: number): RecordView {
  const expiry = Buffer.alloc(EXPIRY_BYTES);
  expiry.writeDoubleLE(expiresAt);
  return makeRecord(key, { ...stamp, kind: recordKinds.expiring }, Buffer.concat([expiry, value]));
}

/** The bytes of a record alone. */
export function recordBytes({ bytes, offset, length }: RecordView): Buffer {
  return bytes.subarray(offset, offset + length);
}

/** What can happen to bytes on the way: cut, flipped, overwritten, replaced by noise. */
export function mangled(frames: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const cut = fc.tuple(frames, fc.nat()).map(([frame, at]) => frame.subarray(0, at % (frame.length + 1)));
  const beheaded = fc.tuple(frames, fc.nat()).map(([frame, at]) => frame.subarray(at % (frame.length + 1)));
  const overwritten = fc.tuple(frames, fc.nat(), bytesOf(1, 6)).map(([frame, at, noise]) => {
    const copy = Buffer.from(frame);
    copy.set(noise.subarray(0, copy.length), at % Math.max(1, copy.length - noise.length + 1));
    return copy;
  });
  return fc.oneof(cut, beheaded, overwritten, bytesOf(0, 64));
}
