/**
 * What a node's status says of repair: how it compares with each peer, what of its own was damaged, and what it keeps that nobody needs.
 */
import type { PeerRepairStatus, RepairStatus, SurplusStatus } from '../protocol/repair.ts';

export interface RepairSection {
  readonly peers: readonly PeerRepairStatus[];
  readonly damaged: { readonly waiting: number; readonly mended: number };
  readonly surplus: SurplusStatus;
}

/** The first worker compares with the peers; each mends what is damaged of what it owns, and lets go of what it need not keep. */
export function repairSection(reports: readonly { readonly repair: RepairStatus }[]): RepairSection {
  const damaged = { waiting: 0, mended: 0 };
  for (const { repair } of reports) {
    damaged.waiting += repair.damaged.waiting;
    damaged.mended += repair.damaged.mended;
  }
  return { peers: reports.flatMap(({ repair }) => repair.peers), damaged, surplus: surplusOf(reports) };
}

function surplusOf(reports: readonly { readonly repair: RepairStatus }[]): SurplusStatus {
  const each = reports.map(({ repair }) => repair.surplus);
  const state = (['removing', 'waiting'] as const).find((one) => each.some((own) => own.state === one)) ?? 'none';
  const left = each.reduce((sum, own) => sum + own.left, 0);
  return { state, left, removed: each.reduce((sum, own) => sum + own.removed, 0) };
}
