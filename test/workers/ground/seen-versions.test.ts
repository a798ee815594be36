import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { recordKinds } from '../../../src/formats/record.ts';
import { SeenVersions } from '../../../workers/ground/seen-versions.ts';
import { makeRecord, recordBytes } from '../../formats/arbitraries.ts';

const driftMs = 60_000;
const nowMicros = (): number => Date.now() * 1000;

function record(version: number): Buffer {
  const stamp = { version, nodeId: 1, kind: recordKinds.value };
  return recordBytes(makeRecord(Buffer.from('key'), stamp, Buffer.from('value')));
}

test('the newest version seen is kept, whatever comes after it', () => {
  const versions = new SeenVersions(driftMs, () => {});
  const seen = [5, 3, 9, 9, 1].map((version) => versions.seeRecord(record(version), 0));
  assert.deepEqual(seen, [true, true, true, true, true]);
  assert.equal(versions.newest, 9);
});

test('a version that is further ahead than clocks may differ is refused, and not remembered', () => {
  const versions = new SeenVersions(driftMs, () => {});
  const near = nowMicros() + (driftMs / 2) * 1000;
  assert.equal(versions.seeRecord(record(near), 0), true);
  assert.equal(versions.seeRecord(record(nowMicros() + 2 * driftMs * 1000), 0), false);
  assert.equal(versions.newest, near);
});

test('a version ahead of the wall clock is reported, once', () => {
  const reported: number[] = [];
  const versions = new SeenVersions(driftMs, (newest) => reported.push(newest));
  versions.seeRecord(record(nowMicros() - 1), 0);
  versions.reportIfAhead();
  assert.deepEqual(reported, []);
  const ahead = nowMicros() + (driftMs / 2) * 1000;
  for (const version of [ahead, ahead - 5, ahead + 5]) {
    versions.seeRecord(record(version), 0);
    versions.reportIfAhead();
  }
  assert.deepEqual(reported, [ahead, ahead + 5]);
});
