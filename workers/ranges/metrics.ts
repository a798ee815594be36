/** What a worker's scans look like in `/metrics`. */
import { family, type Labels, type MetricFamily } from '../../src/metrics/metrics.ts';
import { scanEnds, scanKinds } from './running-scan.ts';
import type { RangeScans } from './scans.ts';

export function rangeFamilies(ranges: RangeScans, labels: Labels): MetricFamily[] {
  const now = performance.now();
  const open = scanKinds.map((kind) => ({ kind, openedAt: ranges.open(kind) }));
  const { records, bytes } = ranges.sent();
  return [
    {
      type: 'gauge',
      name: 'kvorum_range_readers_open',
      help: 'Scans that hold a snapshot of the store, by who asked: a client for the node or the cluster, or a peer',
      samples: open.map(({ kind, openedAt }) => ({ labels: { ...labels, kind }, value: openedAt.length })),
    },
    {
      type: 'gauge',
      name: 'kvorum_range_reader_age_seconds',
      help: 'Age of the oldest open snapshot of a scan; while one is open the store reuses no room',
      samples: open.map(({ kind, openedAt }) => {
        return { labels: { ...labels, kind }, value: (now - Math.min(now, ...openedAt)) / 1000 };
      }),
    },
    {
      type: 'counter',
      name: 'kvorum_ranges_total',
      help: 'Scans that have ended, by who asked and by how they ended',
      samples: scanKinds.flatMap((kind) =>
        scanEnds.map((end) => ({ labels: { ...labels, kind, end }, value: ranges.ended(kind, end) })),
      ),
    },
    family('counter', 'kvorum_range_records_total', 'Records that scans have written to pages', records, labels),
    family('counter', 'kvorum_range_bytes_total', 'Bytes of the pages that scans have sent', bytes, labels),
  ];
}
