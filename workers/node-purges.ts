/** What a worker removes for good, and by whose word. */
import type { Buffer } from 'node:buffer';
import { oldestHintOf } from '../src/domain/purge.ts';
import type { Version } from '../src/formats/record.ts';
import type { Siblings } from './ground/siblings.ts';
import type { Standing } from './ground/standing.ts';
import { systemTime } from './ground/time.ts';
import type { PeerClient } from './peers/peer-client.ts';
import type { HintDesk } from './repair/hint-desk.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import { Burials } from './repair/burials.ts';
import { PurgeDesk } from './repair/purge-desk.ts';
import type { RepairDesk } from './repair/repair-desk.ts';
import type { WorkerShell } from './shell.ts';
import type { Store } from './store/store.ts';

export interface PurgeParts {
  readonly store: Store;
  readonly siblings: Siblings;
  readonly hints: HintDesk;
  readonly repair: RepairDesk;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly standing: { readonly standing: Standing };
  readonly coordinator: Coordinator;
}

export function createPurges({ settings, index }: WorkerShell, parts: PurgeParts): PurgeDesk {
  const { store, siblings, hints, repair, peers, standing, coordinator } = parts;
  const coordinate = (frame: Buffer): Promise<unknown> => coordinator.coordinate(frame);
  const burials = new Burials({ replicas: settings.replicationFactor, coordinate });
  store.purge.onRefused = (key) => burials.note(key);
  const confirmed = (): Version[] => {
    return peers.flatMap((peer) => (peer === undefined ? [] : [repair.identicalSince(peer.status.url)]));
  };
  return new PurgeDesk({
    settings,
    index,
    standing: standing.standing,
    confirmed: () => ({ peers: confirmed(), oldestHint: oldestHintOf(hints.kept) }),
    purge: (below) => purgeOwn(below, parts),
    floors: store.purge,
    siblings,
    wallMs: systemTime.wallMs,
  });
}

/**
 * Removes what lies below a version and is this worker's, as far as none of its hints is older: what was deleted, and what nobody
 * needs any more.
 */
export function purgeOwn(
  below: Version,
  { store, hints, repair }: Pick<PurgeParts, 'store' | 'hints' | 'repair'>,
): void {
  const bound = Math.min(below, oldestHintOf(hints.kept) ?? Infinity);
  store.purge.run(bound);
  void repair.surplus.run(bound);
}
