/**
 * Watches the nodes of a cluster while load is on them: once a second their metrics and, where they run on this machine,
 * what the system accounts to their threads.
 *
 * Observing must not disturb: one request a second over one kept connection to each node, and nothing that a node does or
 * fails to do is an error; a second in which it did not answer has nulls. The system's accounts are read when the window
 * begins and ends, and each second in between, so that a process that dies is known up to its last second.
 */
import type { NodeObservation, NodeSample, ThreadObservation } from './observation.ts';
import { AdminClient } from './node-client.ts';
import { localProcess, type LocalProcess } from './local-process.ts';
import { growthOf, intervalBetween, readMetrics, type MetricsReading } from './node-metrics.ts';
import {
  accountBetween,
  readProcess,
  spentByThread,
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

async function openWatch(url: string): Promise<NodeWatch> {
  return new NodeWatch(url, isLoopback(url) ? await localProcess(url) : null);
}

/** One node during one window. */
class NodeWatch {
  readonly #url: string;
  readonly #process: LocalProcess | null;
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

  constructor(url: string, view: LocalProcess | null) {
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
    const spent = spentByThread(this.#process.threads, first, { threads: this.#threads });
    return [...spent].map(([thread, account]) => ({ thread, ...account }));
  }
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
