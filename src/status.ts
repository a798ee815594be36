/**
 * What `GET /v0/status` says of a node and of the peers as its workers see them. Each section is a function of its own in
 * `status/`; here they are put together.
 */
import type { ClockWatch } from './clock-watch.ts';
import type { StoreFacts } from './store-facts.ts';
import type { Standing } from './domain/node-claim.ts';
import type { Topology } from './domain/topology.ts';
import type { StandingDescription } from './node-standing.ts';
import type { WorkerReport } from './protocol/workers.ts';
import { version } from './diagnostics/version.ts';
import { hintsSection } from './status/hints.ts';
import { peersSection } from './status/peers.ts';
import { quorumSection } from './status/quorum.ts';
import { repairSection } from './status/repair.ts';

export interface StatusInput {
  readonly topology: Topology;
  /** Replicas of each record. */
  readonly replicationFactor: number;
  readonly state: string;
  readonly standing: StandingDescription;
  /** What a peer that is up says of its store. */
  readonly standingOf: (url: string) => Standing['kind'] | undefined;
  readonly clock: Pick<ClockWatch, 'status' | 'offsetOf'>;
  readonly settings: { readonly mode: string; readonly durability: string; readonly workers: number };
  readonly reports: readonly WorkerReport[];
  readonly operationsInFlight: number;
  readonly mainOsThreadId: number | null;
  /** Null where the directory cannot be read. */
  readonly store: StoreFacts | null;
  /** By flag, the settings that are not at their defaults. */
  readonly changedSettings: Readonly<Record<string, string>>;
}

/** The status as JSON. */
export function nodeStatus(input: StatusInput): Record<string, unknown> {
  const { topology, replicationFactor, state, standing, clock, settings, reports, store } = input;
  const self = topology.nodes[topology.selfIndex];
  const { standingOf } = input;
  const cluster = peersSection({ topology, state, reports, offsetOf: (url) => clock.offsetOf(url), standingOf });
  return {
    node: { id: self?.id, url: self?.url, version },
    state,
    standing,
    ...settings,
    changedSettings: input.changedSettings,
    store,
    uptimeSeconds: Math.round(process.uptime()),
    operationsInFlight: input.operationsInFlight,
    clock: clock.status,
    hints: hintsSection(reports),
    quorum: quorumSection(cluster, { own: standing.state, replicaCount: replicationFactor }),
    repair: repairSection(reports),
    // With these numbers a reader finds each thread's account in the system (/proc/PID/task/TID).
    process: {
      pid: process.pid,
      threads: [
        { thread: 'main', osThreadId: input.mainOsThreadId },
        ...reports.map(({ thread, osThreadId }) => ({ thread, osThreadId })),
      ],
    },
    cluster,
  };
}

/** A standing in lines. */
export function explainStanding(standing: StandingDescription): string {
  const { state, reason, awaited = [], refusal, peers = [] } = standing;
  const lines = [`standing: ${state}${reason === undefined ? '' : ` (${reason})`}`];
  if (refusal !== undefined) lines.push(`refused: ${refusal}`);
  if (awaited.length > 0) lines.push(`waits for: ${awaited.join(', ')}`);
  for (const { url, isUp, counts, isMerged, records, bytes } of peers) {
    if (isMerged) lines.push(`${url}: merged`);
    else if (counts) lines.push(`${url}: ${records} records, ${bytes} bytes read`);
    else lines.push(`${url}: ${isUp ? 'recovers or forms itself' : 'down'}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
