/** What `GET /v0/status` says of a node and of the peers as its workers see them. */
import type { ClockWatch } from './clock-watch.ts';
import type { StoreFacts } from './store-facts.ts';
import type { Topology } from './domain/topology.ts';
import type { StandingDescription } from './node-standing.ts';
import type { PeerState, WorkerReport } from './protocol/workers.ts';
import { version } from './diagnostics/version.ts';

export interface StatusInput {
  readonly topology: Topology;
  readonly state: string;
  readonly standing: StandingDescription;
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
  const {
    topology,
    state,
    standing,
    clock,
    settings,
    reports,
    operationsInFlight,
    mainOsThreadId,
    store,
    changedSettings,
  } = input;
  const self = topology.nodes[topology.selfIndex];
  return {
    node: { id: self?.id, url: self?.url, version },
    state,
    standing,
    ...settings,
    changedSettings,
    store,
    uptimeSeconds: Math.round(process.uptime()),
    operationsInFlight,
    clock: clock.status,
    // With these numbers a reader finds each thread's account in the system (/proc/PID/task/TID).
    process: {
      pid: process.pid,
      threads: [
        { thread: 'main', osThreadId: mainOsThreadId },
        ...reports.map(({ thread, osThreadId }) => ({ thread, osThreadId })),
      ],
    },
    cluster: topology.nodes.map((node, index) => ({
      url: node.url,
      id: node.id,
      self: index === topology.selfIndex,
      ...(index === topology.selfIndex ? { state } : peerAsSeen(node.url, input)),
    })),
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

interface PeerAsSeen {
  readonly state: PeerState;
  readonly error: string | undefined;
  /** How far its clock is ahead of this node's. */
  readonly clock: { readonly offsetMs: number; readonly errorMs: number } | undefined;
}

/** The worst that any worker sees: a peer is up only if every worker reaches it. */
function peerAsSeen(url: string, { reports, clock }: StatusInput): PeerAsSeen {
  const seen = reports.flatMap((report) => report.peers.filter((peer) => peer.url === url));
  const worst =
    seen.find((peer) => peer.state === 'down') ?? seen.find((peer) => peer.state === 'connecting') ?? seen[0];
  const offset = clock.offsetOf(url);
  return {
    state: worst?.state ?? 'connecting',
    error: worst?.error,
    clock: offset && { offsetMs: offset.micros / 1000, errorMs: offset.errorMicros / 1000 },
  };
}
