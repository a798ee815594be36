/**
 * Looks through all that LMDB holds for what fails its checksum, the chunks of large values too, again and again: damage is to be
 * found while there are replicas to mend it from, not when the last of them has some, too.
 *
 * Slow, by a bound of bytes a second, and without a snapshot between two steps, so that LMDB reuses its pages meanwhile.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { chunkCount, chunkKey, isLargeHead, recordHeaderOf, setIdOf } from '../../src/formats/large-head.ts';
import { isIntact, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import type { BackgroundWork } from './background.ts';
import type { Database, StoreEnvironment } from './environment.ts';
import { StoredRecords } from './stored-records.ts';

export interface VerificationOptions {
  readonly bytesPerSecondMax: number;
  /** From the start of one pass to that of the next, at least, milliseconds. */
  readonly passMsMin: number;
  readonly onDamaged: (key: Buffer) => void;
  readonly now: () => number;
}

/** One step: well under a millisecond of checksums. */
const STEP_BYTES = 256 * 1024;
const STEP_RECORDS = 500;
/** By then the node serves, and there is somebody to tell. */
const START_MS = 1000;

/** Goes on for ever. */
export function* verify(environment: StoreEnvironment, options: VerificationOptions): BackgroundWork {
  const { bytesPerSecondMax, passMsMin, now } = options;
  const pass = new Pass(environment, options.onDamaged);
  yield START_MS;
  for (;;) {
    const begunAt = now();
    while (!pass.isOver) {
      yield (pass.step() / bytesPerSecondMax) * 1000;
      for (const bytes of pass.checkLarge()) yield (bytes / bytesPerSecondMax) * 1000;
    }
    pass.beginAgain();
    yield Math.max(0, begunAt + passMsMin - now());
  }
}

class Pass {
  isOver = false;
  readonly #records: StoredRecords;
  readonly #chunks: Database<Buffer, Buffer>;
  readonly #onDamaged: (key: Buffer) => void;
  #start: Buffer = Buffer.alloc(0);
  /** Keys of large values that the last step met. */
  #large: Buffer[] = [];

  constructor(environment: StoreEnvironment, onDamaged: (key: Buffer) => void) {
    this.#records = new StoredRecords(environment);
    this.#chunks = environment.openDatabase('chunks');
    this.#onDamaged = onDamaged;
  }

  beginAgain(): void {
    this.isOver = false;
    this.#start = Buffer.alloc(0);
  }

  /** Checks some records; returns their bytes. */
  step(): number {
    let bytes = 0;
    let records = 0;
    this.#records.refresh();
    this.isOver = true;
    for (const { key, value } of this.#records.entries(this.#start, STEP_RECORDS)) {
      records++;
      bytes += key.length + value.length;
      if (isLargeHead(value)) this.#large.push(Buffer.from(key));
      else if (!isIntact(value, 0, value.length, key)) this.#onDamaged(Buffer.from(key));
      this.#start = Buffer.concat([key, Buffer.from([0])]);
      if (records < STEP_RECORDS && bytes < STEP_BYTES) continue;
      this.isOver = false;
      break;
    }
    return bytes;
  }

  /** Checks the large values that the last step met, a chunk a step; yields the bytes of each. */
  *checkLarge(): Generator<number, void> {
    for (const key of this.#large.splice(0)) {
      const head = this.#headOf(key);
      if (head === undefined) continue;
      let sum = crc32(recordHeaderOf(head).subarray(4, RECORD_HEADER_BYTES), crc32(key));
      let isWhole = true;
      for (let number = 0; number < chunkCount(head) && isWhole; number++) {
        const chunk = this.#chunks.getBinary(chunkKey(setIdOf(head), number));
        isWhole = chunk !== undefined;
        if (chunk !== undefined) sum = crc32(chunk, sum);
        yield chunk?.length ?? 0;
      }
      // A set that was replaced meanwhile is no damage.
      const isDamaged = !isWhole || sum !== head.readUInt32LE(0);
      if (isDamaged && this.#headOf(key)?.equals(head) === true) this.#onDamaged(key);
    }
  }

  #headOf(key: Buffer): Buffer | undefined {
    this.#records.refresh();
    const found = this.#records.get(key);
    return found !== undefined && isLargeHead(found) ? Buffer.from(found) : undefined;
  }
}
