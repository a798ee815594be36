import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Durability } from '../../../src/domain/modes.ts';
import { keepsRoom } from '../../../workers/store/reserved-space.ts';
import { StoreEnvironment } from '../../../workers/store/environment.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MIB = 1024 * 1024;
const key = Buffer.from('key');

function openIn(directory: string, durability: Durability = 'commit', mapWrites = true): Promise<StoreEnvironment> {
  return StoreEnvironment.open({ directory, durability, mapWrites, storeBytesMax: 64 * MIB });
}

function put(environment: StoreEnvironment, value: string): void {
  const records = environment.openDatabase('records');
  environment.transact({ writes: 1, bytes: value.length }, () => records.putSync(key, Buffer.from(value)));
}

const valueIn = (environment: StoreEnvironment): string | undefined =>
  environment.openDatabase('records').getBinary(key)?.toString();

const blocksOf = (path: string): number => statSync(path).blocks * 512;

test('the same store is written with and without the map, whoever wrote it before', async (t) => {
  const directory = temporaryDirectory(t);
  const mappable = keepsRoom(directory);
  let last: string | undefined;
  for (const [durability, mapWrites, mapped] of [
    ['commit', true, mappable],
    ['fsync', true, false],
    ['commit', false, false],
    ['commit', true, mappable],
    ['commit', true, mappable],
  ] as const) {
    const environment = await openIn(directory, durability, mapWrites);
    assert.equal(environment.isMapped, mapped, `${durability}, map writes ${mapWrites}`);
    assert.equal(valueIn(environment), last);
    last = `${durability} ${mapWrites} `.padEnd(100_000, 'x');
    put(environment, last);
    assert.equal(valueIn(environment), last);
    await environment.close();
  }
});

test('what the map is written to has its place on the disk before, and what was not used is given back', async (t) => {
  const directory = temporaryDirectory(t);
  if (!keepsRoom(directory)) return t.skip('the file system is none that room is reserved in');
  const path = join(directory, 'store.mdb');
  const environment = await openIn(directory);
  for (const bytes of [1, 1000, MIB, 8 * MIB]) {
    environment.transact({ writes: 1, bytes }, () => assert.ok(blocksOf(path) >= bytes + MIB));
    put(environment, 'x'.repeat(bytes));
  }
  const whileOpen = blocksOf(path);
  await environment.close();
  assert.ok(statSync(path).size < whileOpen, 'the file ends with its last page');
  return undefined;
});

test('a store whose holes cannot be filled is written without the map', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openIn(directory);
  put(first, 'value');
  await first.close();
  const { PATH } = process.env;
  t.after(() => (process.env['PATH'] = PATH));
  process.env['PATH'] = directory;
  const again = await openIn(directory);
  assert.equal(again.isMapped, false);
  assert.equal(valueIn(again), 'value');
  await again.close();
});

test('a store whose map would be longer than a file can be is written without it', async (t) => {
  const directory = temporaryDirectory(t);
  const storeBytesMax = 8 * 1024 * 1024 * MIB;
  const environment = await StoreEnvironment.open({ directory, durability: 'commit', mapWrites: true, storeBytesMax });
  assert.equal(environment.isMapped, false);
  put(environment, 'value');
  assert.equal(valueIn(environment), 'value');
  await environment.close();
});

test('a transaction that throws leaves nothing', async (t) => {
  for (const mapWrites of [true, false]) {
    const environment = await openIn(temporaryDirectory(t), 'commit', mapWrites);
    const records = environment.openDatabase('records');
    put(environment, 'before');
    assert.throws(() =>
      environment.transact({ writes: 1, bytes: 10 }, () => {
        records.putSync(key, Buffer.from('during'));
        throw new Error('stop');
      }),
    );
    assert.equal(valueIn(environment), 'before');
    await environment.close();
  }
});
