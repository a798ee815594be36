/** Settings: how replicas that lack something are brought up to the others. */
import { GIB, KIB, MIB } from '../../domain/units.ts';
import { duration, size } from '../kinds.ts';

export const repairEntries = {
  repairIntervalMs: duration({
    why: 'How often a node compares what it holds with each peer, besides when the peer comes up, and pulls what it lacks',
    choose: 'Leave it; longer where nodes have hundreds of millions of records',
    neededBy: 'worker',
    range: [0, 86_400_000],
    minMeans: 'only when kvorum repair says so',
    default: 60_000,
  }),
  repairBytesPerSecondMax: size({
    why: 'How much a node pulls from its peers in a second, keys and stamps that are compared included',
    choose: 'What disk and network can spare beside clients; more brings a node that was away up sooner',
    neededBy: 'worker',
    range: [64 * KIB, 64 * GIB],
    default: 16 * MIB,
  }),
};
