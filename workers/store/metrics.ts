/** What a store says of its log, its memtable and its checkpoints when somebody scrapes `/metrics`. */
import { performance } from 'node:perf_hooks';
import { family, type Labels, type MetricFamily } from '../../src/metrics/metrics.ts';
import type { Store } from './store.ts';

/** The families of one worker's store. */
export function storeFamilies(store: Store, labels: Labels): MetricFamily[] {
  return [
    ...logFamilies(store, labels),
    ...checkpointFamilies(store, labels),
    ...purgeFamilies(store, labels),
    ...replayFamilies(store, labels),
  ];
}

function purgeFamilies({ purge }: Store, labels: Labels): MetricFamily[] {
  const { waiting, removed, refused, newestFloor } = purge;
  const tombstones =
    'Tombstones and values that expire in the store, those of all workers; some may have been replaced';
  const late = 'Writes that were not stored, since what they say was deleted and removed';
  const age = 'Age of the version below which what was deleted is gone; no sample before the first removal';
  const samples = newestFloor === 0 ? [] : [{ labels, value: Date.now() / 1000 - newestFloor / 1e6 }];
  return [
    family('gauge', 'kvorum_tombstones', tombstones, waiting, labels),
    family('counter', 'kvorum_tombstones_purged_total', 'Tombstones and expired values removed', removed, labels),
    family('counter', 'kvorum_purge_refusals_total', late, refused, labels),
    { type: 'gauge', name: 'kvorum_purge_floor_age_seconds', help: age, samples },
  ];
}

function logFamilies({ measures }: Store, labels: Labels): MetricFamily[] {
  const { log, settleSeconds, logBytesHeld, memtableEntries, storedRecords } = measures;
  const stored = 'Records in the store, tombstones too, those of all workers; not those that only the log has';
  const bytes = 'Bytes of the log that are not in the store yet; they are held in memory, too';
  const settle = 'Runs of writes from the end of their merging until they are as durable as the durability says';
  return [
    family('counter', 'kvorum_log_bytes_total', 'Bytes appended to the log', log.bytes, labels),
    family('counter', 'kvorum_log_syncs_total', 'Files of the log that were synced', log.syncs, labels),
    family('histogram', 'kvorum_log_sync_seconds', 'Syncs of the log', log.syncSeconds.snapshot(), labels),
    family('histogram', 'kvorum_log_group_writes', 'Writes that one append took', log.groupWrites.snapshot(), labels),
    family('histogram', 'kvorum_log_settle_seconds', settle, settleSeconds.snapshot(), labels),
    family('gauge', 'kvorum_store_records', stored, storedRecords, labels),
    family('gauge', 'kvorum_memtable_bytes', bytes, logBytesHeld, labels),
    family(
      'gauge',
      'kvorum_memtable_records',
      'Records of the log that are not in the store yet',
      memtableEntries,
      labels,
    ),
  ];
}

function checkpointFamilies({ measures }: Store, labels: Labels): MetricFamily[] {
  const { seconds, records, endedAt, isDiskFull } = measures.checkpoints;
  const age = (performance.now() - endedAt) / 1000;
  return [
    family(
      'histogram',
      'kvorum_checkpoint_seconds',
      'Bringing a file of the log into the store, pauses that spread it included',
      seconds.snapshot(),
      labels,
    ),
    family('counter', 'kvorum_checkpoint_records_total', 'Records that checkpoints merged', records, labels),
    family('gauge', 'kvorum_checkpoint_age_seconds', 'Time since the newest checkpoint, or the start', age, labels),
    family(
      'gauge',
      'kvorum_checkpoint_disk_full',
      '1 where the disk has no room for a checkpoint',
      isDiskFull ? 1 : 0,
      labels,
    ),
  ];
}

function replayFamilies({ replayed }: Store, labels: Labels): MetricFamily[] {
  const { seconds, records, damage } = replayed;
  return [
    family('gauge', 'kvorum_replay_seconds', 'What replaying the log took at the start', seconds, labels),
    family('gauge', 'kvorum_replay_records', 'Records of the log that the start found', records, labels),
    family(
      'gauge',
      'kvorum_log_damaged',
      '1 where the start gave up damaged records of the log',
      damage === undefined ? 0 : 1,
      labels,
    ),
  ];
}
