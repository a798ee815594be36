/** Settings: how replicas are asked, and when a request has its answer. */
import { consistencies, modes, readRepairs } from '../../domain/modes.ts';
import { choice, duration, integer } from '../kinds.ts';

export const replicationEntries = {
  mode: choice({
    why: 'How replicas are asked: one after another, all at once, or all at once with operations put together',
    choose: 'batched; sync and async are the two shapes of the Java study, for comparison',
    neededBy: 'both',
    isCommon: true,
    of: modes,
    default: 'batched',
  }),
  replicationFactor: integer({
    why: 'Copies of a record where a request does not say "from"',
    choose: '3 in clusters of more than three nodes; the same on each node',
    neededBy: 'both',
    isCommon: true,
    unit: 'nodes',
    range: [0, 64],
    minMeans: 'all nodes',
    default: 0,
    check: (factor, { cluster: { length } }) =>
      factor > length ? `--cluster has only ${length} node${length === 1 ? '' : 's'}` : undefined,
  }),
  timeoutMs: duration({
    why: 'Time a request has to reach its quorum before it is answered 504',
    choose: "Longer than a healthy replica's longest pause, shorter than what your clients wait for",
    neededBy: 'worker',
    isCommon: true,
    range: [1, 60_000],
    default: 1000,
  }),
  clockDriftMsMax: duration({
    why: 'A node whose clock differs by more from those of most others is not ready and takes no writes; replicas refuse writes that are stamped further ahead, or that much and --timeout-ms ago',
    choose:
      'More than the clocks of your nodes ever differ, the same on each node; with NTP they differ by milliseconds',
    neededBy: 'both',
    range: [1, 86_400_000],
    default: 5000,
  }),
  readRepair: choice({
    why: 'When the newest record is written to replicas that a read found stale: before it is answered, after, or never',
    choose: 'blocking, so that reads never go back in time; off keeps replicas as they are while you look at them',
    neededBy: 'worker',
    of: readRepairs,
    default: 'blocking',
  }),
  consistency: choice({
    why: 'What operations promise that do not say it: quorum, or strict, which is linearizable and costs a round trip more a write',
    choose: 'quorum; strict where two clients must agree on what is the newest without telling each other',
    neededBy: 'node',
    isCommon: true,
    of: consistencies,
    default: 'quorum',
  }),
};
