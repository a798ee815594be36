import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { logNotes } from '../../../workers/store/log-notes.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

test('how far each log has come is noted beside them, and a note that is damaged or missing says nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const notes = logNotes(directory);
  assert.deepEqual([...notes.begun()], []);
  notes.noteSynced(0, 5);
  await notes.noteBegun(0, 0, 0);
  await notes.noteBegun(2, 7, 70);
  await notes.noteBegun(0, 3, 30);
  await notes.noteBegun(2, 8, 80);
  await notes.noteBegun(2, 5, 50);
  notes.noteSynced(0, 35);
  const noted = (): unknown[] => [...logNotes(directory).begun()];
  const second = [2, { sequence: 8, position: 80 }];
  await eventually(() => assert.deepEqual(noted(), [[0, { sequence: 3, position: 35 }], second]));
  const path = join(directory, 'begun');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const bytes = readFileSync(path);
  bytes[9] = 1;
  writeFileSync(path, bytes);
  assert.deepEqual(noted(), [second]);
});
