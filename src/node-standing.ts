/**
 * A node's standing (src/domain/standing.ts) as its main thread keeps it: on the disk, in the workers, in the log.
 *
 * Everything that bears on it comes through one queue: peers met and lost, what the start found, what was merged. What makes
 * the node vote is on the disk before anybody hears of it; what takes its vote away goes to the workers first. A peer that
 * is met is answered when its store is known on the disk, and so is this one's at the peer: before that no write is
 * acknowledged between them.
 */
import type { Log } from './diagnostics/log.ts';
import type { Version } from './formats/record.ts';
import { sourceOf } from './domain/recovery.ts';
import type { Claim, KnownStores, Source, Standing } from './domain/node-claim.ts';
import {
  awaited,
  knownAfter,
  lossOfLog,
  replacedStores,
  countersAfter,
  isNews,
  newestStores,
  standingAfter,
  standingAfterHearsay,
  standingAtStart,
  type View,
} from './domain/standing.ts';
import type { StateFile } from './files/state-file.ts';
import type { DataDirectory } from './data-directory.ts';
import type { MergeProgress } from './protocol/workers.ts';
import { encodeState, listLeft, newId, STATE_FORMAT, type Identity, type StoreState } from './store-state.ts';

/** What a standing is kept in; a simulation has one of its own. */
export interface StandingDirectory extends Pick<
  DataDirectory,
  'path' | 'hasStore' | 'lost' | 'readState' | 'forgetLogDamage'
> {
  readonly openStateFile: () => Pick<StateFile, 'write' | 'close'>;
}

export interface NodeStandingOptions {
  readonly directory: StandingDirectory;
  readonly identity: Identity;
  readonly isNewTopology: boolean;
  readonly isNewCluster: boolean;
  /** Of this process. */
  readonly startId: string;
  readonly log: Log;
  /** Above every version that this node has. */
  readonly newest: () => Version;
  readonly nowMicros: () => Version;
}

/** Whom the standing concerns. */
export interface StandingListeners {
  /** The workers are to go by this from now on; one of them merges from the sources. */
  readonly onStanding: (standing: Standing, sources: readonly Source[]) => void;
  /** The peers are to be told. */
  readonly onNews: () => void;
}

/** A standing as `/v0/status` shows it. */
export interface StandingDescription {
  readonly state: Standing['kind'];
  readonly reason?: string;
  readonly since?: string;
  readonly awaited?: readonly string[] | undefined;
  readonly refusal: string | undefined;
  /** Of a node that recovers: `counts`: what the peer has is worth merging; records and bytes read of it by this process. */
  readonly peers?: readonly {
    readonly url: string;
    readonly isUp: boolean;
    readonly counts: boolean;
    readonly isMerged: boolean;
    readonly records: number;
    readonly bytes: number;
  }[];
}

interface Acquaintance {
  claim: Claim;
  /** The workers that have the peer up. */
  readonly workers: Set<number>;
}

export class NodeStanding {
  /** Why a peer refuses this node, where one does. */
  refusal: string | undefined;
  readonly #options: NodeStandingOptions;
  readonly #file: Pick<StateFile, 'write' | 'close'>;
  #counterFound: number;
  #claims = 0;
  readonly #peers = new Map<string, Acquaintance>();
  #state: StoreState;
  #listeners: StandingListeners = { onStanding: () => {}, onNews: () => {} };
  /** Whether this node has met the peers that are up. */
  #hasMetPeers = false;
  /** What is under way, one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #onFormed: (() => void)[] = [];
  /** What this process has read of each source. */
  readonly #read = new Map<string, Pick<MergeProgress, 'records' | 'bytes'>>();
  /** What the workers go by. */
  #told: { readonly standing: Standing | undefined; readonly sources: readonly Source[] } = {
    standing: undefined,
    sources: [],
  };

  private constructor(options: NodeStandingOptions, state: StoreState) {
    this.#options = options;
    this.#state = state;
    this.#counterFound = state.counter;
    this.#file = options.directory.openStateFile();
  }

  /** Takes up what the directory keeps. Throws `store-foreign` and `store-unusable`. */
  static open(options: NodeStandingOptions): NodeStanding {
    const { directory, identity, isNewTopology, nowMicros } = options;
    const { hasStore } = directory;
    const kept = directory.readState();
    const oldList = kept === undefined ? undefined : listLeft(directory.path, kept, identity, isNewTopology);
    const { lost } = directory;
    const found = { standing: kept?.standing, hasStore, lost, oldList, nowMicros: nowMicros() } as const;
    const standing = standingAtStart(found);
    // A store that is gone has taken its id with it.
    const isSameStore = kept !== undefined && hasStore;
    const before = kept === undefined || isSameStore ? (kept?.replaces ?? []) : [kept.storeId, ...kept.replaces];
    const { url, list } = identity;
    return new NodeStanding(options, {
      format: STATE_FORMAT,
      url,
      list,
      storeId: isSameStore ? kept.storeId : newId(),
      counter: kept?.counter ?? 0,
      replaces: newestStores(before),
      standing,
      knows: kept?.knows ?? {},
    });
  }

  get standing(): Standing {
    return this.#state.standing;
  }

  /** The peers that are up and are still to be merged. */
  get sources(): readonly Source[] {
    const { standing, url: self } = this.#state;
    if (standing.kind !== 'recovering') return [];
    return [...this.#peers.values()].flatMap(({ claim }) => {
      const as = sourceOf(standing, claim, self);
      const merged = standing.merged[claim.url];
      if (as === undefined || (merged?.isDone === true && merged.as === as)) return [];
      const isBegun = merged?.storeId === claim.storeId && merged.as === as;
      return [{ url: claim.url, storeId: claim.storeId, as, upTo: isBegun ? merged.upTo : '' }];
    });
  }

  /** What a peer that is up says of its store; undefined of one that is not, or has not said it yet. */
  standingOf(url: string): Standing['kind'] | undefined {
    return this.#peers.get(url)?.claim.standing.kind;
  }

  /** Why the node is not ready, as far as its standing goes; undefined where it is. */
  get hindrance(): 'recovering' | 'refused' | undefined {
    if (this.refusal !== undefined) return 'refused';
    return this.standing.kind === 'recovering' ? 'recovering' : undefined;
  }

  /** Whether the peers have seen a newer state of the store. */
  get isOlder(): boolean {
    return this.standing.kind === 'recovering' && this.standing.reason === 'older-store';
  }

  /** The standing for people: for whom a forming node waits, and how far one that recovers has come. */
  describe(): StandingDescription {
    const { standing, refusal } = this;
    if (standing.kind !== 'recovering') {
      const waiting = standing.kind === 'forming' ? awaited(this.#view) : undefined;
      return { state: standing.kind, awaited: waiting, refusal };
    }
    const { list, url: self } = this.#state;
    const urls = new Set([...list.urls, ...(standing.old?.urls ?? [])].filter((url) => url !== self));
    const peers = [...urls].map((url) => {
      const isUp = this.#peers.has(url);
      const isMerged = standing.merged[url]?.isDone === true;
      const counts = isMerged || this.sources.some((source) => source.url === url);
      return { url, isUp, counts, isMerged, ...(this.#read.get(url) ?? { records: 0, bytes: 0 }) };
    });
    const since = new Date(standing.since / 1000).toISOString();
    return { state: 'recovering', reason: standing.reason, since, refusal, peers };
  }

  /** What this node says of itself. */
  get claim(): Claim {
    const { storeId, counter, replaces, url, standing, knows } = this.#state;
    const { startId, newest } = this.#options;
    const counterFound = this.#counterFound;
    const own = { storeId, counter, replaces, url, startId, counterFound };
    return { ...own, standing, knows, newest: newest(), serial: ++this.#claims };
  }

  /** The start has found the store whole, or its log damaged: what it is worth goes to the disk, then to the workers. */
  begin(isLogDamaged: boolean, listeners: StandingListeners): Promise<void> {
    this.#listeners = listeners;
    return this.#inTurn(async () => {
      const { standing, counter } = this.#state;
      const now = this.#options.nowMicros();
      const after = isLogDamaged ? lossOfLog(standing, now) : standingAfter(standing, this.#view);
      await this.#take({ ...this.#state, standing: after, counter: counter + 1 });
      this.#options.directory.forgetLogDamage();
      listeners.onStanding(this.standing, this.sources);
      this.#tell(undefined);
    });
  }

  /** This node has met the peers that are up: with `--new-cluster` it takes the others to be new from now on. */
  announced(): Promise<void> {
    return this.#inTurn(async () => {
      this.#hasMetPeers = true;
      if (this.standing.kind === 'forming') await this.#judge(this.#state, []);
    });
  }

  /** A worker has lost some of its log. */
  lose(): Promise<void> {
    return this.#inTurn(async () => {
      const standing = lossOfLog(this.standing, this.#options.nowMicros());
      await this.#judge({ ...this.#state, standing }, []);
      this.#options.directory.forgetLogDamage();
    });
  }

  /**
   * A node has told of its store. `worker` has connected to it; undefined: it has connected to us. Resolves when all that
   * follows is on the disk; rejects where the disk fails.
   */
  meet(claim: Claim, worker: number | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const peer = this.#peers.get(claim.url);
      if (peer !== undefined && isNews(claim, peer.claim, worker !== undefined)) peer.claim = claim;
      else if (peer === undefined && worker !== undefined) this.#peers.set(claim.url, { claim, workers: new Set() });
      if (worker !== undefined) this.#peers.get(claim.url)?.workers.add(worker);
      if (worker !== undefined) this.refusal = undefined;
      await this.#judge({ ...this.#state, knows: knownAfter(this.#state.knows, claim) }, [claim]);
    });
  }

  /** A worker does not have the peer any more. */
  leave(url: string, worker: number): void {
    const peer = this.#peers.get(url);
    peer?.workers.delete(worker);
    if (peer?.workers.size === 0) this.#peers.delete(url);
  }

  /** A worker is gone, and its connections. */
  leaveAll(worker: number): void {
    for (const url of this.#peers.keys()) this.leave(url, worker);
  }

  /** A peer refuses this node: another one is who it says it is. */
  refuse(reason: string): void {
    if (this.refusal === reason) return;
    this.refusal = reason;
    this.#options.log.error('a peer refuses this node', { reason });
  }

  /** So much of a source has been merged. The end of it counts only if the source still counts now. */
  merged({ source: { url, storeId, as }, upTo, isDone, records, bytes }: MergeProgress): Promise<void> {
    return this.#inTurn(async () => {
      this.#read.set(url, { records, bytes });
      const { standing, url: self } = this.#state;
      const claim = this.#peers.get(url)?.claim;
      if (standing.kind !== 'recovering' || claim?.storeId !== storeId) return;
      if (sourceOf(standing, claim, self) !== as) return;
      const merged = { ...standing.merged, [url]: { storeId, as, upTo, isDone } };
      await this.#judge({ ...this.#state, standing: { ...standing, merged } }, []);
    });
  }

  /** Writes have come since this was last called: a copy of the store from before is to be told from it. */
  wrote(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#take({ ...this.#state, counter: this.#state.counter + 1 });
      this.#listeners.onNews();
    });
  }

  /** Resolves when the node does not form any more, or `when` does. */
  async formed(when: Promise<unknown>): Promise<void> {
    if (this.standing.kind !== 'forming') return;
    await Promise.race([when, new Promise<void>((resolve) => this.#onFormed.push(resolve))]);
  }

  async close(): Promise<void> {
    this.#listeners = { onStanding: () => {}, onNews: () => {} };
    await this.#queue;
    await this.#file.close();
  }

  get #self() {
    const { storeId, counter, replaces, url } = this.#state;
    return { storeId, counter, replaces, url, startId: this.#options.startId, counterFound: this.#counterFound };
  }

  get #view(): View {
    return this.#viewOf(this.#state.knows, []);
  }

  /** `heard` are claims besides those of the peers that are up. */
  #viewOf(knows: KnownStores, heard: readonly Claim[]): View {
    const claims = [...Array.from(this.#peers.values(), ({ claim }) => claim), ...heard];
    const { isNewCluster, nowMicros } = this.#options;
    const seen = { knows, claims, hasMetPeers: this.#hasMetPeers, nowMicros: nowMicros() };
    return { self: this.#self, list: this.#state.list, isNewCluster, ...seen };
  }

  /** `heard` are claims of peers that are not up here yet: they tell of this node's store all the same. */
  async #judge(next: StoreState, heard: readonly Claim[]): Promise<void> {
    const view = this.#viewOf(next.knows, []);
    const standing = standingAfter(next.standing, view);
    const all = heard.length === 0 ? view : this.#viewOf(next.knows, heard);
    const after = standing === next.standing ? standingAfterHearsay(standing, all) : standing;
    const { counter, counterFound } = countersAfter(next.standing, after, all);
    this.#counterFound = counterFound;
    await this.#change({ ...next, counter, standing: after, replaces: replacedStores(after, all) });
    const told = { standing: this.standing, sources: this.sources };
    if (told.standing === this.#told.standing && isSameList(told.sources, this.#told.sources)) return;
    this.#told = told;
    this.#listeners.onStanding(told.standing, told.sources);
  }

  /** Takes the state and tells everybody of the standing in it, in the order that is safe. */
  async #change(next: StoreState): Promise<void> {
    const before = this.#state;
    if (isSame(before, next)) return;
    if (isNewLoss(before.standing, next.standing)) this.#listeners.onStanding(next.standing, []);
    const taken = this.#take(next);
    // A peer's new start is of use to know; its new store, and this one's, must be known.
    if (isUrgent(before, next)) await taken;
    else taken.catch((error: unknown) => this.#options.log.error('the state cannot be kept', { error: String(error) }));
    if (before.standing === next.standing) return;
    if (before.standing.kind === next.standing.kind && reasonOf(before.standing) === reasonOf(next.standing)) return;
    this.#tell(before.standing);
    this.#listeners.onNews();
    if (next.standing.kind !== 'forming') for (const resolve of this.#onFormed.splice(0)) resolve();
  }

  /** What makes the node vote is on the disk first; what takes a vote away has gone to the workers already. */
  async #take(next: StoreState): Promise<void> {
    const text = encodeState(next);
    const isVote = next.standing.kind === 'voting' && this.#state.standing.kind !== 'voting';
    if (isVote) await this.#file.write(text);
    this.#state = next;
    if (!isVote) await this.#file.write(text);
  }

  #tell(before: Standing | undefined): void {
    const { log } = this.#options;
    const { standing } = this;
    if (standing.kind === 'recovering') {
      log.warn('this node recovers: its reads are no votes until it has merged with its peers', {
        reason: standing.reason,
      });
    } else if (standing.kind === 'forming') {
      log.info('this node waits for the others to form a cluster with', { awaited: awaited(this.#view) });
    } else if (before !== undefined) {
      log.info(before.kind === 'forming' ? 'the cluster is formed' : 'this node has recovered', {});
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }
}

/** Also of one that recovers: what it had merged may be lost, too. */
function isNewLoss(before: Standing, after: Standing): boolean {
  return after.kind === 'recovering' && !(before.kind === 'recovering' && before.since === after.since);
}

function reasonOf(standing: Standing): string | undefined {
  return standing.kind === 'recovering' ? standing.reason : undefined;
}

function isSame(left: StoreState, right: StoreState): boolean {
  return left.standing === right.standing && left.knows === right.knows && left.replaces === right.replaces;
}

function isUrgent(before: StoreState, next: StoreState): boolean {
  if (before.standing !== next.standing || before.replaces !== next.replaces) return true;
  return Object.entries(next.knows).some(([url, { storeId }]) => before.knows[url]?.storeId !== storeId);
}

function isSameList(left: readonly Source[], right: readonly Source[]): boolean {
  const keys = ({ url, storeId, as }: Source): string => `${url} ${storeId} ${as}`;
  return left.map(keys).join() === right.map(keys).join();
}
