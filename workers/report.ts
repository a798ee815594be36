/**
 * What a worker thread says of itself when somebody scrapes `/metrics`: its store, its peers, its event loop.
 */
import { readlinkSync } from 'node:fs';
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks';
import { delayResolutionMs, loopDelayFamily } from '../src/metrics/loop-delay.ts';
import { family, type Labels, type MetricFamily, type MetricSample } from '../src/metrics/metrics.ts';
import { CollectionPauses, loopFamilies, osThreadId } from '../src/metrics/thread-metrics.ts';
import type { WorkerReport } from '../src/protocol/workers.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import type { PeerClient } from './peers/peer-client.ts';
import type { PeerRefusals } from './peers/peer-refusals.ts';
import type { ReplicaListener } from './replica/replica-listener.ts';
import type { HintDesk } from './repair/hint-desk.ts';
import { hintFamilies } from './repair/metrics.ts';
import { rangeFamilies } from './ranges/metrics.ts';
import type { RangeScans } from './ranges/scans.ts';
import { repairFamilies } from './repair/compare-metrics.ts';
import type { RepairDesk } from './repair/repair-desk.ts';
import { storeFamilies } from './store/metrics.ts';
import type { Store } from './store/store.ts';

/** What a report is made of. */
export interface Measured {
  readonly store: Store;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly coordinator: Coordinator;
  readonly ranges: RangeScans;
  readonly refusals: PeerRefusals;
  readonly listener: Pick<ReplicaListener, 'connections'>;
  readonly hints: HintDesk;
  readonly repair: RepairDesk;
}

export class ThreadReport {
  corruptRecords = 0;
  readonly #thread: string;
  readonly #osThreadId = osThreadId(readlinkSync);
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  readonly #pauses = new CollectionPauses();
  readonly #pauseObserver = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#pauses.observe(entry);
  });

  /** Of the worker with this index: its name stays when another thread takes its place. */
  constructor(index: number) {
    this.#thread = `worker-${index + 1}`;
    this.#delay.enable();
    this.#pauseObserver.observe({ entryTypes: ['gc'] });
  }

  /** Everything, with this thread's label. */
  make({ store, peers, coordinator, ranges, refusals, listener, hints, repair }: Measured): WorkerReport {
    const thread = this.#thread;
    const labels = { thread };
    const known = peers.filter((peer) => peer !== undefined);
    const metrics = [
      ...storeFamilies(store, labels),
      family(
        'counter',
        'kvorum_store_corrupt_records_total',
        'Records that failed their checksum and were treated as missing',
        this.corruptRecords,
        labels,
      ),
      ...peerFamilies(known, labels),
      refusals.family(labels),
      family('gauge', 'kvorum_peer_connections', 'Connections of peers', listener.connections(), labels),
      ...coordinatorFamilies(coordinator, labels),
      ...rangeFamilies(ranges, labels),
      ...hintFamilies(hints, labels),
      ...repairFamilies(repair, labels, Date.now() * 1000),
      loopDelayFamily(this.#delay, labels),
      ...loopFamilies(performance.eventLoopUtilization(), labels),
      ...this.#pauses.families(labels),
    ];
    const seen = { peers: known.map((peer) => peer.status), hints: hints.kept, repair: repair.status };
    return { thread, osThreadId: this.#osThreadId, ...seen, metrics };
  }

  /** The node is ready: starting up does not count. */
  reset(): void {
    this.#delay.reset();
  }

  close(): void {
    this.#delay.disable();
    this.#pauseObserver.disconnect();
  }
}

function peerFamilies(peers: readonly PeerClient[], labels: Labels): MetricFamily[] {
  const each = (value: (peer: PeerClient) => MetricSample['value']): MetricSample[] =>
    peers.map((peer) => ({ labels: { ...labels, peer: peer.status.url }, value: value(peer) }));
  return [
    {
      type: 'gauge',
      name: 'kvorum_peer_up',
      help: '1 where the peer answers',
      samples: each((peer) => (peer.status.state === 'up' ? 1 : 0)),
    },
    {
      type: 'histogram',
      name: 'kvorum_peer_round_trip_seconds',
      help: 'Requests to a replica port, from sending to the whole reply',
      samples: each((peer) => peer.roundTripSeconds.snapshot()),
    },
    {
      type: 'histogram',
      name: 'kvorum_peer_batch_operations',
      help: 'Operations a request to a replica port',
      samples: each((peer) => peer.batchOperations.snapshot()),
    },
    {
      type: 'counter',
      name: 'kvorum_peer_sent_bytes_total',
      help: 'Frame bytes sent to the peer',
      samples: each((peer) => peer.bytesSent),
    },
    {
      type: 'counter',
      name: 'kvorum_peer_received_bytes_total',
      help: 'Reply bytes received from the peer',
      samples: each((peer) => peer.bytesReceived),
    },
    {
      type: 'counter',
      name: 'kvorum_peer_failures_total',
      help: 'Times that the connection to the peer was lost',
      samples: each((peer) => peer.failures),
    },
    {
      type: 'gauge',
      name: 'kvorum_peer_queued_bytes',
      help: 'Frame bytes that wait for the peer',
      samples: each((peer) => peer.queuedBytes),
    },
  ];
}

function coordinatorFamilies(coordinator: Coordinator, labels: Labels): MetricFamily[] {
  return [
    family('gauge', 'kvorum_frames_pending', 'Frames that wait for replies', coordinator.pendingFrames, labels),
    family(
      'counter',
      'kvorum_read_repairs_total',
      'Records sent to replicas that lacked them',
      coordinator.repairs,
      labels,
    ),
    family(
      'counter',
      'kvorum_stale_reads_total',
      'Reads that found a replica without what others hold',
      coordinator.staleReads,
      labels,
    ),
    family(
      'counter',
      'kvorum_second_rounds_total',
      'Writes that were stamped again, above what kept their first stamp from winning, or since they are strict',
      coordinator.secondRounds,
      labels,
    ),
    family(
      'counter',
      'kvorum_late_replies_total',
      'Replies that came after the outcome',
      coordinator.lateReplies,
      labels,
    ),
  ];
}
