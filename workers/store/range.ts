/**
 * A range of what is stored: goes on from turn to turn over what a cursor shows, tombstones included, and reads large values
 * chunk by chunk. Records that fail their checksum are reported and left out.
 *
 * LMDB is read by one snapshot, a read transaction; while it is open LMDB reuses no page that was freed since, and the
 * store grows. So every range is closed as soon as nobody reads it (running-scan.ts).
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import { EXPIRY_BYTES, headerBytesOf, isIntact, isTombstone, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { chunkCount, isLargeHead, recordHeaderOf, valueBytesOf } from '../../src/formats/large-head.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';
import { emptyEntry, type EntryCursor } from './cursors.ts';
import type { ReadTransaction } from './environment.ts';
import type { LargeValues } from './large-values.ts';

export interface StoreRangeOptions {
  readonly cursor: EntryCursor;
  /** Where the chunks of large values are read. */
  readonly transaction: ReadTransaction;
  readonly large: LargeValues;
  /** Show headers only. */
  readonly keysOnly: boolean;
  /** Whether no tombstones are wanted at all. */
  readonly isBare?: boolean;
  /** Leaves LMDB's tombstones out from where the range stands on, and shows them again from a key on; absent where it has none. */
  readonly tombstones?: { readonly hide: () => void; readonly show: (from: Buffer) => void };
  /** Show those that fail their checksum, too, as entries without a record. */
  readonly tellsDamaged: boolean;
  /** Called for each record that fails its checksum. */
  readonly onCorrupt: (key: Buffer) => void;
}

/** Tombstones that one step passes over: about 50 us. */
const STEP_ENTRIES = 128;

export class StoreRange implements RangeSource {
  state: SourceState = 'working';
  readonly error = undefined;
  readonly entry: RangeEntry = emptyEntry(Buffer.alloc(0));
  isLarge = false;
  readonly #options: StoreRangeOptions;
  #skipsTombstones: boolean;
  /** A large value on its way: checked from its first chunk to its last, then read again for whoever takes it. */
  #head: Buffer = Buffer.alloc(0);
  #checked = 0;
  #sum = 0;
  #taken = 0;
  #chunk: Buffer | undefined;

  constructor(options: StoreRangeOptions) {
    this.#options = options;
    this.#skipsTombstones = options.isBare === true;
  }

  get hasValue(): boolean {
    return this.isLarge && this.#taken < chunkCount(this.#head);
  }

  /** Throws what the cursor throws. */
  advance(): void {
    const { cursor, keysOnly, onCorrupt } = this.#options;
    this.isLarge = false;
    let step = cursor.next();
    for (let left = STEP_ENTRIES; step === 'entry'; step = cursor.next()) {
      if (this.#skipsTombstones && cursor.isChecked && isTombstone(cursor.entry.bytes, cursor.entry.offset)) {
        if (--left > 0) continue;
        this.state = 'working';
        return;
      }
      this.#show(cursor.entry);
      const { entry } = this;
      const key = this.#key();
      if (!cursor.isChecked && isIntact(entry.bytes, entry.offset, entry.length, key)) {
        if (keysOnly) entry.length = entry.recordBytes = headerBytesOf(entry.bytes, entry.offset);
        this.state = 'entry';
        return;
      }
      const record = entry.bytes.subarray(entry.offset, entry.offset + entry.length);
      if (isLargeHead(record)) return this.#startLarge(record);
      if (cursor.isChecked) {
        this.state = 'entry';
        return;
      }
      onCorrupt(Buffer.from(key));
      if (this.#options.tellsDamaged) return this.#showDamaged();
    }
    this.state = step;
  }

  /** From here on tombstones are left out. */
  hideTombstones(): void {
    this.#skipsTombstones = true;
    this.#options.tombstones?.hide();
  }

  /** Behind the entry that is shown they are there again. */
  showTombstones(): void {
    this.#skipsTombstones = this.#options.isBare === true;
    this.#options.tombstones?.show(Buffer.concat([this.#key(), Buffer.alloc(1)]));
  }

  /** What its cursor waited for may have come. */
  wake(): void {
    if (this.state === 'waiting') this.state = 'working';
  }

  work(): void {
    if (!this.isLarge) return this.advance();
    const chunk = this.#readChunk(this.#checked);
    if (chunk === undefined) return this.#leaveOut();
    this.#sum = crc32(chunk, this.#sum);
    this.#checked++;
    if (this.#checked < chunkCount(this.#head)) return undefined;
    if (this.#sum !== this.#head.readUInt32LE(0)) return this.#leaveOut();
    this.state = 'entry';
    return undefined;
  }

  takeValue(): Buffer | undefined {
    if (!this.hasValue) return undefined;
    const chunk = this.#readChunk(this.#taken++);
    const isBehindExpiry = this.#taken === 1 && this.entry.length > RECORD_HEADER_BYTES;
    // The header was shown with the expiry, which is in the first chunk, too.
    return isBehindExpiry ? chunk?.subarray(EXPIRY_BYTES) : chunk;
  }

  close(): void {
    this.state = 'ended';
    this.#options.cursor.close();
  }

  #show({ key, keyStart, keyEnd, bytes, offset, length }: RangeEntry): void {
    const { entry } = this;
    entry.key = key;
    entry.keyStart = keyStart;
    entry.keyEnd = keyEnd;
    entry.bytes = bytes;
    entry.offset = offset;
    entry.length = entry.recordBytes = length;
  }

  #key(): Buffer {
    const { key, keyStart, keyEnd } = this.entry;
    return key.subarray(keyStart, keyEnd);
  }

  /** With keys only the head's own checksum has to do: the value is not read. */
  #startLarge(head: Buffer): void {
    const { entry } = this;
    this.#head = Buffer.from(head);
    const header = recordHeaderOf(head);
    entry.bytes = header;
    entry.offset = 0;
    entry.length = header.length;
    if (this.#options.keysOnly) {
      entry.recordBytes = header.length;
      this.state = 'entry';
      return;
    }
    entry.recordBytes = RECORD_HEADER_BYTES + valueBytesOf(head);
    this.isLarge = true;
    this.#checked = this.#taken = 0;
    this.#sum = crc32(header.subarray(4, RECORD_HEADER_BYTES), crc32(this.#key()));
    this.state = 'working';
  }

  #leaveOut(): void {
    this.isLarge = false;
    this.#options.onCorrupt(Buffer.from(this.#key()));
    if (this.#options.tellsDamaged) this.#showDamaged();
  }

  #showDamaged(): void {
    this.entry.length = this.entry.recordBytes = 0;
    this.state = 'entry';
  }

  #readChunk(number: number): Buffer | undefined {
    const { large, transaction } = this.#options;
    this.#chunk = large.readChunk(this.#head, number, { transaction, target: this.#chunk });
    return this.#chunk;
  }
}
