/** What brings replicas up to each other in a worker: hints, and comparison with the peers. */
import { wallMicros } from './ground/seen-versions.ts';
import { placementOf } from './node-peers.ts';
import { HintDesk } from './repair/hint-desk.ts';
import { RepairDesk, type RepairDeskOptions } from './repair/repair-desk.ts';
import type { StandingDesk } from './recovery/standing-desk.ts';
import { log, type Send, type WorkerShell } from './shell.ts';

export interface RepairParts extends Pick<
  RepairDeskOptions,
  'store' | 'siblings' | 'peers' | 'ranges' | 'own' | 'all'
> {
  readonly standing: StandingDesk;
  readonly send: Send;
}

export interface RepairDesks {
  readonly hints: HintDesk;
  readonly repair: RepairDesk;
  /** The peer with this index among the nodes has come up. */
  readonly onPeerUp: (node: number) => void;
}

export function createRepair({ settings, index }: WorkerShell, { standing, send, ...parts }: RepairParts): RepairDesks {
  const { peers, own, all } = parts;
  const hints = new HintDesk({
    settings,
    index,
    peers,
    own,
    all,
    history: parts.store.surplus.history,
    log: (level, message, fields) => log(send, level, message, fields),
  });
  const placement = placementOf(settings);
  const whole = standing.standing;
  const repair = new RepairDesk({ ...parts, settings, placement, index, standing: whole, nowMicros: wallMicros });
  const onPeerUp = (node: number): void => {
    // Compared before it has its hints, it would differ in all of them.
    void hints.peerUp(node).then(() => repair.peerUp(node));
  };
  return { hints, repair, onPeerUp };
}
