/**
 * A worker: opens the store, listens for peers, keeps connections to them, and coordinates operation frames. Where it
 * runs is its shell's affair: a thread of the Piscina pool (entry.ts), or for profiling the main thread (inline.ts).
 *
 * Besides its tasks a worker has a control port: outcomes that leave ahead of their task, log lines, reports and the
 * commands of `WorkerCommand`. It has to be a port of our own, since messages on a thread's parent port belong to
 * Piscina.
 */
import { Buffer } from 'node:buffer';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { KvorumError, messageOf } from '../src/diagnostics/errors.ts';
import { replyCodes } from '../src/formats/codes.ts';
import type { WaitOptions } from '../src/waits/wait-marks.ts';
import type { Version } from '../src/formats/record.ts';
import { threadTimeMs, type FrameTask } from '../src/protocol/frame-task.ts';
import {
  isStandingCommand,
  type InspectCommand,
  type WorkerCommand,
  type WorkerReady,
} from '../src/protocol/workers.ts';
import type { WorkerSettings } from '../src/settings/settings.ts';
import type { TlsMaterial } from '../src/tls/material.ts';
import { frameSender, type FrameSender } from './ground/frame-sender.ts';
import { SeenVersions, wallMicros } from './ground/seen-versions.ts';
import { Coordinator } from './coordinator/coordinator.ts';
import { Inspector } from './coordinator/inspector.ts';
import { Stamps } from './coordinator/stamps.ts';
import { steps } from './ground/pace.ts';
import { LocalReplica, type RefusedWrite } from './replica/local-replica.ts';
import { measurePeerClocks } from './peers/peer-clocks.ts';
import type { PeerClient } from './peers/peer-client.ts';
import { PeerRefusals } from './peers/peer-refusals.ts';
import { StandingDesk } from './recovery/standing-desk.ts';
import { impostorProblem } from './peers/introduction.ts';
import { PeerTransport } from './peers/peer-transport.ts';
import type { HintDesk } from './repair/hint-desk.ts';
import type { RepairDesk } from './repair/repair-desk.ts';
import { createRepair } from './node-repair.ts';
import { RangeDesk } from './ranges/desk.ts';
import { purgeForSibling, type PurgeDesk } from './repair/purge-desk.ts';
import type { RangeScans, RangeScansOptions } from './ranges/scans.ts';
import { listenForPeers, type ReplicaListener } from './replica/replica-listener.ts';
import { executeForSibling, OwnedReplica, type Replica } from './replica/owned-replica.ts';
import { createPeers, member, peerAt, peerConnectionsBound, placementOf } from './node-peers.ts';
import { createPurges, purgeOwn } from './node-purges.ts';
import { createRanges, createSnapshots } from './node-ranges.ts';
import { ThreadReport } from './report.ts';
import { log, type Send, type WorkerShell } from './shell.ts';
import type { Replayed } from './store/writer-protocol.ts';
import { Siblings, type AnswerSibling } from './ground/siblings.ts';
import type { StoreEvents } from './store/store-options.ts';
import { Store } from './store/store.ts';
import { systemTime } from './ground/time.ts';
import { Turn } from '../src/domain/turn.ts';
import { WaitsSwitch } from './waits.ts';

/** A worker that listens. */
export interface Worker {
  readonly ready: WorkerReady;
  /** The main thread's end of the control port. */
  readonly control: MessagePort;
  /**
   * Coordinates one operation frame. Resolves when every operation in it has an outcome, to the outcome frame that has
   * not left through the control port already.
   */
  coordinate(task: FrameTask): Promise<Buffer | undefined>;
}

interface Running {
  readonly settings: WorkerSettings;
  readonly coordinator: Coordinator;
  readonly inspector: Inspector;
  readonly stamps: Stamps;
  readonly peers: readonly (PeerClient | undefined)[];
  readonly listener: ReplicaListener;
  readonly transport: PeerTransport;
  readonly store: Store;
  readonly ranges: RangeScans;
  readonly desk: RangeDesk;
  readonly siblings: Siblings;
  readonly purges: PurgeDesk;
  readonly report: ThreadReport;
  readonly waits: WaitsSwitch;
  readonly refusals: PeerRefusals;
  readonly standing: StandingDesk;
  readonly hints: HintDesk;
  readonly repair: RepairDesk;
  readonly versions: SeenVersions;
  /** It does what one worker of a node does for all: measures the peers' clocks, asks them for hints. */
  readonly isFirst: boolean;
  readonly send: Send;
}

/** Why a write was refused, for the log. */
const refusedWords: Readonly<Record<RefusedWrite, string>> = {
  [replyCodes.failed]: 'A write fails its checksum',
  [replyCodes.refusedClock]: "A write is stamped too far from this node's time; see the clocks in /v0/status",
};

/** Starts a worker. Rejects with a `KvorumError` where the store or the replica port cannot be opened. */
export async function startWorker(shell: WorkerShell): Promise<Worker> {
  const { port1: control, port2: mainsEnd } = new MessageChannel();
  const running = await start(shell, control);
  takeCommands(control, running);
  return {
    ready: {
      kind: 'worker-ready',
      threadId: shell.threadId,
      replicaPort: running.listener.port,
      logDamage: running.store.replayed.damage,
      newestStored: running.store.replayed.newest,
    },
    control: mainsEnd,
    coordinate: ({ frame, sentAt }) => {
      const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
      return running.coordinator.coordinate(bytes, threadTimeMs() - sentAt);
    },
  };
}

async function start(shell: WorkerShell, control: MessagePort): Promise<Running> {
  const { settings } = shell;
  const send: Send = (message, transfer = []) => control.postMessage(message, transfer);
  const report = new ThreadReport(shell.index);
  const onFatal = (error: unknown): void => endWith(error, shell, send);
  const onCorrupt = (key: Buffer): void => {
    report.corruptRecords++;
    log(send, 'error', 'a record fails its checksum and is treated as missing', { key: key.toString('utf8') });
    noteDamaged(key);
  };
  let noteDamaged = (_key: Buffer): void => {};
  const store = await openStore(shell, send, { onCorrupt, onFatal });
  const versions = createVersions(settings, store, send);
  const turn = settings.mode === 'batched' ? new Turn(() => runTurn(), setImmediate) : undefined;
  const refusals = new PeerRefusals((fields) => log(send, 'warn', 'refused what a peer sent', fields));
  const onRefused = (code: RefusedWrite): void => refusals.note('entry', refusedWords[code]);
  const onBehind = (isBehind: boolean): void => send({ kind: 'behind', isBehind });
  const standing = new StandingDesk(settings, send);
  const telling = { onRefused, onBehind, onFatal };
  const replica = new LocalReplica({ store, versions, standing: standing.standing, turn, ...telling });
  const snapshots = createSnapshots(store, settings);
  const answerRepair: AnswerSibling = (...asked) => repair.desk.answer(...asked);
  const purge = purgeForSibling((below) => purgeOwn(below, { store, hints, repair }), store.purge);
  const answers = { operations: executeForSibling(replica), range: snapshots.answer, repair: answerRepair, purge };
  const siblings = new Siblings(answers, (worker) => snapshots.forget(worker));
  const sender = frameSender(versions, settings.start);
  const onPeerLost = (node: number): void => coordinator.peerLost(node);
  const onPeerUp = (node: number): void => repairs.onPeerUp(node);
  const transport = new PeerTransport(settings.tls);
  const told = { send, refusals, sender, transport, standing };
  const peers = createPeers(shell, { ...told, onLost: onPeerLost, onUp: onPeerUp });
  const runTurn = (): void => {
    for (const peer of peers) peer?.flush();
    replica.run();
  };
  const { topology, timeoutMs, readRepair } = settings;
  const operationsSoFar = (): number => replica.batches;
  const shown = { store, siblings, peers, versions, standing: standing.standing };
  const isDeleted: RangeScansOptions['isDeleted'] = (key, version) => repair.isDeleted(key, version);
  const ranges = createRanges(shell, { ...shown, operationsSoFar, isDeleted });
  const asked = forPeers(replica, siblings, shell);
  const repairs = createRepair(shell, { send, store, siblings, standing, peers, ranges, own: replica, all: asked });
  const { hints, repair } = repairs;
  noteDamaged = (key) => repair.noteDamaged(key);
  const desks = { ranges, standing, hints, repair };
  const listener = await listen(shell, { ...told, ...desks, asked, versions, peers, purgeFloor: () => purges.floor() });
  const sequential = settings.mode === 'sync';
  const stamps = new Stamps(send);
  const sendOutcomes = (outcomes: Buffer): void => control.postMessage(outcomes, [outcomes.buffer as ArrayBuffer]);
  const around = { topology, replica, peers, time: systemTime, timeoutMs };
  const manner = { sequential, turn, versions, readRepair };
  const coordinator = new Coordinator({
    ...around,
    ...manner,
    stampAbove: (above, give) => stamps.above(above, give),
    pause: steps.pause,
    onMissed: (write, nodes, isHere) => hints.missed(write, nodes, isHere),
    sendOutcomes,
  });
  const inspector = new Inspector(around);
  const desk = new RangeDesk(ranges, send);
  const waits = new WaitsSwitch({ thread: `worker ${shell.index + 1}`, sequential, coordinator, replica });
  standing.watch(() => store.measures.log.bytes);
  const isFirst = shell.index === 0;
  const purges = createPurges(shell, { store, siblings, peers, coordinator, ...desks });
  if (isFirst) standing.merges({ peers, own: replica, all: asked, ...mergeTold(send, purges) });
  const served = { settings, coordinator, inspector, stamps, peers, listener, transport, store, desk };
  return { ...served, ...desks, siblings, purges, report, waits, refusals, versions, isFirst, send };
}

interface ListenerParts extends Pick<
  Running,
  'refusals' | 'ranges' | 'versions' | 'standing' | 'hints' | 'repair' | 'peers' | 'transport'
> {
  readonly asked: Replica;
  readonly sender: FrameSender;
  readonly purgeFloor: () => Promise<Version>;
}

/** Opens the replica port. */
function listen(
  { settings, index }: WorkerShell,
  { asked, standing, hints, repair, peers, transport, ...parts }: ListenerParts,
) {
  const { host, replicaPort, tls, frameBytesMax, keyBytesMax, valueBytesMax } = settings;
  return listenForPeers({
    ...parts,
    host,
    port: replicaPort === 0 ? 0 : replicaPort + index,
    self: member(settings),
    tls,
    connectionsMax: peerConnectionsBound(settings),
    frameBytesMax,
    bounds: { keyBytesMax, valueBytesMax },
    replica: asked,
    standing: standing.standing,
    onIntroduction: async (claim) => (await impostorProblem(claim, transport)) ?? standing.main.visited(claim),
    wallMicros,
    onDigests: (question) => repair.answer(question),
    onHello: (url, startNumber) => peerAt(peers, url)?.greet(startNumber) ?? Promise.resolve(undefined),
    onHintsWanted: (url) => hints.wanted(url),
    onHintsGiven: (body) => hints.given(body),
  });
}

function createVersions(bounds: WorkerSettings, { replayed }: Store, send: Send): SeenVersions {
  const report = (newest: Version): void => send({ kind: 'clock', newest });
  return new SeenVersions({ bounds, newestStored: replayed.newest, wallMicros, report });
}

/** Who is told of what a recovery meets at peers. */
function mergeTold(send: Send, purges: PurgeDesk) {
  return {
    onRefused: (url: string): void => log(send, 'error', 'a record of a peer cannot be merged', { url }),
    onDamaged: (url: string): void =>
      log(send, 'warn', 'a peer has damaged records; this node recovers when they are mended or written anew', { url }),
    onFloor: (below: Version): void => purges.takeFloor(below),
  };
}

/** The replica as peers reach it: what they ask of the wrong worker goes to the right one. */
function forPeers(replica: LocalReplica, siblings: Siblings, { index, settings: { workers } }: WorkerShell): Replica {
  return workers === 1 ? replica : new OwnedReplica({ replica, siblings, index, workers });
}

function takeCommands(port: MessagePort, running: Running): void {
  port.on('message', (command: WorkerCommand) => {
    if (command.kind === 'announce') void announce(running);
    else if (command.kind === 'report') sendReport(running, command.id);
    else if (command.kind === 'measure-clocks') void measureClocks(running, command.id, command.newest);
    else if (command.kind === 'stop') void stop(running);
    else if (command.kind === 'inspect') void inspect(running, command);
    else if (command.kind === 'tls') useTls(running, command.material);
    else if (command.kind === 'repair') running.repair.begin();
    else if (command.kind === 'digest') void digest(running, command.id);
    else if (command.kind === 'sibling') running.siblings.connect(command.worker, command.port);
    else if (command.kind === 'peer-silent') peerAt(running.peers, command.url)?.doubt();
    else if (command.kind === 'stamp') running.stamps.take(command.id, command.version);
    else if (command.kind === 'waits-start') void startWaits(running, command.options, command.module);
    else if (command.kind === 'waits-stop') running.send({ kind: 'waits', recording: running.waits.stop() });
    else if (isStandingCommand(command)) running.standing.take(command);
    else running.desk.take(command);
  });
}

function useTls({ listener, transport }: Running, material: TlsMaterial): void {
  listener.useTls(material);
  transport.use(material);
}

/**
 * Finds every peer that is up and has it find us, so that it sends us what clients ask of it, and what we missed; then this
 * node can serve.
 */
async function announce({ settings, peers, hints, report, isFirst, send }: Running): Promise<void> {
  const self = settings.topology.nodes[settings.topology.selfIndex];
  await Promise.all(
    peers.map(async (peer) => {
      await peer?.wake();
      const isKnown = await peer?.announce(self?.url ?? '');
      if (isKnown === false) log(send, 'warn', 'a peer does not have this node up yet', { url: peer?.status.url });
    }),
  );
  if (isFirst) await hints.pull();
  report.reset();
  send({ kind: 'announced' });
}

/** Measures the peers' clocks; takes and gives on what this node has seen. */
async function measureClocks({ peers, versions, isFirst, send }: Running, id: number, newest: Version): Promise<void> {
  versions.seeStored(newest);
  const onNewest = (seen: Version): void => versions.see(seen);
  const options = { newest: versions.newest, onNewest, wallMicros, now: systemTime.now };
  send({ kind: 'clocks', id, offsets: isFirst ? await measurePeerClocks(peers, options) : [] });
}

async function inspect({ inspector, send }: Running, { id, key, quorum, repair }: InspectCommand): Promise<void> {
  send({ kind: 'inspected', id, inspection: await inspector.inspect({ key: Buffer.from(key), quorum, repair }) });
}

/** The first worker digests what all of them hold. */
async function digest({ repair, isFirst, send }: Running, id: number): Promise<void> {
  send({ kind: 'digest', id, contents: isFirst ? await repair.contents() : undefined });
}

function sendReport({ report, send, ...measured }: Running, id: number): void {
  send({ kind: 'report', id, report: report.make(measured) });
}

async function startWaits({ waits, send }: Running, options: WaitOptions, module: string): Promise<void> {
  try {
    await waits.start(options, module);
  } catch (error) {
    log(send, 'error', 'waits cannot be recorded', { error: messageOf(error) });
  }
  send({ kind: 'waits-started' });
}

async function stop({
  hints,
  repair,
  standing,
  listener,
  peers,
  transport,
  store,
  coordinator,
  ranges,
  siblings,
  purges,
  report,
  send,
}: Running): Promise<void> {
  repair.close();
  await hints.stop();
  standing.close();
  purges.close();
  coordinator.close();
  ranges.close();
  report.close();
  await listener.close();
  siblings.close();
  await Promise.all(peers.map((peer) => peer?.close() ?? Promise.resolve()));
  await hints.close();
  await transport.close();
  try {
    await store.close();
  } catch (error) {
    sendFatal(send, new Error(`The store could not be closed in good order: ${messageOf(error)}`));
  }
  send({ kind: 'stopped' });
}

/**
 * The store cannot go on. Where only its thread has died this one ends, too, and the pool starts another worker, which
 * replays the log; the main thread goes on.
 */
function endWith(error: unknown, { threadId }: WorkerShell, send: Send): void {
  if (threadId !== 0 && error instanceof KvorumError && error.code === 'worker-failed') process.exit(1);
  sendFatal(send, error);
}

/** The store failed: nothing more is acknowledged, and the main thread ends the process. */
function sendFatal(send: Send, error: unknown): void {
  send({ kind: 'fatal', message: messageOf(error) });
}

async function openStore({ settings, index, isFirst }: WorkerShell, send: Send, events: StoreEvents): Promise<Store> {
  const { dataDirectory: directory, durability, storeBytesMax, workers } = settings;
  const { logSegmentBytes, memtableBytesMax, topology, replicationFactor } = settings;
  const urls = topology.nodes.map(({ url }) => url);
  const placed = { list: { urls, replicationFactor }, self: urls[topology.selfIndex] ?? '' };
  const sizes = { storeBytesMax, logSegmentBytes, memtableBytesMax };
  const replay = isFirst ? 'all' : 'own';
  const { verifyBytesPerSecondMax } = settings;
  const kept = { placement: placementOf(settings), verifyBytesPerSecondMax };
  const options = { directory, durability, owner: index, workers, replay, ...placed, ...sizes, ...kept } as const;
  const store = await Store.open(options, events);
  logReplay(send, store.replayed);
  return store;
}

/** Says what the start found in the log, if it found anything. */
function logReplay(send: Send, { records, seconds, damage, logs }: Replayed): void {
  const fields = { records, seconds: Math.round(seconds * 1000) / 1000 };
  if (damage !== undefined) log(send, 'error', 'the log was damaged, and what could not be read is gone', { damage });
  if (records > 0) log(send, 'info', 'the log was replayed', fields);
  const isFull = logs.some(({ waiting }) => waiting.length > 0);
  if (isFull) log(send, 'warn', 'the disk is full: the log waits for room in the store', {});
}
