/**
 * The composition root: builds a node out of its parts, starts it in the right order and stops it without losing a
 * request. Before that, start-node.ts looks at what the machine gives it.
 *
 * Start: data directory, workers (store, replica port), client port (so that peers can ask who we are), peers found and
 * told, ready. Stop: not ready for a while, then no new connections, requests in flight answered, workers closed, store
 * marked clean.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as startTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { askPeer } from './console/ask-peer.ts';
import { Console } from './console/console.ts';
import type { DataDirectory } from './data-directory.ts';
import { NodeTime } from './node-time.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { Pulse } from './dispatch/pulse.ts';
import { RangeDispatcher } from './dispatch/range-dispatcher.ts';
import type { WorkerPoolHandlers } from './dispatch/pool-handlers.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { messageOf, type KvorumError } from './diagnostics/errors.ts';
import { topologyDigest, type Topology } from './domain/topology.ts';
import { NodeStanding } from './node-standing.ts';
import { StandingLink } from './standing-link.ts';
import { replicaProtocol, type NodeDescription } from './protocol/nodes.ts';
import type { Outcome } from './domain/outcome.ts';
import type { NodeState, NodeView } from './http/admin.ts';
import { AnswerBytes } from './http/answer-bytes.ts';
import { EntityHandler } from './http/entity.ts';
import { HostGuard } from './http/host-guard.ts';
import type { EntityExchange } from './http/outcome.ts';
import { RangeHandler } from './http/range.ts';
import { RequestMetrics } from './http/request-metrics.ts';
import { ClientServer } from './http/server.ts';
import type { Log } from './diagnostics/log.ts';
import type { MetricFamily } from './metrics/metrics.ts';
import { ProcessMetrics } from './metrics/process-metrics.ts';
import { Profiler } from './profiler.ts';
import { bindAddress, isOpenToAll } from './bind-address.ts';
import { nodeFamilies } from './node-metrics.ts';
import type { NodeSecurity } from './node-security.ts';
import { clusterList } from './node-settings.ts';
import { Operating } from './operating.ts';
import type { NodeSettings } from './settings/settings.ts';
import { explainStanding, nodeStatus } from './status.ts';
import { storeFacts } from './store-facts.ts';
import { version } from './diagnostics/version.ts';
import type { WaitPoints } from './waits/wait-recording.ts';
import type { Arrivals } from './http/request.ts';

/** By flag, those that are not at their defaults; the status tells them. */
export type ChangedSettings = Readonly<Record<string, string>>;

/** What a node begins with. */
export interface Beginning {
  readonly settings: NodeSettings;
  readonly topology: Topology;
  readonly directory: DataDirectory;
  readonly security: NodeSecurity;
  readonly log: Log;
  readonly changed: ChangedSettings;
}

/** The number of this process: what it acknowledges counts as long as peers see the same one. */
export const startNumber = randomInt(1, 2 ** 32);

/** How long a start waits for the nodes that it is to form a cluster with, milliseconds. */
const FORMING_MS_MAX = 1000;

/** The methods whose requests are counted by their names. */
const countedMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

export interface NodeParts extends Beginning {
  readonly pool: WorkerPool;
}

export class Node implements NodeView {
  readonly #settings: NodeSettings;
  readonly #topology: Topology;
  readonly #pool: WorkerPool;
  readonly #directory: DataDirectory;
  readonly #standing: NodeStanding;
  readonly #link: StandingLink;
  readonly #security: NodeSecurity;
  readonly #log: Log;
  readonly #changed: ChangedSettings;
  readonly #pulse: Pulse;
  readonly #time: NodeTime;
  readonly #dispatcher: Dispatcher<EntityExchange>;
  readonly #answerBytes: AnswerBytes;
  readonly #entity: EntityHandler;
  readonly #ranges: RangeDispatcher;
  readonly #range: RangeHandler;
  readonly #operating: Operating;
  readonly #requests = new RequestMetrics();
  readonly #process = new ProcessMetrics();
  readonly #profiler: Profiler;
  readonly #console: Console;
  readonly #arrivals: Arrivals = { areNoted: false };
  #state: NodeState = 'starting';
  #server: ClientServer | undefined;

  constructor({ settings, topology, pool, directory, security, log, changed }: NodeParts) {
    this.#settings = settings;
    this.#topology = topology;
    this.#pool = pool;
    this.#directory = directory;
    this.#security = security;
    this.#log = log;
    this.#changed = changed;
    this.#standing = NodeStanding.open({
      directory,
      identity: { url: this.#self.url, list: clusterList(settings, topology) },
      isNewTopology: settings.newTopology,
      isNewCluster: settings.newCluster,
      startId: String(startNumber),
      log,
      newest: () => Math.max(this.#time.clock.newest, Date.now() * 1000),
      nowMicros: () => Date.now() * 1000,
    });
    this.#link = new StandingLink(this.#standing, pool);
    this.#time = new NodeTime({
      ...settings,
      measure: (newest) => pool.measureClocks(newest),
      log,
      onRight: () => this.#tellReady(),
    });
    this.#pulse = new Pulse({
      pauseMs: settings.timeoutMs,
      onPause: (ms) => log.warn('the process stood still; requests that waited meanwhile are refused', { ms }),
    });
    this.#dispatcher = new Dispatcher<EntityExchange>({
      pool,
      clock: this.#time.clock,
      nodeId: this.#self.id,
      batching: settings.mode === 'batched',
      workers: settings.workers,
      operationsInFlightMax: settings.operationsInFlightMax,
      timeoutMs: settings.timeoutMs,
      pulse: this.#pulse,
      isWanted: ({ reply }) => !reply.isGone,
      onOutcome: (exchange, outcome) => this.#answer(exchange, outcome),
      log,
    });
    const nodeCount = topology.nodes.length;
    const { replicationFactor } = clusterList(settings, topology);
    const limits = { ...settings, nodeCount, replicationFactor };
    this.#answerBytes = new AnswerBytes(settings.answerBytesInFlightMax);
    this.#entity = new EntityHandler({
      dispatcher: this.#dispatcher,
      answers: this.#answerBytes,
      limits,
      nodes: topology.nodes.map(({ url }) => url),
      onRefused: (method, status) => this.#requests.observe(countedMethods.has(method) ? method : 'other', status, 0),
    });
    this.#profiler = new Profiler({
      url: this.#self.url,
      workerOf: (threadId) => pool.workerOf(threadId),
      durationMsMax: settings.profileMsMax,
      waits: this.#waitPoints(),
    });
    this.#console = this.#newConsole(security.tls?.ca);
    this.#ranges = new RangeDispatcher(pool, settings.rangesMax);
    this.#range = new RangeHandler(this.#ranges, settings);
    const parts = { dispatcher: this.#dispatcher, range: this.#range, profiler: this.#profiler };
    this.#operating = new Operating({ pool, settings, topology, limits, ...parts });
  }

  #newConsole(ca: string | undefined): Console {
    const peers = this.#topology.nodes.map(({ url }) => url).filter((url) => url !== this.#self.url);
    return new Console({
      node: this,
      peers,
      askPeer: (url, path, authorization) => askPeer(url, path, { authorization, ca }),
    });
  }

  #answer(exchange: EntityExchange, outcome: Outcome): void {
    if (exchange.onOutcome !== undefined) return exchange.onOutcome(outcome);
    const answered = this.#entity.answer(exchange, outcome);
    if (answered === undefined) return undefined;
    return this.#requests.observe(exchange.method, answered.status, (performance.now() - exchange.startedAt) / 1000);
  }

  /** Takes what the workers say. */
  poolHandlers(): Omit<WorkerPoolHandlers, 'onFatal'> {
    return {
      onOutcomes: (frame) => this.#dispatcher.deliver(frame),
      onVersion: (newest) => this.#time.clock.see(newest),
      onStampAbove: (above, give) => this.#time.clock.stampAbove(above, give),
      onRange: (message) => this.#ranges.onMessage(message),
      onInspected: (message) => this.#operating.inspections.onMessage(message),
      ...this.#link.handlers,
      onWorkerGone: (worker) => {
        this.#ranges.onWorkerGone(worker);
        this.#link.onWorkerGone(worker);
      },
    };
  }

  /** Resolves to false where the peers have seen a newer state of the store: then it must not serve. */
  async start(onFatal: (error: KvorumError) => void): Promise<boolean> {
    this.#time.begin(this.#pool.newestStored, onFatal);
    await this.#link.begin();
    this.#directory.markOpen();
    const begunAs = this.#standing.standing;
    const { port, keepAliveMs, bodyBytesPerSecondMin, connectionsMax, allowedHosts } = this.#settings;
    const host = bindAddress(this.#settings);
    const hosts = new HostGuard({ bindHost: host, selfUrl: this.#self.url, allowedHosts });
    const handlers = { hosts, entity: this.#entity, range: this.#range, ...this.#operating.handlers };
    const options = {
      host,
      port,
      keepAliveMs,
      bodyBytesPerSecondMin,
      connectionsMax,
      node: this,
      arrivals: this.#arrivals,
      answerBytes: this.#answerBytes,
      onAccepted: (backlog: number): void => this.#pulse.noteAccepted(backlog),
      security: this.#security,
      ...handlers,
    };
    this.#server = await ClientServer.listen(options);
    await this.#pool.announce();
    await this.#standing.announced();
    if (begunAs.kind !== 'recovering' && this.#standing.isOlder) return false;
    await this.#standing.formed(setTimeout(FORMING_MS_MAX));
    await this.#time.watch.start();
    this.#state = 'ready';
    this.#process.reset();
    this.#tellReady();
    void this.#console.start();
    const { dispatch } = this.#settings;
    if (isOpenToAll(this.#settings))
      this.#log.warn('no cluster secret: any machine that reaches the node can act as its peer');
    if (dispatch === 'inline') this.#log.warn('dispatch is inline, for profiling: the main thread does all the work');
    return true;
  }

  /** Says that the node is ready, if its start is over and its clock is right. */
  #tellReady(): void {
    if (this.#state !== 'ready' || this.#time.clock.skew !== undefined) return;
    const { mode, durability, workers } = this.#settings;
    const standing = this.#standing.standing.kind;
    this.#log.info('ready', { url: this.#self.url, mode, durability, workers, standing, version });
  }

  async stop(delayMs: number): Promise<void> {
    this.#state = 'draining';
    this.#log.info('stopping', { operationsInFlight: this.#dispatcher.inFlight });
    if (delayMs > 0) await setTimeout(delayMs);
    let cut!: () => void;
    const cutAt = new Promise<void>((resolve) => (cut = resolve));
    const timer = startTimer(cut, this.#settings.drainMsMax);
    await this.#server?.close(cutAt);
    clearTimeout(timer);
    this.#console.stop();
    await this.#profiler.close();
    await this.#time.end();
    const isClosed = await this.#pool.stop();
    await this.#standing.close();
    if (isClosed) this.#markClean();
    // What did not stop may still write; the system ends the lock with the process then.
    if (isClosed) this.#directory.close();
    this.#process.close();
    this.#pulse.close();
    if (isClosed) this.#log.info('stopped');
    else this.#log.error('stopped without closing the store', {});
  }

  reload(): void {
    this.#security.reload((material) => {
      this.#server?.useTls(material);
      this.#pool.useTls(material);
    });
  }

  /** The store is whole without the mark, too; only the next start is more careful. */
  #markClean(): void {
    try {
      this.#directory.markClean();
    } catch (error) {
      this.#log.warn('the data directory could not be marked clean', { error: messageOf(error) });
    }
  }

  state(): NodeState {
    if (this.#state !== 'ready') return this.#state;
    return this.#time.clock.skew === undefined ? (this.#standing.hindrance ?? 'ready') : 'clock-skew';
  }

  whyNotReady(): string | undefined {
    return this.state() === 'clock-skew' ? this.#time.clock.skew : undefined;
  }

  explain(): string {
    const { skew } = this.#time.clock;
    return `${skew === undefined ? '' : `${skew}\n`}${explainStanding(this.#standing.describe())}`;
  }

  describe(): NodeDescription {
    return {
      id: this.#self.id,
      url: this.#self.url,
      version,
      protocol: replicaProtocol,
      topology: topologyDigest(this.#topology, clusterList(this.#settings, this.#topology).replicationFactor),
      start: startNumber,
      replicaPorts: this.#pool.replicaPorts,
    };
  }

  async status(): Promise<Record<string, unknown>> {
    const reports = await this.#pool.report();
    const { mode, durability, workers } = this.#settings;
    return nodeStatus({
      topology: this.#topology,
      replicationFactor: clusterList(this.#settings, this.#topology).replicationFactor,
      state: this.state(),
      standing: this.#standing.describe(),
      standingOf: (url) => this.#standing.standingOf(url),
      clock: this.#time.watch,
      settings: { mode, durability, workers },
      reports,
      operationsInFlight: this.#dispatcher.inFlight,
      mainOsThreadId: this.#process.osThreadId,
      store: await storeFacts(this.#settings.dataDirectory),
      changedSettings: this.#changed,
    });
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    const reports = await this.#pool.report();
    const connections = this.#server?.connections ?? { open: 0, accepted: 0 };
    return [
      ...this.#requests.families(),
      ...this.#dispatcher.metrics(),
      ...this.#ranges.metrics(),
      ...this.#pool.metrics(),
      ...this.#process.families(this.#entity),
      ...this.#time.watch.families(),
      ...(await nodeFamilies({ state: this.state(), connections, settings: this.#settings })),
      ...this.#security.families(),
      ...reports.flatMap((report) => report.metrics),
    ];
  }

  console(query: string, authorization: string): Promise<string> {
    return this.#console.answer(query, authorization);
  }

  #waitPoints(): WaitPoints {
    const { mode, durability } = this.#settings;
    return {
      url: this.#self.url,
      mode,
      durability,
      setHooks: (hooks) => {
        this.#arrivals.areNoted = hooks !== undefined;
        this.#dispatcher.waits = hooks;
      },
      startWorkers: (options, module) => this.#pool.startWaits(options, module),
      stopWorkers: () => this.#pool.stopWaits(),
    };
  }

  get #self() {
    const self = this.#topology.nodes[this.#topology.selfIndex];
    if (self === undefined) throw new Error('the topology does not hold its own node');
    return self;
  }
}
