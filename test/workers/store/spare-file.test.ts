import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { SpareFile } from '../../../workers/store/spare-file.ts';
import { FakeLogFiles, settleTurns } from '../../support/fake-log-files.ts';

const BYTES = 8192;

interface Bench {
  readonly files: FakeLogFiles;
  readonly spare: SpareFile;
  /** The state after each change that was told. */
  readonly changes: string[];
  readonly fatal: string[];
}

function bench(t: TestContext): Bench {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const files = new FakeLogFiles();
  const changes: string[] = [];
  const fatal: string[] = [];
  const spare: SpareFile = new SpareFile({
    files,
    owner: 0,
    bytes: BYTES,
    fileNumber: 4,
    onChange: () => changes.push(spare.state),
    onFatal: (error) => fatal.push(String(error)),
  });
  return { files, spare, changes, fatal };
}

test('a file is made ahead, once, under the next number', async (t) => {
  const { files, spare, changes } = bench(t);
  assert.equal(spare.state, 'none');
  spare.make();
  spare.make();
  assert.deepEqual([spare.state, spare.file], ['making', undefined]);
  await spare.making;
  assert.deepEqual([spare.state, spare.file?.name, changes], ['ready', '0-5.log', ['ready']]);
  assert.equal(files.bytesOf('0-5.log'), BYTES);
  spare.make();
  spare.taken();
  assert.deepEqual([spare.state, files.calls], ['none', ['create 0-5.log']]);
  spare.make();
  await spare.making;
  assert.equal(spare.file?.name, '0-6.log');
});

test('a file that was set free is used before a new one is made, and a second one goes', async (t) => {
  const { files, spare, changes } = bench(t);
  for (const name of ['0-1.log', '0-2.log']) files.put(name, Buffer.alloc(BYTES));
  spare.recycle(files.open('0-1.log'));
  assert.deepEqual([spare.file?.name, changes], ['0-1.log', ['ready']]);
  spare.recycle(files.open('0-2.log'));
  assert.deepEqual([files.list(), files.handles], [['0-1.log'], 1]);
});

test('a file that is set free while another is being made goes', async (t) => {
  const { files, spare } = bench(t);
  files.put('0-1.log', Buffer.alloc(BYTES));
  const free = files.open('0-1.log');
  spare.make();
  spare.recycle(free);
  await spare.making;
  assert.deepEqual([spare.file?.name, files.list(), files.handles], ['0-5.log', ['0-5.log'], 1]);
});

for (const code of ['ENOSPC', 'EDQUOT']) {
  test(`a disk without room (${code}) is told, and tried again by itself until it has some`, async (t) => {
    const { files, spare, changes, fatal } = bench(t);
    files.failing = (call) => (call === 'create' ? code : undefined);
    spare.make();
    await spare.making;
    for (let tries = 0; tries < 2; tries++) {
      assert.equal(spare.state, 'full');
      t.mock.timers.tick(500);
      await settleTurns();
    }
    files.failing = () => undefined;
    t.mock.timers.tick(500);
    await settleTurns();
    assert.deepEqual([changes, fatal], [['full', 'full', 'full', 'ready'], []]);
  });
}

test('a file that is set free ends a full disk, and no other is tried', async (t) => {
  const { files, spare } = bench(t);
  files.put('0-1.log', Buffer.alloc(BYTES));
  files.failing = (call) => (call === 'create' ? 'ENOSPC' : undefined);
  spare.make();
  await spare.making;
  spare.recycle(files.open('0-1.log'));
  const tried = files.calls.length;
  t.mock.timers.tick(5000);
  await settleTurns();
  assert.deepEqual([spare.state, files.calls.length], ['ready', tried]);
});

test('any other failure is fatal and told once', async (t) => {
  const { files, spare, changes, fatal } = bench(t);
  files.failing = (call) => (call === 'create' ? 'EIO' : undefined);
  spare.make();
  await spare.making;
  t.mock.timers.tick(5000);
  await settleTurns();
  assert.equal(fatal.length, 1);
  assert.deepEqual(changes, []);
});

test('after end() nothing is made or tried again', async (t) => {
  const { files, spare } = bench(t);
  files.failing = (call) => (call === 'create' ? 'ENOSPC' : undefined);
  spare.make();
  await spare.making;
  await spare.end();
  files.failing = () => undefined;
  t.mock.timers.tick(5000);
  spare.make();
  await settleTurns();
  assert.deepEqual(files.list(), []);
});
