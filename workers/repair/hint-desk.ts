/**
 * A worker's hinted handoff: keeps what replicas have missed of the writes that it coordinated, and brings it to them. A node
 * that starts asks its peers for its hints; one that stops delivers what it can, and gives the rest to another node.
 */
import { Buffer } from 'node:buffer';
import { heirOf, type HintsKept } from '../../src/domain/hints.ts';
import { operationKinds } from '../../src/formats/codes.ts';
import { recordOf, versionRead, type Entry } from '../../src/formats/frame.ts';
import { isMissedByFormer, type PlacementHistory } from '../../src/domain/surplus.ts';
import { hashKey } from '../../src/domain/rendezvous.ts';
import { hintVersion, type Hint } from '../../src/formats/hint.ts';
import { readPeerFrame } from '../../src/formats/peer-entry.ts';
import { isLargeRecord, readVersion } from '../../src/formats/record.ts';
import { tellsRecord, type Reply } from '../../src/formats/reply.ts';
import type { LogLevel } from '../../src/diagnostics/log.ts';
import type { WorkerSettings } from '../../src/settings/settings.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { LocalReplica } from '../replica/local-replica.ts';
import type { Replica } from '../replica/owned-replica.ts';
import { ask, type HintBatch } from './hint-batch.ts';
import { HintDelivery } from './hint-delivery.ts';
import type { KeptHint } from './hint-segment.ts';
import { HintStore } from './hint-store.ts';

export interface HintDeskOptions {
  readonly settings: WorkerSettings;
  /** The worker's. */
  readonly index: number;
  readonly peers: readonly (PeerClient | undefined)[];
  /** This worker's own replica, and that of all workers together. */
  readonly own: Pick<LocalReplica, 'batches'>;
  readonly all: Replica;
  /** The lists that the node was under. */
  readonly history: PlacementHistory;
  readonly log: (level: LogLevel, message: string, fields: Record<string, unknown>) => void;
}

export class HintDesk {
  readonly store: HintStore;
  readonly #options: HintDeskOptions;
  /** By index in the topology; undefined at this node's own. */
  readonly #deliveries: readonly (HintDelivery | undefined)[];
  readonly #withLeft = new Set<string>();
  #isStopping = false;

  /** Opens what the worker keeps. Throws what the system says. */
  constructor(options: HintDeskOptions) {
    const { settings, index, peers, own, all, log, history } = options;
    const { topology, workers, dataDirectory: directory, hintBytesMax } = settings;
    this.#options = options;
    this.store = HintStore.open({
      directory,
      owner: index,
      workers,
      targets: topology.nodes.filter((_, node) => node !== topology.selfIndex).map(({ url }) => url),
      bytesMax: Math.floor(hintBytesMax / workers),
      log,
    });
    this.#deliveries = peers.map((peer, node) => {
      if (peer === undefined) return undefined;
      return new HintDelivery({
        queue: this.store.queueOf(peer.status.url),
        peer,
        replica: all,
        operationsSoFar: () => own.batches,
        hasLeft: (hint) => hasLeft(history, node, hint),
        onDropped: (reason, count) => {
          if (reason === 'left' && count > 0) this.#noteLeft(peer.status.url);
          this.store.drop(reason, count);
        },
      });
    });
  }

  get kept(): readonly HintsKept[] {
    return this.store.kept;
  }

  /** By node, what was delivered to it and what another one keeps for it now. */
  get moved(): readonly { readonly target: string; readonly delivered: number; readonly handedOver: number }[] {
    return this.#options.peers.flatMap((peer, node) => {
      const delivery = this.#deliveries[node];
      if (peer === undefined || delivery === undefined) return [];
      return [{ target: peer.status.url, delivered: delivery.delivered, handedOver: delivery.handedOver }];
    });
  }

  /** Replicas have missed a write; `isHere`: this node's own replica holds it, or something newer. */
  missed(write: Entry, nodes: readonly number[], isHere: boolean): void {
    if (this.#options.settings.hintBytesMax === 0) return;
    for (const node of nodes) {
      if (this.#keep(node, write, isHere)) void this.#deliveries[node]?.kick();
    }
  }

  /** A node can be asked again; resolves when it has what is kept for it, or cannot be asked any more. */
  async peerUp(node: number): Promise<void> {
    await this.#deliveries[node]?.kick();
  }

  /** The node at a URL has started; resolves when it has all that is kept for it, or this node stops. */
  async wanted(url: string): Promise<void> {
    await this.#deliveries[this.#nodeAt(url)]?.drained();
  }

  /** Asks the peers for what they keep for this node, and waits for it up to `hintPullMsMax`. */
  async pull(): Promise<void> {
    const { settings, peers, log } = this.#options;
    const { topology, hintPullMsMax } = settings;
    if (hintPullMsMax === 0) return;
    const self = topology.nodes[topology.selfIndex]?.url ?? '';
    const signal = AbortSignal.timeout(hintPullMsMax);
    await Promise.all(
      peers.map(async (peer) => {
        const isDone = await peer?.hintsDelivered(self, signal);
        if (isDone === false) log('warn', 'a peer has not delivered all of its hints yet', { url: peer?.status.url });
      }),
    );
  }

  /** Takes over hints of a node that stops; resolves to whether this one keeps all of them. */
  async given(body: Buffer): Promise<boolean> {
    const { settings, all } = this.#options;
    const { url, frame } = decodeGift(body);
    const node = this.#nodeAt(url);
    const { entries, faults } = readPeerFrame(frame, settings);
    const delivery = this.#deliveries[node];
    const isWhole = faults.size === 0 && entries.every(({ kind }) => kind === operationKinds.write);
    if (this.#isStopping || settings.hintBytesMax === 0 || delivery === undefined || !isWhole) return false;
    const here = await ask(all, entries.map(versionRead));
    const areKept = entries.map((entry, index) => this.#keep(node, entry, holds(here[index], entry)));
    this.store.flush();
    void delivery.kick();
    // A large value that is not here can be kept by nobody but who has it.
    return areKept.every((isKept, index) => isKept || isLargeWrite(entries[index] as Entry));
  }

  /** Delivers what can be delivered, and gives the rest to another node, for `hintPullMsMax` at most. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { hintPullMsMax } = this.#options.settings;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, hintPullMsMax)));
    const signal = AbortSignal.timeout(hintPullMsMax);
    await Promise.race([late, Promise.all(this.#deliveries.map((_, node) => this.#finish(node, signal)))]);
    clearTimeout(timer);
    for (const delivery of this.#deliveries) delivery?.close();
  }

  /** Closes the files, when no peer answers any more. */
  close(): Promise<void> {
    return this.store.close();
  }

  async #finish(node: number, signal: AbortSignal): Promise<void> {
    const { peers, settings } = this.#options;
    const delivery = this.#deliveries[node];
    if (delivery === undefined) return;
    await delivery.kick();
    const isUp = peers.map((peer) => peer?.status.state === 'up');
    const heir = heirOf(node, settings.topology.selfIndex, isUp);
    if (isUp[node] === true || heir === undefined) return;
    const url = peers[node]?.status.url ?? '';
    await delivery.handOver(async (batch) => (await peers[heir]?.giveHints(encodeGift(url, batch), signal)) ?? false);
  }

  #keep(node: number, write: Entry, isHere: boolean): boolean {
    const target = this.#options.peers[node]?.status.url;
    // What this node itself has missed is kept by others.
    if (target === undefined) return false;
    if (isHere || !isLargeWrite(write)) return this.store.keep(target, hintOf(write, isHere));
    this.store.drop('large', 1);
    return false;
  }

  /** Said once for each node: their number is in the metrics. */
  #noteLeft(target: string): void {
    if (this.#withLeft.has(target)) return;
    this.#withLeft.add(target);
    this.#options.log('warn', 'hints of keys that a node keeps no more by the list of now are dropped', { target });
  }

  #nodeAt(url: string): number {
    return this.#options.settings.topology.nodes.findIndex((node) => node.url === url);
  }
}

function hasLeft(history: PlacementHistory, node: number, hint: KeptHint): boolean {
  if (history.former.length === 0) return false;
  const { image, keyStart, keyEnd } = hint;
  const missed = { keyHash: hashKey(image, keyStart, keyEnd), version: hintVersion(image, hint) };
  return isMissedByFormer(history, node, missed);
}

function hintOf({ bytes, offset, length, keyStart, keyEnd }: Entry, isHere: boolean): Hint {
  return { bytes, keyStart, keyEnd, end: offset + length, isHere };
}

function isLargeWrite(write: Entry): boolean {
  return isLargeRecord(recordOf(write).length);
}

/** Whether this node's own replica holds the write, or something newer. */
function holds(reply: Reply | undefined, write: Entry): boolean {
  if (reply === undefined || !tellsRecord(reply)) return false;
  return readVersion(reply.bytes, reply.offset) >= readVersion(write.bytes, write.keyEnd);
}

/** What `POST /keep-hints` takes: for whom, and a frame of writes. */
function encodeGift(url: string, { bytes }: HintBatch): Buffer {
  const head = Buffer.alloc(2 + Buffer.byteLength(url));
  head.writeUInt16LE(head.length - 2);
  head.write(url, 2);
  return Buffer.concat([head, bytes]);
}

/** Reads it; a body that is none leads to no node. */
function decodeGift(body: Buffer): { readonly url: string; readonly frame: Buffer } {
  const end = body.length < 2 ? 0 : 2 + body.readUInt16LE(0);
  return { url: body.toString('utf8', 2, end), frame: body.subarray(end) };
}
