/** What the stages are called, where they are spent, and what exactly each of them measures. */
import type { WaitStage } from '../../src/waits/wait-stages.ts';
import type { WaitPlace } from '../result/waits.ts';

export interface StageText {
  readonly label: string;
  readonly place: WaitPlace;
  /** From which point to which; for a legend. */
  readonly measures: string;
}

const replicaSteps = {
  turn: 'from being asked to the start of the run: the rest of the turn, and what the thread did before it',
  merge:
    "the turn's writes are compared with what is there, and the newer ones wait in a group for its turn to be written",
  write: "the log's write of the group",
  answer: 'from then on to the reply: reads, and the replies to the batches before it',
  large: 'a large value, written or read in steps beside the turns',
};

/** `durability` is the node's: what a write waits for depends on it. */
export function stageText(stage: WaitStage, durability: string): StageText {
  const durable =
    durability === 'fsync'
      ? { label: 'log sync', measures: 'the sync that was under way, and then the fdatasync of the group' }
      : { label: 'into the memtable', measures: "from the log's write until reads see the group" };
  const texts: Record<WaitStage, StageText> = {
    read: text('Reading and parsing', 'main thread', 'first bytes of the request to its admission'),
    body: text('Receiving the body', 'main thread', 'admission to the whole operation'),
    turn: text(
      'Turn batching',
      'main thread',
      'the operation is in a frame and the frame waits for the end of the turn',
    ),
    poolQueue: text('Pool queue (Piscina)', 'between threads', 'frame given to the pool until the pool posts it'),
    toWorker: text('Message to the worker', 'between threads', 'posted until its task runs, so the worker is busy too'),
    coordinate: text('Coordination', 'worker', 'parsing the frame and asking replicas'),
    ownTurn: text('Own replica: turn batching', 'own replica', replicaSteps.turn),
    ownMerge: text('Own replica: merge', 'own replica', replicaSteps.merge),
    ownWrite: text('Own replica: log write', 'own replica', replicaSteps.write),
    ownDurable: text(`Own replica: ${durable.label}`, 'own replica', durable.measures),
    ownAnswer: text('Own replica: reads and reply', 'own replica', replicaSteps.answer),
    ownLarge: text('Own replica: large value', 'own replica', replicaSteps.large),
    peerBatch: text('Batch to the peer', 'to a peer', 'asked until its batch is sent: turn, and batches under way'),
    peerConnection: text(
      'Connection (undici)',
      'to a peer',
      'given to undici until it writes to a socket; nothing over a link',
    ),
    network: text('Network and sockets', 'to a peer', 'round trip less what the peer tells: both event loops included'),
    peerReceive: text(
      'Peer: receiving',
      'peer',
      'head of the request until its frame is whole; over a link part of the network',
    ),
    peerTurn: text('Peer: turn batching', 'peer', replicaSteps.turn),
    peerMerge: text('Peer: merge', 'peer', replicaSteps.merge),
    peerWrite: text('Peer: log write', 'peer', replicaSteps.write),
    peerDurable: text(`Peer: ${durable.label}`, 'peer', durable.measures),
    peerAnswer: text('Peer: reads and reply', 'peer', replicaSteps.answer),
    peerLarge: text('Peer: large value', 'peer', replicaSteps.large),
    unanswered: text('Waiting in vain', 'to a peer', 'a replica that could not be asked, or the deadline'),
    outcome: text('Counting replies', 'worker', 'the deciding reply came until the outcome left, with its batch-mates'),
    toMain: text('Message to the main thread', 'between threads', 'the outcome left until the main thread has it'),
    answer: text('Answer', 'main thread', 'slot lookup and writing the answer, after those before it'),
    unaccounted: text('Unaccounted', 'unknown', 'latency less all stages'),
  };
  return texts[stage];
}

function text(label: string, place: WaitPlace, measures: string): StageText {
  return { label, place, measures };
}
