/** The stores of a node's workers in one thread, over one directory, and what they ask each other for ranges. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { TestContext } from 'node:test';
import { ownerOf } from '../../src/domain/owners.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import type { OnAnswer } from '../../workers/ground/siblings.ts';
import { OtherOwners } from '../../workers/ranges/node-range.ts';
import { OwnerSnapshots } from '../../workers/ranges/owner-snapshots.ts';
import type { StoreOptions } from '../../workers/store/store-options.ts';
import { Store } from '../../workers/store/store.ts';
import { fill, snapshotsHeld, storeOptions, type StoredWrite } from './store.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The worker that reads ranges. */
export const READER = 0;
export const OWNERS = 3;

/** How an owner's answers come: later, as over a channel, unless a test holds them. */
export type Deliver = (owner: number, question: Buffer, onAnswer: OnAnswer) => void;

export class NodeStores {
  readonly stores: Store[] = [];
  readonly snapshots: OwnerSnapshots[] = [];
  /** What is between the reader and the others; tests put theirs here. */
  deliver: Deliver = (owner, question, onAnswer) => setImmediate(() => this.answer(owner, question, onAnswer));

  static async open(t: TestContext, more: Partial<StoreOptions> = {}): Promise<NodeStores> {
    const node = new NodeStores();
    const directory = temporaryDirectory(t);
    for (let owner = 0; owner < OWNERS; owner++) {
      const replay = owner === 0 ? 'all' : 'own';
      const store = await Store.open(storeOptions(directory, { owner, workers: OWNERS, replay, ...more }), {
        onCorrupt: (key) => assert.fail(`${key.toString()} is corrupt`),
        onFatal: (error) => assert.fail(String(error)),
      });
      t.after(() => store.close());
      node.stores.push(store);
      node.snapshots.push(new OwnerSnapshots({ store, snapshotsMax: 4, idleMsMax: 600_000 }));
    }
    return node;
  }

  get reader(): Store {
    return this.stores[READER] as Store;
  }

  /** Snapshots that all owners keep. */
  get kept(): number {
    return this.snapshots.reduce((sum, { size }) => sum + size, 0);
  }

  /** Snapshots of LMDB that ranges hold. */
  get held(): number {
    for (const store of this.stores) store.refresh();
    return snapshotsHeld(this.reader);
  }

  /** The owners besides the reader, as it asks them. */
  others(): OtherOwners {
    const others = [...this.stores.keys()].filter((owner) => owner !== READER);
    return new OtherOwners(
      others.map((owner) => ({
        name: `worker ${owner + 1}`,
        ask: (question, onAnswer) => this.deliver(owner, question, onAnswer),
      })),
    );
  }

  answer(owner: number, question: Buffer, onAnswer: OnAnswer): void {
    this.snapshots[owner]?.answer(question, onAnswer, READER);
  }

  /** Has each owner write what it owns. */
  async fill(writes: readonly StoredWrite[]): Promise<void> {
    const own = (owner: number) => writes.filter(({ key }) => owningWorker(key) === owner);
    await Promise.all(this.stores.map((store, owner) => fill(store, own(owner))));
  }
}

/** The worker that owns a key. */
export function owningWorker(key: string | Buffer): number {
  const bytes = Buffer.from(key as string);
  return ownerOf(hashKey(bytes, 0, bytes.length), OWNERS);
}
