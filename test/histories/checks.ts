/**
 * What the store promises, checked on a history of what clients saw. A history is of one key: operations with the times of
 * their beginning and end, and the stamps that the store gave to each write, as far as they are known.
 *
 * A stamp is a place in the total order of merging. All promises that do not need strict mode come down to one: whatever
 * ended before another operation began is not newer than what that one saw or wrote. It holds between acknowledged writes
 * ("the later one wins"), from an acknowledged write to reads ("nothing acknowledged is lost, nothing deleted comes back"),
 * between reads ("reads never go back") and from a read to acknowledged writes. A write that was not acknowledged may be
 * seen or not, at any time after it began, and a plain write at any of its stamps (a second round stamps it again).
 *
 * Where a stamp is not known, the checker gives the operation the oldest one that fits; an older choice never makes a later
 * operation fail, so it is right to choose so. A simulation knows the stamps of writes, and its reads tell only values; of a
 * real cluster reads tell stamps, and writes none. What is untold can hide a violation, and never makes one.
 */

/** A place in the total order of merging; 0 is "nothing was ever written", and what the store told is a whole number. */
export type StampRank = number;

export interface HistoryWrite {
  readonly kind: 'write' | 'delete';
  readonly id: number;
  readonly begin: number;
  /** Infinity where no answer came. */
  readonly end: number;
  readonly isAcknowledged: boolean;
  /** In the order in which they were given. An acknowledgement is one of the last. */
  readonly stamps: readonly StampRank[];
  /** There may be later ones than these. */
  readonly hasUntold?: boolean;
}

export interface HistoryRead {
  readonly kind: 'read';
  readonly begin: number;
  readonly end: number;
  /** Which write's value was seen; `missing` where the key was not there. */
  readonly saw: number | 'missing';
  /** The stamp of what was seen, where the store told it. */
  readonly rank?: StampRank | undefined;
}

export type HistoryOperation = HistoryWrite | HistoryRead;

/** What an untold stamp has above the one below it: so little that a million of them fit between two that were told. */
const UNTOLD_STEP = 2 ** -20;

/**
 * Says what is wrong, for people; undefined where every promise was kept. `isBeyondQuorums`: as many nodes lost their data at once
 * as may have held an acknowledged write, so that nobody knows of it any more; a later write may then be stamped below it, but
 * no read may say that it was never there.
 */
export function orderViolation(history: readonly HistoryOperation[], isBeyondQuorums = false): string | undefined {
  const known = knownOf(history);
  const ended = new Ended();
  const counted = history
    .filter((operation) => operation.kind === 'read' || operation.isAcknowledged)
    .sort((left, right) => left.end - right.end);
  for (const operation of counted) {
    const floor = ended.newestBefore(operation.begin);
    const rank = rankOf(operation, floor?.rank ?? 0, known);
    if (typeof rank === 'string') return rank;
    if (rank === undefined && isBeyondQuorums && operation.kind !== 'read') continue;
    if (rank === undefined) return `${describe(operation)} is older than ${describe(floor?.operation)}`;
    ended.add({ end: operation.end, rank, operation });
    if (operation.kind !== 'read') known.ranks.set(operation.id, rank);
  }
  return undefined;
}

interface EndedOperation {
  readonly end: number;
  readonly rank: StampRank;
  readonly operation: HistoryOperation;
}

/** Operations in the order of their ends, and the newest up to each. */
class Ended {
  readonly #ends: number[] = [];
  readonly #newest: EndedOperation[] = [];

  add(one: EndedOperation): void {
    const before = this.#newest.at(-1);
    this.#ends.push(one.end);
    this.#newest.push(before !== undefined && before.rank >= one.rank ? before : one);
  }

  /** The newest of those that ended before the moment. */
  newestBefore(moment: number): EndedOperation | undefined {
    return this.#newest[countBelow(this.#ends, moment) - 1];
  }
}

interface Known {
  readonly byId: ReadonlyMap<number, HistoryWrite>;
  readonly deletes: readonly HistoryWrite[];
  readonly acknowledged: readonly HistoryWrite[];
  /** Reads whose stamps are known, by their beginnings; with each the oldest stamp from it on. */
  readonly readBegins: readonly number[];
  readonly oldestFrom: readonly StampRank[];
  /** The oldest stamps that acknowledged writes can have, as far as they have been looked at. */
  readonly ranks: Map<number, StampRank>;
}

function knownOf(history: readonly HistoryOperation[]): Known {
  const writes = history.filter((operation) => operation.kind !== 'read');
  const reads = history.filter((operation) => operation.kind === 'read' && operation.rank !== undefined);
  reads.sort((left, right) => left.begin - right.begin);
  const ranks = reads.map((read) => (read as HistoryRead).rank as StampRank);
  for (let index = ranks.length - 2; index >= 0; index--) {
    ranks[index] = Math.min(ranks[index] as number, ranks[index + 1] as number);
  }
  return {
    byId: new Map(writes.map((write) => [write.id, write])),
    deletes: writes.filter(({ kind }) => kind === 'delete'),
    acknowledged: writes.filter(({ isAcknowledged }) => isAcknowledged),
    readBegins: reads.map(({ begin }) => begin),
    oldestFrom: ranks,
    ranks: new Map(),
  };
}

/** The oldest rank that the operation can have above the floor; undefined where there is none, a text where it saw nonsense. */
function rankOf(operation: HistoryOperation, floor: StampRank, known: Known): StampRank | undefined | string {
  if (operation.kind !== 'read') return rankOfWrite(operation, floor);
  const { saw, end, rank } = operation;
  if (saw === 'missing') return rankOfAbsence(operation, floor, known);
  const write = known.byId.get(saw);
  if (write === undefined || write.kind !== 'write') return `${describe(operation)} was never written`;
  if (write.begin > end) return `${describe(operation)} was written later, ${describe(write)}`;
  return oldestFrom(floor, rank === undefined ? write.stamps : [rank]);
}

function rankOfWrite({ stamps, hasUntold }: HistoryWrite, floor: StampRank): StampRank | undefined {
  const rank = stamps.at(-1);
  if (hasUntold === true) return Math.max(floor + UNTOLD_STEP, rank ?? 0);
  return rank !== undefined && rank > floor ? rank : undefined;
}

function rankOfAbsence(read: HistoryRead, floor: StampRank, known: Known): StampRank | undefined {
  const begun = known.deletes.filter(({ begin }) => begin <= read.end);
  const told = [...(floor === 0 ? [0] : []), ...begun.flatMap(({ stamps }) => stamps)];
  // A whole number is the stamp of a value, so no deletion has it.
  const least = floor > 0 && Number.isInteger(floor) ? floor + UNTOLD_STEP : floor;
  const untold = begun
    .filter((one) => one.hasUntold === true && mayStandAt(one, read, floor, known))
    .map(({ id }) => Math.max(least, known.ranks.get(id) ?? 0));
  return oldestFrom(floor, [...told, ...untold]);
}

/** Whether a deletion whose stamp is not known can be what the read found at or above the floor. */
function mayStandAt(deletion: HistoryWrite, read: HistoryRead, floor: StampRank, known: Known): boolean {
  const { end, isAcknowledged } = deletion;
  if (!isAcknowledged) return true;
  const isReplaced = known.acknowledged.some((write) => write.begin > end && write.end < read.begin);
  if (isReplaced) return false;
  // What is read after the deletion is newer than it, so the deletion is older than the oldest of that.
  const later = known.oldestFrom[countUpTo(known.readBegins, end)];
  return later === undefined || later > floor;
}

function oldestFrom(floor: StampRank, ranks: readonly StampRank[]): StampRank | undefined {
  const possible = ranks.filter((rank) => rank >= floor);
  return possible.length === 0 ? undefined : Math.min(...possible);
}

/** How many of the ascending numbers are below a bound. */
function countBelow(ascending: readonly number[], bound: number): number {
  return countWhere(ascending, (one) => one < bound);
}

function countUpTo(ascending: readonly number[], bound: number): number {
  return countWhere(ascending, (one) => one <= bound);
}

/** How many come before the first one that does not fit. */
function countWhere(ascending: readonly number[], fits: (one: number) => boolean): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(ascending[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function describe(operation: HistoryOperation | undefined): string {
  if (operation === undefined) return 'what is possible';
  const when = `${operation.begin.toFixed(2)}..${operation.end.toFixed(2)}`;
  if (operation.kind === 'read') {
    return `read ${when} saw ${operation.saw}${operation.rank === undefined ? '' : ` at ${operation.rank}`}`;
  }
  const { kind, id, isAcknowledged, stamps } = operation;
  return `${kind} ${id} ${when} ${isAcknowledged ? 'acknowledged' : 'open'} at ${stamps.join(', ')}`;
}
