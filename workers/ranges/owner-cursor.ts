/**
 * What another owner of this node has in its memtable, as a cursor of a range here. One page is read and the next one is on
 * its way; so that much waits here, and no more.
 */
import { Buffer } from 'node:buffer';
import {
  encodeOwnerQuestion,
  ownerAnswerKind,
  PAGE_HEAD_BYTES,
  readPageEntry,
  refusalText,
  type OwnerQuestion,
} from '../../src/formats/owner-range.ts';
import type { RangeBounds } from '../../src/formats/range-bounds.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { OnAnswer } from '../ground/siblings.ts';
import { emptyEntry, type CursorStep, type EntryCursor } from '../store/cursors.ts';

/** Another worker of this node. */
export interface Owner {
  /** For messages: "worker 2". */
  readonly name: string;
  /** As `Siblings.ask`. */
  readonly ask: (bytes: Buffer, onAnswer: OnAnswer) => void;
}

export interface OwnerCursorOptions {
  readonly owner: Owner;
  /** The range's number, which this worker gives no second one while its snapshots are open. */
  readonly id: number;
  readonly bounds: RangeBounds;
  /** Its state has changed, or a page has come. */
  readonly onChange: () => void;
}

/**
 * `opening`: its snapshot is being taken; `opened`: it is, and is not read yet; `stale`: it is read too late to fit LMDB's.
 */
export type OwnerCursorState = 'opening' | 'opened' | 'reading' | 'stale' | 'failed' | 'closed';

const nothing = Buffer.alloc(0);

export class OwnerCursor implements EntryCursor {
  state: OwnerCursorState = 'opening';
  /** Why it failed. */
  error = '';
  readonly entry: RangeEntry = emptyEntry(nothing);
  readonly isChecked = true;
  readonly #options: OwnerCursorOptions;
  #page: Buffer = nothing;
  #at = 0;
  #nextPage: Buffer | undefined;
  /** Whether no page comes after `#page`. */
  #isLast = false;

  constructor(options: OwnerCursorOptions) {
    this.#options = options;
  }

  /** Has the snapshot taken. */
  open(): void {
    const { id, bounds } = this.#options;
    this.#ask({ kind: 'open', id, bounds });
  }

  /** Asks for the first page; from then on the owner's checkpoints go on. */
  read(): void {
    this.state = 'reading';
    this.#askForPage();
  }

  next(): CursorStep {
    while (this.#at === this.#page.length) {
      if (this.#isLast) return 'ended';
      if (this.#nextPage === undefined) return 'waiting';
      this.#turnTo(this.#nextPage);
    }
    this.#at = readPageEntry(this.#page, this.#at, this.entry);
    return 'entry';
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#page = this.#nextPage = nothing;
    if (!this.#isLast) this.#ask({ kind: 'close', id: this.#options.id });
  }

  #turnTo(page: Buffer): void {
    this.#page = page;
    this.#at = PAGE_HEAD_BYTES;
    this.#nextPage = undefined;
    this.#isLast = ownerAnswerKind(page) === 'last';
    if (!this.#isLast) this.#askForPage();
  }

  #askForPage(): void {
    this.#ask({ kind: 'page', id: this.#options.id });
  }

  #ask(question: OwnerQuestion): void {
    this.#options.owner.ask(encodeOwnerQuestion(question), (bytes) => this.#take(bytes));
  }

  #take(bytes: Buffer | undefined): void {
    if (this.state === 'closed') return;
    const kind = bytes === undefined ? 'lost' : ownerAnswerKind(bytes);
    if (bytes === undefined) this.#fail('has ended or is starting');
    else if (kind === 'refused') this.#fail(refusalText(bytes));
    else if (kind === 'stale') this.state = 'stale';
    else if (this.state === 'opening') this.state = 'opened';
    else this.#nextPage = bytes;
    this.#options.onChange();
  }

  #fail(why: string): void {
    this.state = 'failed';
    this.error = `${this.#options.owner.name} of this node, which owns a part of the keys: ${why}`;
  }
}
