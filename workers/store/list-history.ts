/**
 * The lists of nodes that a store was kept under (src/domain/surplus.ts), in LMDB beside what it holds, and which owners have let go of
 * what was here for a former list's sake only.
 *
 *   `lists`                   the list of now and the former ones, JSON
 *   `without surplus O of W`  by owner and number of workers: under which list that owner has found nothing left to let go of
 */
import { Buffer } from 'node:buffer';
import type { Placement } from '../../src/domain/sharing.ts';
import { openedUnder, type Opening, type PlacementHistory } from '../../src/domain/surplus.ts';
import type { Database, StoreEnvironment } from './environment.ts';

export interface HistoryOwner {
  readonly owner: number;
  readonly workers: number;
}

const LISTS = Buffer.from('lists');

export class ListHistory {
  readonly #environment: StoreEnvironment;
  readonly #meta: Database<Buffer, Buffer>;

  constructor(environment: StoreEnvironment) {
    this.#environment = environment;
    this.#meta = environment.openDatabase('meta');
  }

  /** The store is opened under a list. Throws what LMDB says. */
  open(now: Placement, opening: Opening): void {
    const known = this.#read();
    const history = openedUnder(known, now, opening);
    if (history === known) return;
    const text = Buffer.from(JSON.stringify(history));
    this.#environment.transact({ records: 1, bytes: text.length }, () => this.#meta.putSync(LISTS, text));
  }

  /** The lists; a store that knows none was always kept under the one of now. */
  of(now: Placement): PlacementHistory {
    return this.#read() ?? { now, since: 0, former: [] };
  }

  /** Whether an owner has let go of everything that was here for the sake of a former list. */
  isDone({ owner, workers }: HistoryOwner): boolean {
    const history = this.#read();
    if (history === undefined || history.former.length === 0) return true;
    return this.#meta.getBinary(doneKey({ owner, workers }))?.toString() === nameOf(history);
  }

  /** An owner has let go of everything; inside a transaction. */
  putDone(owner: HistoryOwner): void {
    const history = this.#read();
    if (history !== undefined) this.#meta.putSync(doneKey(owner), Buffer.from(nameOf(history)));
  }

  #read(): PlacementHistory | undefined {
    const bytes = this.#meta.getBinary(LISTS);
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as PlacementHistory);
  }
}

/** A list that comes again has another history. */
function nameOf({ now, former }: PlacementHistory): string {
  return `${now.name} after ${former[0]?.until ?? 0}`;
}

function doneKey({ owner, workers }: HistoryOwner): Buffer {
  return Buffer.from(`without surplus ${owner} of ${workers}`);
}
