/** The ranges of a worker: what they read of this node, and how many there may be. */
import type { WorkerSettings } from '../src/settings/settings.ts';
import { placementOf } from './node-peers.ts';
import type { SeenVersions } from './ground/seen-versions.ts';
import type { Siblings } from './ground/siblings.ts';
import type { Standing } from './ground/standing.ts';
import type { PeerClient } from './peers/peer-client.ts';
import { OtherOwners } from './ranges/node-range.ts';
import { OwnerSnapshots } from './ranges/owner-snapshots.ts';
import { RangeScans, type RangeScansOptions } from './ranges/scans.ts';
import type { WorkerShell } from './shell.ts';
import { peerReadersMax } from './store/environment.ts';
import type { Store } from './store/store.ts';

export interface RangeParts {
  readonly store: Store;
  readonly siblings: Siblings;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly versions: SeenVersions;
  readonly standing: Standing;
  readonly operationsSoFar: () => number;
  readonly isDeleted: RangeScansOptions['isDeleted'];
}

export function createRanges(shell: WorkerShell, { siblings, ...parts }: RangeParts): RangeScans {
  const { settings } = shell;
  const { timeoutMs, rangeMsMax } = settings;
  const owners = otherOwners(siblings, shell);
  return new RangeScans({
    ...parts,
    owners,
    placement: placementOf(settings),
    rangeMsMax,
    timeoutMs,
    peerScansMax: peerScansMax(settings),
  });
}

/** What the others ask of this worker's memtable; each of them has at most so many ranges. */
export function createSnapshots(store: Store, settings: WorkerSettings): OwnerSnapshots {
  const { workers, rangesMax, rangeMsMax } = settings;
  const snapshotsMax = (workers - 1) * (rangesMax + peerScansMax(settings));
  return new OwnerSnapshots({ store, snapshotsMax, idleMsMax: rangeMsMax });
}

function otherOwners(siblings: Siblings, { index, settings: { workers } }: WorkerShell): OtherOwners {
  const others = Array.from({ length: workers }, (_, worker) => worker).filter((worker) => worker !== index);
  return new OtherOwners(
    others.map((worker) => ({
      name: `worker ${worker + 1}`,
      ask: (bytes, onAnswer) => siblings.ask(worker, 'range', bytes, onAnswer),
    })),
  );
}

/**
 * Scans for peers at once: as many as all of them may have, within this worker's share of the store's reader slots. What
 * is left of those is for the threads themselves and for clients' scans.
 */
function peerScansMax(settings: WorkerSettings): number {
  const share = Math.floor(peerReadersMax / settings.workers);
  return Math.min(settings.rangesMax * settings.topology.nodes.length, share);
}
