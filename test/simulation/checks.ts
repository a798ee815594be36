/**
 * What the store promises, checked on a history of what clients saw. A history is of one key: operations with the virtual
 * times of their beginning and end, and the stamps that the store gave to each write.
 *
 * A stamp is a place in the total order of merging. All promises that do not need strict mode come down to one: whatever
 * ended before another operation began is not newer than what that one saw or wrote. It holds between acknowledged writes
 * ("the later one wins"), from an acknowledged write to reads ("nothing acknowledged is lost, nothing deleted comes back"),
 * between reads ("reads never go back") and from a read to acknowledged writes. A write that was not acknowledged may be
 * seen or not, at any time after it began, and a plain write at any of its stamps (a second round stamps it again).
 *
 * A read tells a value and no stamp, so the checker gives it the oldest stamp that fits; an older choice never makes a later
 * operation fail, so it is right to choose so.
 */

/** A place in the total order of merging; 0 is "nothing was ever written". */
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
}

export interface HistoryRead {
  readonly kind: 'read';
  readonly begin: number;
  readonly end: number;
  /** Which write's value was seen; `missing` where the key was not there. */
  readonly saw: number | 'missing';
}

export type HistoryOperation = HistoryWrite | HistoryRead;

/**
 * Says what is wrong, for people; undefined where every promise was kept. `isBeyondQuorums`: as many nodes lost their data at once
 * as may have held an acknowledged write, so that nobody knows of it any more; a later write may then be stamped below it, but
 * no read may say that it was never there.
 */
export function orderViolation(history: readonly HistoryOperation[], isBeyondQuorums = false): string | undefined {
  const writes = history.filter((operation) => operation.kind !== 'read');
  const byId = new Map(writes.map((write) => [write.id, write]));
  const ended: { readonly end: number; readonly rank: StampRank; readonly operation: HistoryOperation }[] = [];
  const counted = history
    .filter((operation) => operation.kind === 'read' || operation.isAcknowledged)
    .sort((left, right) => left.end - right.end);
  for (const operation of counted) {
    let floor: (typeof ended)[number] | undefined;
    for (const one of ended) if (one.end < operation.begin && one.rank > (floor?.rank ?? -1)) floor = one;
    const rank = rankOf(operation, floor?.rank ?? 0, { writes, byId });
    if (typeof rank === 'string') return rank;
    if (rank === undefined && isBeyondQuorums && operation.kind !== 'read') continue;
    if (rank === undefined) return `${describe(operation)} is older than ${describe(floor?.operation)}`;
    ended.push({ end: operation.end, rank, operation });
  }
  return undefined;
}

interface Writes {
  readonly writes: readonly HistoryWrite[];
  readonly byId: ReadonlyMap<number, HistoryWrite>;
}

/** The oldest rank that the operation can have above the floor; undefined where there is none, a text where it saw nonsense. */
function rankOf(
  operation: HistoryOperation,
  floor: StampRank,
  { writes, byId }: Writes,
): StampRank | undefined | string {
  if (operation.kind !== 'read') {
    const rank = operation.stamps.at(-1);
    return rank !== undefined && rank > floor ? rank : undefined;
  }
  const { saw, end } = operation;
  if (saw === 'missing') {
    const tombstones = writes.filter(({ kind, begin }) => kind === 'delete' && begin <= end);
    return oldestFrom(floor, [...(floor === 0 ? [0] : []), ...tombstones.flatMap(({ stamps }) => stamps)]);
  }
  const write = byId.get(saw);
  if (write === undefined || write.kind !== 'write') return `${describe(operation)} was never written`;
  if (write.begin > end) return `${describe(operation)} was written later, ${describe(write)}`;
  return oldestFrom(floor, write.stamps);
}

function oldestFrom(floor: StampRank, ranks: readonly StampRank[]): StampRank | undefined {
  const possible = ranks.filter((rank) => rank >= floor);
  return possible.length === 0 ? undefined : Math.min(...possible);
}

export function describe(operation: HistoryOperation | undefined): string {
  if (operation === undefined) return 'what is possible';
  const when = `${operation.begin.toFixed(2)}..${operation.end.toFixed(2)}`;
  if (operation.kind === 'read') return `read ${when} saw ${operation.saw}`;
  const { kind, id, isAcknowledged, stamps } = operation;
  return `${kind} ${id} ${when} ${isAcknowledged ? 'acknowledged' : 'open'} at ${stamps.join(', ')}`;
}
