/**
 * The order of merging: which of two records of a key wins. Replicas and readers go by it and by nothing else, so all of
 * them end up with the same record.
 */
import {
  readKind,
  readNodeId,
  readVersion,
  RECORD_HEADER_BYTES,
  recordKinds,
  type RecordView,
} from '../formats/record.ts';

/**
 * The total order of merging: version, then node id, then tombstone over any value, then value bytes. Positive where the
 * left record wins, 0 only for equal records. Taking the greater of two records is therefore commutative, associative
 * and idempotent: replicas that saw the same records in any order hold the same one.
 */
export function compareRecords(left: RecordView, right: RecordView): number {
  const stamps = compareStamps(left, right);
  if (stamps !== 0) return stamps;
  return left.bytes.compare(
    right.bytes,
    right.offset + RECORD_HEADER_BYTES,
    right.offset + right.length,
    left.offset + RECORD_HEADER_BYTES,
    left.offset + left.length,
  );
}

/** The order of merging as far as headers tell it: 0 for records of one version, node and kind. */
export function compareStamps(left: RecordView, right: RecordView): number {
  const version = readVersion(left.bytes, left.offset) - readVersion(right.bytes, right.offset);
  if (version !== 0) return version;
  const node = readNodeId(left.bytes, left.offset) - readNodeId(right.bytes, right.offset);
  if (node !== 0) return node;
  return kindRank(left) - kindRank(right);
}

/**
 * Whether who holds the left record lacks nothing of the right one, as far as headers tell: it is the same record, or one with a
 * newer stamp. A node whose store was replaced by an older copy may give a stamp a second time; of two such writes neither covers the
 * other, so both are brought together and merged.
 */
export function covers(left: RecordView, right: RecordView): boolean {
  return haveSameHeader(left, right) || compareStamps(left, right) > 0;
}

/**
 * Whether two records are one, as nearly all that meet are: stamps and checksums are the same, so the values are. Values need
 * not be compared then, nor versions made out of their bytes.
 */
export function haveSameHeader(left: RecordView, right: RecordView): boolean {
  for (let at = 0; at < RECORD_HEADER_BYTES; at++) {
    if (left.bytes[left.offset + at] !== right.bytes[right.offset + at]) return false;
  }
  return true;
}

/** A tombstone above all other kinds, which stand in the order of their numbers. */
function kindRank({ bytes, offset }: RecordView): number {
  const kind = readKind(bytes, offset);
  return kind === recordKinds.tombstone ? KIND_RANK_MAX : kind;
}

const KIND_RANK_MAX = 255;

/** The record that both replicas keep after seeing these two. */
export function mergeRecords<View extends RecordView>(left: View, right: View): View {
  return compareRecords(left, right) >= 0 ? left : right;
}
