/** Settings: where records are kept, and how much of disk and memory they take. */
import { GIB, MIB } from '../../domain/units.ts';
import { durabilities } from '../../domain/modes.ts';
import { choice, duration, size, text } from '../kinds.ts';

export const storeEntries = {
  dataDirectory: text({
    flag: 'data',
    why: 'Directory of the store; it belongs to one node only',
    choose: 'A directory on a local disk, not on a network file system',
    neededBy: 'both',
    isCommon: true,
    isPerNode: true,
    placeholder: 'DIR',
    // By port, so that two nodes started with defaults on one machine do not meet in one directory.
    default: ({ port }) => `data/${port}`,
    defaultWords: 'data/PORT',
  }),
  durability: choice({
    why: 'When a write is acknowledged: on disk, or committed to memory that survives the process but not a power loss',
    choose: 'fsync; commit where the replicas do not lose power together and speed is worth the risk',
    neededBy: 'both',
    isCommon: true,
    of: durabilities,
    default: 'fsync',
  }),
  storeBytesMax: size({
    why: 'Bound of what the store holds; twice as much address space is reserved; a full store answers 507',
    choose: 'As much of the disk as the store may fill; less where address space is limited (ulimit -v)',
    neededBy: 'worker',
    range: [MIB, 32_768 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: 256 * GIB,
  }),
  purgeIntervalMs: duration({
    why: 'How often what was deleted or has expired is removed for good, once all nodes have confirmed it',
    choose: 'The same on each node: nodes that remove at different times compare more',
    neededBy: 'worker',
    range: [100, 86_400_000],
    default: 60_000,
  }),
  logSegmentBytes: size({
    why: 'Size of one file of the write-ahead log; when it is full its records go to the store, in the order of keys',
    choose: 'Larger where many writes go to few keys, or the store is slow; a start has more to replay then',
    neededBy: 'worker',
    range: [MIB, GIB],
    default: 16 * MIB,
  }),
  memtableBytesMax: size({
    why: 'Log files of one worker that are not in the store yet, together, and as much memory; past it writes slow down, then 503',
    choose: 'At least twice --log-segment-bytes; more takes longer to replay at a start',
    neededBy: 'worker',
    range: [2 * MIB, 16 * GIB],
    default: ({ logSegmentBytes }) => 3 * logSegmentBytes,
    defaultWords: '48MiB: 3 times --log-segment-bytes',
    check: (bytes, { logSegmentBytes }) =>
      bytes < 2 * logSegmentBytes ? `must hold at least two files of the log, 2 x ${logSegmentBytes} bytes` : undefined,
  }),
  verifyBytesPerSecondMax: size({
    why: 'How fast the store is looked through for damaged records, which are then mended from the other replicas; at most once an hour',
    choose: 'Leave it; less where the disk is the bottleneck, more where the store has far more than 10 GiB',
    neededBy: 'worker',
    range: [0, GIB],
    minMeans: 'it is not looked through, only what is read',
    default: 4 * MIB,
  }),
};
