/** What a node's status says of repair: how it compares with each peer, and what of its own was damaged. */
import type { PeerRepairStatus, RepairStatus } from '../protocol/repair.ts';

export interface RepairSection {
  readonly peers: readonly PeerRepairStatus[];
  readonly damaged: { readonly waiting: number; readonly mended: number };
}

/** The first worker compares with the peers; each mends what is damaged of what it owns. */
export function repairSection(reports: readonly { readonly repair: RepairStatus }[]): RepairSection {
  const damaged = { waiting: 0, mended: 0 };
  for (const { repair } of reports) {
    damaged.waiting += repair.damaged.waiting;
    damaged.mended += repair.damaged.mended;
  }
  return { peers: reports.flatMap(({ repair }) => repair.peers), damaged };
}
