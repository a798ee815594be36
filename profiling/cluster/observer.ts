/**
 * Watches the nodes of a cluster while load is on them: once a second their metrics and, where they run on this machine,
 * what the system accounts to their threads.
 *
 * Observing must not disturb: one request a second over one kept connection to each node, and nothing that a node does or
 * fails to do is an error; a second in which it did not answer has nulls. The system's accounts are read when the window
 * begins and ends, and each second in between, so that a process that dies is known up to its last second.
 */
import type { NodeObservation, NodeSample, ThreadObservation } from '../load/result.ts';
import { AdminClient } from './admin-client.ts';
import { growthOf, intervalBetween, readMetrics, threadName, type MetricsReading } from './node-metrics.ts';
import {
  accountBetween,
  isNodeProcess,
  readProcess,
  sumOfAccounts,
  type ProcessAccount,
  type ThreadAccount,
} from './process-accounts.ts';

export interface NodeObserver {
  /** The window to observe begins. */
  begin(): Promise<void>;
  /** It ends; what was seen in it, in the order of the URLs. */
  end(): Promise<readonly NodeObservation[]>;
}

const intervalMs = 1000;
/** Less than the interval, so that at most one request is on its way to a node. */
const answerMsMax = 900;
/** For the last answer, on which the sums hang: a node under more load than it holds may be slow to give it. */
const lastAnswerMsMax = 5000;
/** Asked before there is anything to disturb. */
const statusMsMax = 5000;
const statusTriesMax = 3;
/** Two days; a longer window is observed to its end, but without further samples. */
const samplesMax = 172_800;

/** Finds out what the nodes' processes are. The URLs are those of the client ports. */
export async function observeNodes(urls: readonly string[]): Promise<NodeObserver> {
  const watches = await Promise.all(urls.map(openWatch));
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: async () => {
      clearInterval(timer);
      const begun = watches.map((watch) => watch.begin());
      timer = setInterval(() => {
        for (const watch of watches) watch.tick();
      }, intervalMs);
      // Whoever forgets to end the window must not be kept from exiting.
      timer.unref();
      await Promise.all(begun);
    },
    end: async () => {
      clearInterval(timer);
      return Promise.all(watches.map((watch) => watch.end()));
    },
  };
}

interface NodeProcessView {
  readonly pid: number;
  /** Names of the JavaScript threads by the system's thread id. */
  readonly threads: ReadonlyMap<number, string>;
}

async function openWatch(url: string): Promise<NodeWatch> {
  return new NodeWatch(url, isLoopback(url) ? await findProcess(url) : null);
}

/** Null where the node does not tell, or tells of a process that is not here. */
async function findProcess(url: string): Promise<NodeProcessView | null> {
  const client = new AdminClient(url);
  let view: NodeProcessView | null = null;
  for (let tries = 0; tries < statusTriesMax; tries++) {
    const status = await client.text('/v0/status', statusMsMax);
    const described = status === null ? null : parseProcess(status);
    if (described === null || !isNodeProcess(described.pid, [...described.threads.keys()])) break;
    view = described;
    // A worker under load may not report in time; its thread would be taken for a native one.
    if (described.threads.size >= described.threadCount) break;
  }
  client.close();
  return view;
}

/** One node during one window. */
class NodeWatch {
  readonly #url: string;
  readonly #process: NodeProcessView | null;
  #client: AdminClient | undefined;
  #startedMs = 0;
  #firstReading: MetricsReading | null = null;
  /** The newest reading that the node gave. */
  #lastReading: MetricsReading | null = null;
  #firstAccount: ProcessAccount | null = null;
  #lastAccount: { readonly atMs: number; readonly account: ProcessAccount } | null = null;
  /** Threads that ended within the window count with what they had when last seen. */
  readonly #threads = new Map<number, ThreadAccount>();
  #residentBytesMax: number | null = null;
  #samples: NodeSample[] = [];
  #scrape: Promise<void> | undefined;

  constructor(url: string, view: NodeProcessView | null) {
    this.#url = url;
    this.#process = view;
  }

  async begin(): Promise<void> {
    this.#client?.close();
    this.#client = new AdminClient(this.#url);
    this.#samples = [];
    this.#threads.clear();
    this.#residentBytesMax = null;
    this.#startedMs = performance.now();
    this.#lastAccount = null;
    this.#firstAccount = this.#account();
    this.#firstReading = null;
    this.#lastReading = null;
    await this.#alone(async () => {
      this.#firstReading = await this.#read(answerMsMax);
      this.#lastReading = this.#firstReading;
      this.#seeMemory(this.#firstReading?.residentBytes ?? null);
    });
  }

  /** Takes one sample; the answer may come later. */
  tick(): void {
    if (this.#scrape !== undefined || this.#samples.length >= samplesMax) return;
    const second = Math.round((performance.now() - this.#startedMs) / 1000);
    void this.#alone(() => this.#sample(second, answerMsMax));
  }

  async end(): Promise<NodeObservation> {
    const endedSeconds = (performance.now() - this.#startedMs) / 1000;
    await this.#scrape;
    const isDue = endedSeconds - (this.#samples.at(-1)?.second ?? 0) >= 0.5 && this.#samples.length < samplesMax;
    const samples = this.#samples.length;
    // A node that never answered is not waited for.
    const timeoutMs = this.#lastReading === null ? answerMsMax : lastAnswerMsMax;
    await this.#sample(Math.max(1, Math.round(endedSeconds)), timeoutMs);
    if (!isDue) this.#samples.length = samples;
    this.#client?.close();
    return {
      url: this.#url,
      pid: this.#process?.pid ?? null,
      threads: this.#threadObservations(),
      residentBytesMax: this.#residentBytesMax,
      peerBytesSent: growthOf(this.#firstReading?.peerBytesSent ?? null, this.#lastReading?.peerBytesSent ?? null),
      peerBytesReceived: growthOf(
        this.#firstReading?.peerBytesReceived ?? null,
        this.#lastReading?.peerBytesReceived ?? null,
      ),
      series: this.#samples,
    };
  }

  /** Until it is done no tick asks the node. */
  #alone(ask: () => Promise<void>): Promise<void> {
    this.#scrape = ask().finally(() => (this.#scrape = undefined));
    return this.#scrape;
  }

  async #sample(second: number, timeoutMs: number): Promise<void> {
    const before = this.#lastAccount;
    const account = this.#account();
    const cpuOfSystem = cpuPerSecond(before, this.#lastAccount);
    const reading = await this.#read(timeoutMs);
    const interval = reading && this.#lastReading && intervalBetween(this.#lastReading, reading);
    this.#lastReading = reading ?? this.#lastReading;
    const residentBytes = account?.residentBytes ?? reading?.residentBytes ?? null;
    this.#seeMemory(residentBytes);
    this.#samples.push({
      second,
      operationsInFlight: reading?.operationsInFlight ?? null,
      poolQueue: reading?.poolQueue ?? null,
      utilization: interval?.utilization ?? {},
      gcMs: interval?.gcMs ?? null,
      commits: interval?.commits ?? null,
      commitMsMean: interval?.commitMsMean ?? null,
      cpuUs: cpuOfSystem ?? interval?.cpuUs ?? null,
      residentBytes,
    });
  }

  async #read(timeoutMs: number): Promise<MetricsReading | null> {
    const text = await this.#client?.text('/metrics', timeoutMs);
    return typeof text === 'string' ? readMetrics(text, performance.now()) : null;
  }

  #account(): ProcessAccount | null {
    const account = this.#process && readProcess(this.#process.pid);
    if (account === null) return null;
    for (const [id, thread] of account.threads) this.#threads.set(id, thread);
    this.#seeMemory(account.residentBytes);
    this.#lastAccount = { atMs: performance.now(), account };
    return account;
  }

  #seeMemory(bytes: number | null): void {
    if (bytes !== null) this.#residentBytesMax = Math.max(this.#residentBytesMax ?? 0, bytes);
  }

  #threadObservations(): ThreadObservation[] | null {
    const first = this.#firstAccount;
    if (first === null || this.#process === null) return null;
    const byName = new Map<string, ThreadAccount[]>();
    for (const name of [...this.#process.threads.values(), 'native']) byName.set(name, []);
    for (const [id, last] of this.#threads) {
      const spent = accountBetween(first.threads.get(id), last);
      byName.get(this.#process.threads.get(id) ?? 'native')?.push(spent);
    }
    return [...byName].map(([thread, accounts]) => ({ thread, ...sumOfAccounts(accounts) }));
  }
}

/** Tolerant: the node may be of another version. Null where it does not tell of its process. */
function parseProcess(text: string): (NodeProcessView & { readonly threadCount: number }) | null {
  const status = parseJson(text);
  const described = field(status, 'process');
  const pid = field(described, 'pid');
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid)) return null;
  const threads = new Map<number, string>();
  const listed = field(described, 'threads');
  for (const entry of Array.isArray(listed) ? (listed as readonly unknown[]) : []) {
    const [thread, osThreadId] = [field(entry, 'thread'), field(entry, 'osThreadId')];
    if (typeof thread === 'string' && typeof osThreadId === 'number') threads.set(osThreadId, threadName(thread));
  }
  const workers = field(status, 'workers');
  return { pid, threads, threadCount: 1 + (typeof workers === 'number' ? workers : 0) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}

type Dated = { readonly atMs: number; readonly account: ProcessAccount } | null;

function cpuPerSecond(before: Dated, after: Dated): number | null {
  if (before === null || after === null || after.atMs <= before.atMs) return null;
  const spent = [...after.account.threads].map(([id, thread]) => {
    return accountBetween(before.account.threads.get(id), thread).cpuUs;
  });
  return (spent.reduce((sum, us) => sum + us, 0) * 1000) / (after.atMs - before.atMs);
}
