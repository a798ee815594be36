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
  lock: "from the call of LMDB's transactionSync to its callback: the wait for the environment's writer lock, and begin",
  write: 'the callback: reads, comparisons and writes of everything in the turn',
  answer: 'from the commit to the reply: reads, and the replies to the batches before it',
  large: 'a large value, written or read in steps beside the turns',
};

/** `durability` is the node's: what a commit contains depends on it. */
export function stageText(stage: WaitStage, durability: string): StageText {
  const commit =
    durability === 'fsync'
      ? { label: 'commit with fsync', measures: 'from the end of the callback to the return: commit and fdatasync' }
      : { label: 'commit', measures: "from the end of the callback to the return: commit into the system's memory" };
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
    ownLock: text('Own replica: LMDB writer lock and begin', 'own replica', replicaSteps.lock),
    ownWrite: text('Own replica: transaction body', 'own replica', replicaSteps.write),
    ownCommit: text(`Own replica: ${commit.label}`, 'own replica', commit.measures),
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
    peerLock: text('Peer: LMDB writer lock and begin', 'peer', replicaSteps.lock),
    peerWrite: text('Peer: transaction body', 'peer', replicaSteps.write),
    peerCommit: text(`Peer: ${commit.label}`, 'peer', commit.measures),
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
