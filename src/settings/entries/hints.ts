/** Settings: what is kept for nodes that are away. */
import { GIB, MIB } from '../../domain/units.ts';
import { duration, size } from '../kinds.ts';

export const hintsEntries = {
  hintBytesMax: size({
    why: 'Files of the writes that a node keeps for other nodes which missed them, and up to twice as much memory; past it the oldest go',
    choose:
      '14 bytes and the key for each key that is written while a node is away; where this node has no copy of it, the record, too',
    neededBy: 'worker',
    range: [0, 64 * GIB],
    minMeans: 'none is kept',
    default: 64 * MIB,
  }),
  hintPullMsMax: duration({
    why: 'Time that a starting node waits for what its peers keep for it, and a stopping one takes to hand over what it keeps',
    choose: 'Longer where nodes are away for long and are asked by one replica as soon as they are ready',
    neededBy: 'worker',
    range: [0, 60_000],
    minMeans: 'does not wait',
    default: 5000,
  }),
};
