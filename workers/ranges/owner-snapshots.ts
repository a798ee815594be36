/**
 * What this worker keeps of its memtable for ranges that other workers of the node read: a snapshot for each, that is handed
 * out a page at a time, on demand, so that no page takes an event loop longer than some 2 ms.
 *
 * A snapshot costs nothing to take but keeps the memory of the log's segments that it shows. It is let go of when its last
 * page leaves, when the range ends, when the worker that reads it dies, and when that one asks for nothing for as long as a
 * range may take. There are at most as many as the other workers may have ranges; past that they are refused.
 */
import { Buffer } from 'node:buffer';
import { pageBytes } from '../../src/domain/range.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import { entriesFormat, ENTRY_HEAD_BYTES, type RangeEntry } from '../../src/formats/range-format.ts';
import {
  encodeOwnerAnswer,
  markPage,
  PAGE_HEAD_BYTES,
  readOwnerQuestion,
  type OwnerQuestion,
} from '../../src/formats/owner-range.ts';
import type { AnswerSibling } from '../ground/siblings.ts';
import type { CursorStep, EntryCursor } from '../store/cursors.ts';
import type { LoggedSnapshot } from '../store/ranges.ts';

export interface OwnerSnapshotsOptions {
  readonly store: { prepareRange(): boolean; snapshotLogged(bounds: RangeBounds): LoggedSnapshot };
  readonly snapshotsMax: number;
  /** How long nobody may ask for a page of one, milliseconds. */
  readonly idleMsMax: number;
}

interface Snapshot {
  readonly asker: number;
  readonly logged: LoggedSnapshot;
  readonly timer: NodeJS.Timeout;
  /** Where its cursor stands; undefined before the first page. */
  step: CursorStep | undefined;
}

export class OwnerSnapshots {
  readonly #options: OwnerSnapshotsOptions;
  /** By who asked and by that one's number. */
  readonly #open = new Map<string, Snapshot>();

  constructor(options: OwnerSnapshotsOptions) {
    this.#options = options;
  }

  /** How many are kept. */
  get size(): number {
    return this.#open.size;
  }

  /** Answers a sibling's question `range`. */
  readonly answer: AnswerSibling = (bytes, answer, asker) => {
    const question = readOwnerQuestion(bytes);
    if (question.kind === 'open' && !this.#options.store.prepareRange()) {
      setImmediate(() => this.answer(bytes, answer, asker));
      return;
    }
    answer(this.#answer(question, asker));
  };

  /** Lets go of what a worker had asked for that is gone. */
  forget(asker: number): void {
    for (const [name, snapshot] of this.#open) if (snapshot.asker === asker) this.#drop(name);
  }

  #answer(question: OwnerQuestion, asker: number): Buffer {
    const name = `${asker} ${question.id}`;
    switch (question.kind) {
      case 'open':
        return this.#take(name, asker, question.bounds);
      case 'page':
        return this.#page(name);
      case 'close':
        this.#drop(name);
        return encodeOwnerAnswer('last');
      default:
        return question satisfies never;
    }
  }

  #take(name: string, asker: number, bounds: RangeBounds): Buffer {
    const { store, snapshotsMax, idleMsMax } = this.#options;
    if (this.#open.size >= snapshotsMax) return encodeOwnerAnswer('refused', 'too many ranges are being read');
    const timer = setTimeout(() => this.#drop(name), idleMsMax).unref();
    this.#open.set(name, { asker, logged: store.snapshotLogged(bounds), timer, step: undefined });
    return encodeOwnerAnswer('more');
  }

  #page(name: string): Buffer {
    const snapshot = this.#open.get(name);
    if (snapshot === undefined) return encodeOwnerAnswer('refused', 'nobody asked for it in time');
    const { cursor, hold } = snapshot.logged;
    snapshot.timer.refresh();
    if (snapshot.step === undefined) {
      // Whoever reads it has opened LMDB by now.
      if (!hold.release()) {
        this.#drop(name);
        return encodeOwnerAnswer('stale');
      }
      snapshot.step = cursor.next();
    }
    const { page, step } = fillPage(cursor, snapshot.step);
    snapshot.step = step;
    if (step !== 'entry') this.#drop(name);
    return page;
  }

  #drop(name: string): void {
    const snapshot = this.#open.get(name);
    if (snapshot === undefined) return;
    this.#open.delete(name);
    clearTimeout(snapshot.timer);
    snapshot.logged.hold.release();
    snapshot.logged.cursor.close();
  }
}

/** A page of the entries from where the cursor stands, and where it stands then. A longer entry gets a page of its size. */
function fillPage(cursor: EntryCursor, from: CursorStep): { readonly page: Buffer; readonly step: CursorStep } {
  let step = from;
  const page = Buffer.allocUnsafeSlow(step === 'entry' ? pageBytesFor(cursor.entry) : PAGE_HEAD_BYTES);
  let end = PAGE_HEAD_BYTES;
  while (step === 'entry') {
    const written = entriesFormat.write(page, end, cursor.entry);
    if (written < 0) break;
    end = written;
    step = cursor.next();
  }
  markPage(page, step === 'entry' ? 'more' : 'last');
  return { page: page.subarray(0, end), step };
}

function pageBytesFor({ keyStart, keyEnd, length }: RangeEntry): number {
  return Math.max(pageBytes, PAGE_HEAD_BYTES + ENTRY_HEAD_BYTES + keyEnd - keyStart + length);
}
