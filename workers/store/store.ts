/**
 * The store of one worker: the keys that it owns. Writes go to the log and its memtable, and from there, a segment at a
 * time, to LMDB (log.ts, memtable.ts, writer.ts); reads look in the memtable and then in LMDB, which all workers share.
 *
 *   merge    decides what wins, against the writes that wait for their sync too, and appends it to the log
 *   settle   calls back when all that was merged is as durable as the durability says; from then on reads see it
 *
 * So no read shows what is less durable than that. A large value's chunks are on the disk before its head is logged.
 */
import { randomBytes } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { codeOf, KvorumError, messageOf } from '../../src/domain/errors.ts';
import {
  CHUNK_BYTES,
  haveSameStamp,
  isLargeHead,
  makeHead,
  recordHeaderOf,
  valueBytesOf,
} from '../../src/formats/large-head.ts';
import { entryRecord } from '../../src/formats/log.ts';
import { keyOf, recordOf, type Entry } from '../../src/formats/frame.ts';
import { Histogram, latencyBounds } from '../../src/metrics/metrics.ts';
import { replyCodes, type ReplyCode } from '../../src/domain/operation.ts';
import {
  isIntact,
  isIntactInSteps,
  isIntactUnder,
  isTombstone,
  keyChecksum,
  readVersion,
  RECORD_HEADER_BYTES,
} from '../../src/formats/record.ts';
import { allocateRecord } from '../../src/formats/reply.ts';
import { runInSteps } from '../../src/domain/steps.ts';
import type { Version } from '../../src/domain/version.ts';
import type { Durability } from '../../src/formats/worker-protocol.ts';
import type { RunMarks } from '../../src/waits/wait-marks.ts';
import { steps, wholeReads } from '../ranges/pace.ts';
import {
  asStoreError,
  StoreEnvironment,
  type Database,
  type EnvironmentOptions,
  type ReadTransaction,
} from './environment.ts';
import { LargeValues } from './large-values.ts';
import { Log, type Group, type GroupEnd, type Room, type Segment } from './log.ts';
import { openLogFiles, type LogFiles } from './log-files.ts';
import { Memtable, MemtableLayer, tableKey, type LoggedEntry } from './memtable.ts';
import { NewestVersions } from './newest-versions.ts';
import { CursorView, StoreRange } from './range.ts';
import { StoreRoom } from './room.ts';
import { wins } from './wins.ts';
import { Writer } from './writer.ts';
import type { Replayed, ReplayScope } from './writer-protocol.ts';

export interface StoreOptions extends EnvironmentOptions {
  readonly durability: Durability;
  /** The worker's index: it owns the log of that number. */
  readonly owner: number;
  readonly replay: ReplayScope;
  readonly acceptLogDamage: boolean;
  readonly logSegmentBytes: number;
  readonly memtableBytesMax: number;
}

/** What the store tells its owner. */
export interface StoreEvents {
  /** A record fails its checksum. */
  readonly onCorrupt: (key: Buffer) => void;
  /** The disk failed; the node must end. */
  readonly onFatal: (error: unknown) => void;
}

export interface RangeBounds {
  readonly start: Uint8Array;
  /** Without it the range goes to the last key. */
  readonly end: Uint8Array | undefined;
  /** Whether only headers are wanted. */
  readonly keysOnly: boolean;
}

/** A record that is read in steps (`readLarge`), as far as its head in the store tells of it. */
export interface LargeRecord {
  readonly header: Buffer;
  /** Bytes of the whole record. */
  readonly recordBytes: number;
}

/** How settling ended: all is durable, or the disk had no room for some of it. */
export type Settled = GroupEnd;

/** Chunks of a large value that go to the disk in one transaction. */
const CHUNKS_AT_ONCE = 2;

export class Store {
  readonly #options: StoreOptions;
  readonly #events: StoreEvents;
  readonly #parts: StoreParts;
  readonly #records: Database<Buffer, Buffer>;
  readonly #large: LargeValues;
  readonly #newest: NewestVersions;
  /** The records again, through a handle whose cursors show their entries in `#view`. */
  readonly #ranges: Database;
  readonly #view = new CursorView();
  readonly #room: StoreRoom;
  readonly #memtable: Memtable;
  readonly #layers = new Map<Segment, MemtableLayer>();
  /** The newest entry of each key that is appended and not durable. */
  readonly #pending = new Map<string, LoggedEntry>();
  readonly #checkpoints: Checkpoints;
  readonly #log: Log;
  #whenRoom: (() => void)[] = [];

  private constructor(options: StoreOptions, events: StoreEvents, parts: StoreParts) {
    const { environment } = parts;
    this.#options = options;
    this.#events = events;
    this.#parts = parts;
    this.#records = environment.openDatabase('records');
    this.#large = new LargeValues(environment);
    this.#newest = new NewestVersions(parts.ready.bound);
    this.#ranges = environment.openView('records', this.#view.handleOptions());
    this.#memtable = parts.memtable;
  }
