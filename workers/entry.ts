/**
 * What runs in each thread of the Piscina pool: opens the store, listens for peers, keeps connections to them, and
 * coordinates the frames that come as pool tasks.
 *
 * Besides the pool's own port there is a control port per worker: outcomes that leave ahead of their task, log lines,
 * reports and the commands of `WorkerCommand`. It has to be a port of our own, since messages on the parent port belong
 * to Piscina.
 */
import { Buffer } from 'node:buffer';
import { MessageChannel, parentPort, threadId, workerData, type MessagePort } from 'node:worker_threads';
import { move } from 'piscina';
import { replicaProof } from '../src/domain/cluster-proof.ts';
import { codeOf, messageOf } from '../src/domain/errors.ts';
import { topologyDigest } from '../src/domain/topology.ts';
import type { WaitOptions } from '../src/domain/wait-marks.ts';
import type { LogLevel, WorkerCommand, WorkerMessage, WorkerSettings } from '../src/domain/worker-protocol.ts';
import { Clock } from './clock.ts';
import { Coordinator } from './coordinator.ts';
import { LocalReplica } from './local-replica.ts';
import { PeerClient } from './peer-client.ts';
import { RangeDesk } from './range-desk.ts';
import { RangeScans } from './range-scans.ts';
import { listenForPeers, type ReplicaListener } from './replica-listener.ts';
import { ThreadReport } from './report.ts';
import { peerReadersMax, Store } from './store.ts';
import { Turn } from './turn.ts';
import { WaitsSwitch } from './waits.ts';

const settings = workerData as WorkerSettings;
const workerIndex = (threadId - 1) % settings.workers;

interface Running {
  readonly coordinator: Coordinator;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly listener: ReplicaListener;
  readonly store: Store;
  readonly ranges: RangeScans;
  readonly desk: RangeDesk;
  readonly report: ThreadReport;
  readonly waits: WaitsSwitch;
}

const { port1: control, port2: mainsEnd } = new MessageChannel();
const running = await start().catch((error: unknown) => {
  const failure = { kind: 'worker-failed', code: codeOf(error) ?? 'worker-failed', message: messageOf(error) };
  parentPort?.postMessage(failure);
  return undefined;
});

/**
 * The pool's task: coordinates one operation frame. Resolves when every operation in it has an outcome, to the outcome
 * frame that has not left through the control port already.
 */
export async function coordinate(frame: Uint8Array): Promise<unknown> {
  if (running === undefined) throw new Error('the worker did not start');
  const outcomes = await running.coordinator.coordinate(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
  return outcomes === undefined ? undefined : move(outcomes);
}

async function start(): Promise<Running> {
  const report = new ThreadReport(threadId);
  const store = await Store.open(
    {
      directory: settings.dataDirectory,
      durability: settings.durability,
      storeBytesMax: settings.storeBytesMax,
      first: threadId === 1,
    },
    (key) => {
      report.corruptRecords++;
      log('error', 'a record fails its checksum and is treated as missing', { key: key.toString('utf8') });
    },
  );
  const clock = new Clock(settings.clockDriftMsMax, (newest) => send({ kind: 'clock', newest }));
  const turn = settings.mode === 'batched' ? new Turn(() => runTurn()) : undefined;
  const replica = new LocalReplica({ store, clock, turn, onFatal });
  const peers = createPeers(turn !== undefined);
  const runTurn = (): void => {
    for (const peer of peers) peer?.flush();
    replica.run();
  };
  const { topology, timeoutMs, readRepair } = settings;
  const { replicationFactor, rangeMsMax } = settings;
  const ranges = new RangeScans({
    store,
    peers,
    replicationFactor,
    rangeMsMax,
    timeoutMs,
    clock,
    peerScansMax: peerScansMax(),
    operationsSoFar: () => replica.batches,
  });
  const listener = await listenForPeers({
    host: settings.host,
    ports: replicaPortsToTry(),
    token: token(),
    frameBytesMax: settings.frameBytesMax,
    replica,
    ranges,
    onHello: (url) => peers.find((peer) => peer?.status.url === url)?.greet() ?? Promise.resolve(),
  });
  const sequential = settings.mode === 'sync';
  const sendOutcomes = (outcomes: Buffer): void => control.postMessage(outcomes, [outcomes.buffer as ArrayBuffer]);
  const options = { topology, replica, peers, sequential, turn, clock, timeoutMs, readRepair, sendOutcomes };
  const coordinator = new Coordinator(options);
  const desk = new RangeDesk(ranges, send);
  const waits = new WaitsSwitch({ thread: `worker ${workerIndex + 1}`, sequential, coordinator, replica });
  takeCommands(control);
  parentPort?.postMessage({ kind: 'worker-ready', threadId, replicaPort: listener.port, control: mainsEnd }, [
    mainsEnd,
  ]);
  return { coordinator, peers, listener, store, ranges, desk, report, waits };
}

function createPeers(batching: boolean): (PeerClient | undefined)[] {
  const topology = topologyDigest(settings.topology);
  return settings.topology.nodes.map((node, index) => {
    if (index === settings.topology.selfIndex) return undefined;
    return new PeerClient({
      identity: { id: node.id, url: node.url, topology, token: token() },
      batching,
      batchBytesMax: settings.batchBytesMax,
      batchesInFlightMax: settings.peerBatchesInFlightMax,
      connectionsMax: settings.peerConnectionsMax,
      queueBytesMax: settings.peerQueueBytesMax,
      timeoutMs: settings.timeoutMs,
      workerIndex,
      onStateChange: ({ url, state, error }, before) => {
        // Nodes that start together find each other absent at first; that is no warning.
        log(before === 'up' ? 'warn' : 'info', `peer is ${state}`, { url, error });
      },
    });
  });
}

/** What peers show to prove the cluster secret. */
function token(): string {
  return replicaProof(settings.clusterSecret, topologyDigest(settings.topology));
}

function replicaPortsToTry(): number[] {
  if (settings.replicaPort === 0) return [0];
  return Array.from({ length: settings.workers }, (_, index) => settings.replicaPort + index);
}

function takeCommands(port: MessagePort): void {
  port.on('message', (command: WorkerCommand) => {
    if (running === undefined) return;
    if (command.kind === 'announce') void announce(running);
    else if (command.kind === 'report') sendReport(running, command.id);
    else if (command.kind === 'stop') void stop(running);
    else if (command.kind === 'waits-start') void startWaits(running, command.options, command.module);
    else if (command.kind === 'waits-stop') send({ kind: 'waits', recording: running.waits.stop() });
    else running.desk.take(command);
  });
}

/**
 * Scans for peers at once: as many as all of them may have, within this worker's share of the store's reader slots. What
 * is left of those is for the threads themselves and for clients' scans.
 */
function peerScansMax(): number {
  const share = Math.floor(peerReadersMax / settings.workers);
  return Math.min(settings.rangesMax * settings.topology.nodes.length, share);
}

/** Finds every peer that is up and has it find us; then this node can serve. */
async function announce({ peers, report }: Running): Promise<void> {
  const self = settings.topology.nodes[settings.topology.selfIndex];
  await Promise.all(
    peers.map(async (peer) => {
      await peer?.wake();
      await peer?.announce(self?.url ?? '');
    }),
  );
  report.reset();
  send({ kind: 'announced' });
}

function sendReport({ report, ...measured }: Running, id: number): void {
  send({ kind: 'report', id, report: report.make(measured) });
}

async function startWaits({ waits }: Running, options: WaitOptions, module: string): Promise<void> {
  try {
    await waits.start(options, module);
  } catch (error) {
    log('error', 'waits cannot be recorded', { error: messageOf(error) });
  }
  send({ kind: 'waits-started' });
}

async function stop({ listener, peers, store, coordinator, ranges, report }: Running): Promise<void> {
  coordinator.close();
  ranges.close();
  report.close();
  await listener.close();
  await Promise.all(peers.map((peer) => peer?.close() ?? Promise.resolve()));
  try {
    await store.close();
  } catch (error) {
    onFatal(error);
  }
  send({ kind: 'stopped' });
}

/** The store failed: nothing more is acknowledged, and the main thread ends the process. */
function onFatal(error: unknown): void {
  send({ kind: 'fatal', message: messageOf(error) });
}

function log(level: LogLevel, message: string, fields: Record<string, unknown>): void {
  send({ kind: 'log', level, message, fields });
}

function send(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  control.postMessage(message, transfer);
}
