/** Repair in a worker: what it compares, and what it may use of the node. */
import { wallMicros } from './ground/seen-versions.ts';
import { placementOf } from './node-peers.ts';
import { RepairDesk, type RepairDeskOptions } from './repair/repair-desk.ts';
import type { StandingDesk } from './recovery/standing-desk.ts';
import type { WorkerShell } from './shell.ts';

export interface RepairParts extends Pick<
  RepairDeskOptions,
  'store' | 'siblings' | 'peers' | 'ranges' | 'own' | 'all'
> {
  readonly standing: StandingDesk;
}

export function createRepair({ settings, index }: WorkerShell, { standing, ...parts }: RepairParts): RepairDesk {
  const placement = placementOf(settings);
  return new RepairDesk({ ...parts, settings, placement, index, standing: standing.standing, nowMicros: wallMicros });
}
