/**
 * Every setting of a node, written down once. Types, flags, environment variables, the names in a settings file, help,
 * `kvorum config`, refusals, what `up` and `bench --up` pass on, and docs/settings.md are all made from this table, whose groups are the files of entries/.
 *
 * To add a setting, add its entry to one of them; nothing else lists it:
 *
 *     logSegmentBytes: size({
 *       why: 'Size of one segment of the log',                  // what it is for, or what it bounds
 *       choose: 'Larger where checkpoints cannot keep up',      // how to choose it
 *       neededBy: 'worker',                                     // then it is in WorkerSettings
 *       range: [MIB, GIB],
 *       atLeast: [{ of: 'valueBytesMax', plusBytes: 64 * KIB }],
 *       default: 64 * MIB,
 *     }),
 *
 * makes `--log-segment-bytes`, `KVORUM_LOG_SEGMENT_BYTES`, "logSegmentBytes" in a file, and
 * `WorkerSettings.logSegmentBytes`. Then write the documents again:
 * `node dist/src/cli/main.js config --output markdown > docs/settings.md`. A default that follows from other settings is a
 * function of them, with `defaultWords` for help; a bound between settings is `atLeast` or `check`. What can be followed is
 * listed in `Others` of kinds.ts. A setting that goes away leaves a line in `goneSettings`.
 *
 * The bounds are there so that a wrong digit is refused at start instead of met as a crash under load.
 */
import { addressEntries } from './entries/address.ts';
import { hintsEntries } from './entries/hints.ts';
import { peersEntries } from './entries/peers.ts';
import { processEntries } from './entries/process.ts';
import { replicationEntries } from './entries/replication.ts';
import { repairEntries } from './entries/repair.ts';
import { requestsEntries } from './entries/requests.ts';
import { securityEntries } from './entries/security.ts';
import { storeEntries } from './entries/store.ts';

/** In the order in which help and documents name them. */
export const entries = {
  ...addressEntries,
  ...securityEntries,
  ...replicationEntries,
  ...storeEntries,
  ...requestsEntries,
  ...peersEntries,
  ...hintsEntries,
  ...repairEntries,
  ...processEntries,
};

/**
 * Settings that went away, by name: why, and what to do instead, as the end of `Option "--trust-store" is gone: ...`. One
 * that is still given is refused with that word, since a node that ignored it would not do what was asked.
 */
export const goneSettings: Readonly<Record<string, string>> = {
  acceptLogDamage:
    'a node whose log is damaged starts and recovers from its peers; without peers say kvorum recover --accept-loss',
  mapWrites: 'writes go to a log first, and LMDB is never written through memory',
  trustStore: 'the log keeps a store of durability "commit" whole when the machine goes down',
};
