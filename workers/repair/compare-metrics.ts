/** What repair says of itself when somebody scrapes `/metrics`. */
import { family, type Labels, type MetricFamily } from '../../src/metrics/metrics.ts';
import type { PeerRepair } from './peer-repair.ts';
import type { RepairDesk } from './repair-desk.ts';

/** The families of one worker; those of peers are there where the worker compares. */
export function repairFamilies(desk: RepairDesk, labels: Labels, nowMicros: number): MetricFamily[] {
  const each = (value: (peer: PeerRepair) => number) =>
    [...desk.peers].map(([url, peer]) => ({ labels: { ...labels, peer: url }, value: value(peer) }));
  const {
    damaged: { waiting, mended },
    surplus: { left, removed },
  } = desk.status;
  const own = [
    family('gauge', 'kvorum_repair_damaged_records', 'Damaged records that are to be mended', waiting, labels),
    family('counter', 'kvorum_repair_mended_records_total', 'Damaged records that were mended', mended, labels),
    family('gauge', 'kvorum_surplus_records', 'Copies for a former list that are not to go yet', left, labels),
    family('counter', 'kvorum_surplus_removed_total', 'Copies for a former list that were removed', removed, labels),
  ];
  if (desk.peers.size === 0) return own;
  return [
    ...own,
    {
      type: 'counter',
      name: 'kvorum_repair_passes_total',
      help: 'Comparisons of this node with the peer that have ended, however',
      samples: each(({ passes }) => passes),
    },
    {
      type: 'counter',
      name: 'kvorum_repair_compared_buckets_total',
      help: 'Buckets of the hash space whose digests were compared',
      samples: each(({ bucketsCompared }) => bucketsCompared),
    },
    {
      type: 'counter',
      name: 'kvorum_repair_pulled_records_total',
      help: 'Records that the peer held and this node lacked, and took',
      samples: each(({ recordsPulled }) => recordsPulled),
    },
    {
      type: 'counter',
      name: 'kvorum_repair_pulled_bytes_total',
      help: 'Bytes of these',
      samples: each(({ bytesPulled }) => bytesPulled),
    },
    {
      type: 'gauge',
      name: 'kvorum_repair_identical_age_seconds',
      help: 'Time since this node and the peer were last found to hold the same; -1: never by this process',
      samples: each(({ identicalAt }) => (identicalAt === 0 ? -1 : (nowMicros - identicalAt) / 1e6)),
    },
  ];
}
