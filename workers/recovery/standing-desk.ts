/** What a worker does about its node's standing: takes the main thread's word for it, and merges where it is the one that does. */
import type { Recovering, Standing as NodeStanding } from '../../src/domain/node-claim.ts';
import type { Version } from '../../src/formats/record.ts';
import type { StandingCommand, StandingMessage } from '../../src/protocol/workers.ts';
import type { WorkerSettings } from '../../src/settings/settings.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { Replica } from '../replica/owned-replica.ts';
import { MainThread } from './main-thread.ts';
import { Recovery } from './recovery.ts';
import { WorkerStanding } from './worker-standing.ts';

export interface RecoveryParts {
  readonly peers: readonly (PeerClient | undefined)[];
  /** This worker's own replica, and that of all workers together. */
  readonly own: LocalReplica;
  readonly all: Replica;
  readonly onRefused: (url: string) => void;
  readonly onDamaged: (url: string) => void;
  /** What is missing here and older than this was deleted. */
  readonly onFloor: (below: Version) => void;
}

/** A copy of the store that is older than this, milliseconds, is told from the store by its peers. */
const WROTE_MS = 5000;

export class StandingDesk {
  readonly main: MainThread;
  readonly standing: WorkerStanding;
  readonly #settings: WorkerSettings;
  readonly #send: (message: StandingMessage) => void;
  #peers: readonly (PeerClient | undefined)[] = [];
  #recovery: Recovery | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The standing while the node recovers. */
  #recovering: Recovering | undefined;

  constructor(settings: WorkerSettings, send: (message: StandingMessage) => void) {
    this.#settings = settings;
    this.#send = send;
    this.main = new MainThread(send);
    this.standing = new WorkerStanding({ ...this.#place, nowMicros: () => Date.now() * 1000 });
  }

  /** This worker is the one that merges. */
  merges({ peers, own, all, ...told }: RecoveryParts): void {
    const { keyBytesMax, timeoutMs } = this.#settings;
    this.#peers = peers;
    this.#recovery = new Recovery({
      ...this.#place,
      keyBytesMax,
      timeoutMs,
      peerAt: (url) => peers.find((peer) => peer?.status.url === url),
      replica: all,
      operationsSoFar: () => own.batches,
      onMerged: (progress) => this.#send({ kind: 'merged', progress }),
      ...told,
    });
  }

  /** Tells the main thread now and then that writes have come. */
  watch(bytesLogged: () => number): void {
    if (this.#settings.topology.nodes.length === 1) return;
    let told = bytesLogged();
    this.#timer = setInterval(() => {
      if (bytesLogged() === told) return;
      told = bytesLogged();
      this.#send({ kind: 'wrote' });
    }, WROTE_MS).unref();
  }

  take(command: StandingCommand): void {
    switch (command.kind) {
      case 'own-claim':
        return this.main.take(command);
      case 'introduce':
        for (const peer of this.#peers) void peer?.introduce();
        return undefined;
      case 'standing':
        this.standing.take(command.standing);
        this.#recovery?.take(command.sources);
        return this.#noteWhole(command.standing);
      default:
        return command satisfies never;
    }
  }

  /** A node that comes to vote takes the floors of those that it has merged with. */
  #noteWhole(standing: NodeStanding): void {
    const before = this.#recovering;
    this.#recovering = standing.kind === 'recovering' ? standing : undefined;
    if (before === undefined || standing.kind !== 'voting' || before.reason === 'new-topology') return;
    const urls = Object.entries(before.merged).flatMap(([url, { isDone }]) => (isDone ? [url] : []));
    this.#recovery?.takeFloorOf(urls);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#recovery?.take([]);
  }

  get #place() {
    const { topology, replicationFactor, clockDriftMsMax } = this.#settings;
    const urls = topology.nodes.map(({ url }) => url);
    return { list: { urls, replicationFactor }, self: urls[topology.selfIndex] ?? '', clockDriftMsMax };
  }
}
