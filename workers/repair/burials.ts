/**
 * A peer brought what this node knows to be deleted: it holds an old record whose tombstone is gone everywhere. All replicas of the
 * key are read, so that whoever holds it is sent a tombstone where a majority agrees (coordinator/buried.ts). One key at a time.
 */
import type { Buffer } from 'node:buffer';
import { operationKinds } from '../../src/formats/codes.ts';
import { allocateFrame, entryBytes, writeRead } from '../../src/formats/frame.ts';

export interface BurialsOptions {
  /** Copies of a record. */
  readonly replicas: number;
  readonly coordinate: (frame: Buffer) => Promise<unknown>;
}

/** What is past this is noted again when a peer brings it again. */
const KEYS_MAX = 1000;

export class Burials {
  readonly #options: BurialsOptions;
  readonly #waiting = new Map<string, Buffer>();
  #isRunning = false;

  constructor(options: BurialsOptions) {
    this.#options = options;
  }

  /** The key of a record that was not stored; the bytes are the caller's own. */
  note(key: Buffer): void {
    if (this.#waiting.size >= KEYS_MAX) return;
    this.#waiting.set(key.toString('latin1'), key);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const [name, key] of this.#waiting) {
      // What comes of it is repaired by the coordinator; what fails is noted again.
      await this.#options.coordinate(this.#readOf(key)).catch(() => undefined);
      this.#waiting.delete(name);
    }
    this.#isRunning = false;
  }

  #readOf(key: Buffer): Buffer {
    const { replicas } = this.#options;
    const frame = allocateFrame(entryBytes(key.length, undefined));
    const quorum = { acksRequired: replicas, replicaCount: replicas };
    writeRead(frame, 0, { tag: 0, kind: operationKinds.read, quorum }, key);
    return frame;
  }
}
