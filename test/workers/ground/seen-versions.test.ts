import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { recordKinds } from '../../../src/formats/record.ts';
import { versionMax } from '../../../src/domain/version.ts';
import { SeenVersions } from '../../../workers/ground/seen-versions.ts';
import { makeRecord, recordBytes } from '../../formats/arbitraries.ts';

const now = 1_700_000_000_000_000;
const second = 1_000_000;
const bounds = { clockDriftMsMax: 5000, timeoutMs: 1000 };

function record(version: number): Buffer {
  const stamp = { version, nodeId: 1, kind: recordKinds.value };
  return recordBytes(makeRecord(Buffer.from('key'), stamp, Buffer.from('value')));
}

function start(newestStored = 0): { versions: SeenVersions; reported: number[] } {
  const reported: number[] = [];
  const report = (newest: number): void => void reported.push(newest);
  return { versions: new SeenVersions({ bounds, newestStored, wallMicros: () => now, report }), reported };
}

test('the newest version seen is kept, whatever comes after it', () => {
  const { versions } = start();
  const seen = [5, 3, 9, 9, 1].map((version) => versions.seeRecord(record(version), 0));
  assert.deepEqual(seen, [true, true, true, true, true]);
  assert.equal(versions.newest, 9);
});

test('what is stored is believed, however far ahead it is, and writes of now go on above it', () => {
  const { versions } = start();
  const hour = now + 3600 * second;
  assert.equal(versions.window().ceiling, now + 5 * second);
  assert.equal(versions.seeRecord(record(hour), 0), true);
  assert.equal(versions.newest, hour);
  assert.equal(versions.window().ceiling, hour + 5 * second);
  assert.equal(start(hour).versions.window().ceiling, hour + 5 * second, 'as it is after a start');
});

test('a version that leaves no room for newer ones is never believed', () => {
  const { versions } = start();
  assert.equal(versions.seeRecord(record(versionMax + 1), 0), false);
  versions.seeStored(versionMax + 1);
  assert.equal(versions.newest, 0);
});

test('a number from further ahead than clocks may differ is passed over, and none lets the next one be further ahead', () => {
  const { versions } = start();
  versions.see(now + 4 * second);
  assert.equal(versions.newest, now + 4 * second);
  assert.equal(versions.window().ceiling, now + 5 * second);
  versions.see(now + 6 * second);
  assert.equal(versions.newest, now + 4 * second);
});

test('the floor is as long ago as a write may be under way and clocks may differ', () => {
  assert.equal(start().versions.window().floor, now - 6 * second);
});

test('a version ahead of the wall clock is reported, once', () => {
  const { versions, reported } = start();
  versions.seeRecord(record(now - 1), 0);
  versions.reportIfAhead();
  assert.deepEqual(reported, []);
  const ahead = now + 3 * second;
  for (const version of [ahead, ahead - 5, ahead + 5]) {
    versions.seeRecord(record(version), 0);
    versions.reportIfAhead();
  }
  versions.see(ahead + 6);
  assert.deepEqual(reported, [ahead, ahead + 5, ahead + 6]);
});
