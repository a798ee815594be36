/** Settings: how a node speaks with the other nodes. */
import { GIB, KIB, MIB } from '../../domain/units.ts';
import { peerProtocols } from '../../domain/modes.ts';
import { choice, integer, shareOfMemory, size } from '../kinds.ts';

/** What an operation's frame needs besides the value: key, version, quorum, and the frame's own head. */
const frameHeadroomBytes = 64 * KIB;

export const peersEntries = {
  frameBytesMax: size({
    why: 'Longest request that a peer may send or be sent',
    choose: 'The same on each node; larger only where values are',
    neededBy: 'worker',
    range: [64 * KIB, GIB],
    atLeast: [{ of: 'valueBytesMax', plusBytes: frameHeadroomBytes }, { of: 'batchBytesMax' }],
    default: 64 * MIB,
  }),
  batchBytesMax: size({
    why: 'Operations for a peer are put together into one request up to this size',
    choose: 'Leave it; a larger batch keeps the small operations behind it waiting longer',
    neededBy: 'worker',
    range: [1, 64 * MIB],
    default: 256 * KIB,
  }),
  peerBatchesInFlightMax: integer({
    why: 'Requests to one peer and not yet answered, of each worker thread in mode batched; few make big batches',
    choose: '2: one is carried out while the next is on its way; more where peers are far apart',
    neededBy: 'worker',
    unit: 'requests',
    range: [1, 1024],
    default: 2,
  }),
  peerProtocol: choice({
    why: 'How operations reach a peer: over one link that is written to once a turn, or in an HTTP request a batch',
    choose: 'link; http is for comparison with the Java study, which asked its replicas so',
    neededBy: 'worker',
    of: peerProtocols,
    // The other modes are the shapes of the Java study.
    default: ({ mode }) => (mode === 'batched' ? 'link' : 'http'),
    defaultWords: 'link (modes sync, async: http)',
    defaultNote: ({ mode }) => (mode === 'batched' ? undefined : `mode ${mode}`),
  }),
  peerConnectionsMax: integer({
    why: 'Connections from one worker thread to one peer',
    choose: 'In modes sync and async, or with --peer-protocol http, as many requests as one peer should get at once',
    neededBy: 'worker',
    unit: 'sockets',
    range: [1, 4096],
    default: 64,
  }),
  peerQueueBytesMax: size({
    why: 'Operations waiting for one peer, more than may be in flight; past it they fail at once for that peer',
    choose: 'How much memory one slow peer may take',
    neededBy: 'worker',
    range: [64 * KIB, 128 * GIB],
    atLeast: [{ of: 'bodyBytesInFlightMax', plusBytes: frameHeadroomBytes }],
    default: (others) =>
      Math.max(others.bodyBytesInFlightMax + frameHeadroomBytes, shareOfMemory(others, 4, 512 * MIB)),
    defaultWords: '512MiB, or a quarter of the memory that the process may have',
  }),
};
