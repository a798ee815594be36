import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreEnvironment } from '../../../workers/store/environment.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MIB = 1024 * 1024;
const key = Buffer.from('key');

function openIn(directory: string): Promise<StoreEnvironment> {
  return StoreEnvironment.open({ directory, storeBytesMax: 64 * MIB });
}

function put(environment: StoreEnvironment, value: string): void {
  const records = environment.openDatabase('records');
  environment.transact({ records: 10, bytes: 1000 }, () => records.putSync(key, Buffer.from(value)));
}

const valueIn = (environment: StoreEnvironment): string | undefined =>
  environment.openDatabase('records').getBinary(key)?.toString();

test('a transaction that throws leaves nothing', async (t) => {
  const environment = await openIn(temporaryDirectory(t));
  const records = environment.openDatabase('records');
  put(environment, 'before');
  assert.throws(() =>
    environment.transact({ records: 10, bytes: 1000 }, () => {
      records.putSync(key, Buffer.from('during'));
      throw new Error('stop');
    }),
  );
  assert.equal(valueIn(environment), 'before');
  await environment.close();
});

test('a file as long as the map that format 2 wrote it through is opened, and ends with its last page again', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'store.mdb');
  const first = await openIn(directory);
  put(first, 'value');
  await first.close();
  const used = statSync(path).size;
  truncateSync(path, 512 * MIB);
  const again = await openIn(directory);
  assert.equal(valueIn(again), 'value');
  again.cutToUsed();
  assert.equal(statSync(path).size, used);
  put(again, 'x'.repeat(MIB));
  assert.equal(valueIn(again), 'x'.repeat(MIB));
  await again.close();
});

test('a file that is cut short is refused by name, before anybody reads behind its end', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'store.mdb');
  const first = await openIn(directory);
  put(first, 'x'.repeat(MIB));
  await first.close();
  truncateSync(path, MIB / 2);
  await assert.rejects(openIn(directory), { code: 'store-unusable', message: /store\.mdb" is cut short, 524288 of / });
});

test('a file that is no store is refused by name', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'store.mdb');
  writeFileSync(path, 'not LMDB');
  await assert.rejects(openIn(directory), { code: 'store-unusable', message: new RegExp(path) });
});
