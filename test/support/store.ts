/** A store in a directory of its own, and records to put into it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { TestContext } from 'node:test';
import {
  allocateFrame,
  entryBytes,
  readEntries,
  recordOffset,
  valueOffset,
  writeRead,
  writeWrite,
  type Entry,
} from '../../src/formats/frame.ts';
import { operationKinds, replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import { EXPIRY_BYTES, recordKinds, writeExpiry } from '../../src/formats/record.ts';
import type { Placement } from '../../src/domain/sharing.ts';
import type { Settled } from '../../workers/store/logged-writes.ts';
import type { StoreOptions } from '../../workers/store/store-options.ts';
import { Store } from '../../workers/store/store.ts';
import type { Merged } from '../../workers/store/wins.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface StoredWrite {
  readonly key: string | Buffer;
  /** undefined deletes. */
  readonly value: string | Buffer | undefined;
  readonly version?: number;
  /** Of a small value. */
  readonly expiresAt?: number;
}

export interface TestStore {
  readonly store: Store;
  readonly directory: string;
  /** Keys of the records that failed their checksum. */
  readonly corrupt: string[];
  /** Closes it now. */
  readonly close: () => Promise<void>;
}

export const versionCeiling = Number.MAX_SAFE_INTEGER;
const MIB = 1024 * 1024;

/** A node without peers keeps no digests. */
const alone: Placement = { name: 'alone', nodeIds: [1], selfIndex: 0, replicationFactor: 1 };

/** What a store is opened with where a test does not care. */
export function storeOptions(directory: string, own: Partial<StoreOptions> = {}): StoreOptions {
  return {
    directory,
    durability: 'commit',
    owner: 0,
    workers: 1,
    replay: 'all',
    placement: alone,
    verifyBytesPerSecondMax: 0,
    list: { urls: ['http://n1'], replicationFactor: 1 },
    self: 'http://n1',
    logSegmentBytes: 4 * MIB,
    memtableBytesMax: 16 * MIB,
    storeBytesMax: 256 * MIB,
    ...own,
  };
}

/** Merges writes as there is room for them; resolves to the reply code of each when they are durable. */
export async function mergeAll(store: Store, writes: readonly Entry[], ceiling = versionCeiling): Promise<ReplyCode[]> {
  const codes: ReplyCode[] = [];
  for (const entry of writes) {
    while (store.room(entry.length) === 'wait') {
      await settled(store);
      if (store.room(entry.length) === 'wait') await new Promise<void>((resolve) => store.whenRoom(resolve));
    }
    codes.push(codeOf(store.merge(entry, ceiling)));
  }
  assert.equal(await settled(store), 'durable');
  return codes;
}

/** The code by which a replica tells what came of a merge. */
export function codeOf(merged: Merged): ReplyCode {
  return typeof merged === 'number' ? merged : replyCodes.superseded;
}

/** Resolves when all that was merged is durable. */
export function settled(store: Store): Promise<Settled> {
  return new Promise((resolve) => store.settle(resolve));
}

/** Opens a store; it is closed after the test. */
export async function openTestStore(t: TestContext, directory = temporaryDirectory(t)): Promise<TestStore> {
  const corrupt: string[] = [];
  const store = await Store.open(storeOptions(directory), {
    onCorrupt: (key) => corrupt.push(key.toString('utf8')),
    onFatal: (error) => assert.fail(String(error)),
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= store.close());
  t.after(close);
  return { store, directory, corrupt, close };
}

/** Writes records, large values among them. */
export async function fill(store: Store, writes: readonly StoredWrite[]): Promise<void> {
  const small = writes.filter(({ value }) => (value?.length ?? 0) <= 100_000).map(writeEntry);
  if (small.length > 0) await mergeAll(store, small);
  for (const write of writes) {
    if ((write.value?.length ?? 0) > 100_000) await store.mergeLarge(writeEntry(write), versionCeiling);
  }
}

/** A write as a frame carries it. */
export function writeEntry({ key, value, version = 1, expiresAt }: StoredWrite): Entry {
  const name = Buffer.from(key as string);
  const content = value === undefined ? undefined : Buffer.from(value as string);
  const lead = expiresAt === undefined ? 0 : EXPIRY_BYTES;
  const valueBytes = lead + (content?.length ?? 0);
  const bytes = allocateFrame(entryBytes(name.length, valueBytes));
  if (content !== undefined) bytes.set(content, valueOffset(0, name.length) + lead);
  if (expiresAt !== undefined) writeExpiry(bytes, recordOffset(0, name.length), expiresAt);
  const head = { tag: 0, kind: operationKinds.write, quorum: { acksRequired: 1, replicaCount: 1 } };
  const valueKind = lead > 0 ? recordKinds.expiring : recordKinds.value;
  const stamp = { version, nodeId: 1, kind: content === undefined ? recordKinds.tombstone : valueKind };
  writeWrite(bytes, 0, head, name, { stamp, valueBytes });
  return readEntries(bytes)[0] as Entry;
}

/** A read as a frame carries it. */
export function readEntry(key: string): Entry {
  const name = Buffer.from(key);
  const bytes = allocateFrame(entryBytes(name.length, undefined));
  const quorum = { acksRequired: 1, replicaCount: 1 };
  writeRead(bytes, 0, { tag: 0, kind: operationKinds.read, quorum }, name);
  return readEntries(bytes)[0] as Entry;
}

/** How many snapshots are held of a store, by LMDB's own list. */
export function snapshotsHeld(store: Store): number {
  store.refresh();
  return store
    .readers()
    .split('\n')
    .filter((line) => /^\s*\d+\s+\S+\s+\d+\s*$/.test(line)).length;
}
