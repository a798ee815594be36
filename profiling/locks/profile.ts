/**
 * From futex events to the lock profile: waits paired by thread, added up by lock, by thread and by stack. Pure; bounded
 * by the number of different stacks, not of events.
 *
 * Where a stack was cut off (libc keeps no frame pointers), the wait counts for the site that other calls on the same
 * futex word show, waits and wakes alike.
 */
import type { FutexEnter, FutexEvent, StackFrame } from './perf-script.ts';
import {
  lockProfileSchema,
  type LockProfile,
  type LockSite,
  type LockSiteRow,
  type LockStack,
  type LockThreadRow,
  type WatchedProcess,
} from '../result/locks.ts';
import { blockKind, roleOf, siteOf, type ThreadRole } from './sites.ts';

/** Stacks that a profile keeps. */
const stacksMax = 50;
/** Different stacks, and futex words, that are told apart during the adding up; the rest counts without. */
const differentMax = 20_000;

export const lockSentence =
  'This is a true lock profile: time that threads spent blocked in futexes, as the kernel saw it. Mutexes are contention; ' +
  'condition variables are threads that wait for work and are counted apart, as idleness.';

/** Waits of one kind at one place. */
interface Sum {
  count: number;
  totalUs: number;
  maxUs: number;
}

interface StackSum extends Sum {
  readonly tid: number;
  readonly address: string;
  readonly frames: readonly StackFrame[];
}

interface ThreadSum {
  readonly pid: number;
  readonly tid: number;
  role: ThreadRole | undefined;
  readonly contended: Sum;
  readonly idle: Sum;
}

export class LockTally {
  readonly #open = new Map<number, FutexEnter>();
  readonly #threads = new Map<number, ThreadSum>();
  readonly #waits = new Map<string, StackSum>();
  /** What stacks that tell say of a futex word. */
  readonly #siteByWord = new Map<string, LockSite>();
  #firstUs = Infinity;
  #lastUs = -Infinity;
  #lost = 0;

  take(event: FutexEvent): void {
    if (event.kind === 'lost') {
      this.#lost += event.count;
      return;
    }
    this.#firstUs = Math.min(this.#firstUs, event.timeUs);
    this.#lastUs = Math.max(this.#lastUs, event.timeUs);
    if (event.kind === 'enter') this.#enter(event);
    else this.#exit(event.tid, event.timeUs);
  }

  profile(processes: readonly WatchedProcess[]): LockProfile {
    const waits = [...this.#waits.values()].map((wait) => ({ ...wait, site: this.#siteOf(wait) }));
    const names = threadNames([...this.#threads.values()]);
    const threads = [...this.#threads.values()].map((thread) => threadRow(thread, names, processes));
    const contendedUs = threads.reduce((sum, thread) => sum + thread.contendedUs, 0);
    const unfinished = [...this.#open.values()].filter((one) => blockKind(one.operation, one.frames) === 'contention');
    return {
      schema: lockProfileSchema,
      sentence: lockSentence,
      processes,
      durationMs: this.#lastUs >= this.#firstUs ? (this.#lastUs - this.#firstUs) / 1000 : 0,
      sites: siteRows(waits, names, contendedUs),
      threads: threads.sort((one, other) => other.contendedUs - one.contendedUs || one.tid - other.tid),
      stacks: stackRows(waits),
      contendedUs,
      idleUs: threads.reduce((sum, thread) => sum + thread.idleUs, 0),
      unfinished: unfinished.length,
      lost: this.#lost,
    };
  }

  #enter(event: FutexEnter): void {
    this.#open.set(event.tid, event);
    const thread = this.#thread(event);
    thread.role ??= event.pid === event.tid ? 'main' : roleOf(event.frames);
    const word = wordOf(event);
    if (this.#siteByWord.has(word) || this.#siteByWord.size >= differentMax) return;
    const site = siteOf(event.frames);
    if (site !== 'other') this.#siteByWord.set(word, site);
  }

  #exit(tid: number, timeUs: number): void {
    const enter = this.#open.get(tid);
    if (enter === undefined) return;
    this.#open.delete(tid);
    const kind = blockKind(enter.operation, enter.frames);
    if (kind === undefined) return;
    const blockedUs = Math.max(0, timeUs - enter.timeUs);
    const thread = this.#thread(enter);
    if (kind === 'idle') return add(thread.idle, blockedUs);
    add(thread.contended, blockedUs);
    return add(this.#waitOf(enter), blockedUs);
  }

  #thread({ pid, tid }: FutexEnter): ThreadSum {
    let thread = this.#threads.get(tid);
    if (thread === undefined) {
      thread = { pid, tid, role: undefined, contended: noSum(), idle: noSum() };
      this.#threads.set(tid, thread);
    }
    return thread;
  }

  #waitOf(enter: FutexEnter): StackSum {
    const whole = `${enter.tid} ${wordOf(enter)} ${enter.frames.map(({ symbol }) => symbol).join('\n')}`;
    const isNew = this.#waits.size < differentMax || this.#waits.has(whole);
    const key = isNew ? whole : `${enter.tid}`;
    let wait = this.#waits.get(key);
    if (wait === undefined) {
      const { tid, frames } = enter;
      wait = { tid, address: isNew ? wordOf(enter) : '', frames: isNew ? frames : [], ...noSum() };
      this.#waits.set(key, wait);
    }
    return wait;
  }

  #siteOf({ frames, address }: StackSum): LockSite {
    const site = siteOf(frames);
    return site === 'other' ? (this.#siteByWord.get(address) ?? 'other') : site;
  }
}

type Wait = StackSum & { readonly site: LockSite };

/** Addresses mean something within their process only. */
function wordOf({ pid, address }: FutexEnter): string {
  return `${pid}:${address}`;
}

function siteRows(waits: readonly Wait[], names: ReadonlyMap<number, string>, contendedUs: number): LockSiteRow[] {
  const rows = [...groupBy(waits, ({ site }) => site)].map(([site, of]) => {
    const sum = sumOf(of);
    const byThread = [...groupBy(of, ({ tid }) => names.get(tid) ?? 'native')].map(([thread, its]) => {
      return { thread, totalUs: sumOf(its).totalUs };
    });
    return {
      site,
      ...sum,
      meanUs: sum.totalUs / sum.count,
      share: contendedUs === 0 ? 0 : sum.totalUs / contendedUs,
      byThread: byThread.sort(longestFirst),
    };
  });
  return rows.sort(longestFirst);
}

function stackRows(waits: readonly Wait[]): LockStack[] {
  const text = ({ site, frames }: Wait): string => `${site}\n${frames.map(({ symbol }) => symbol).join('\n')}`;
  const rows = [...groupBy(waits, text).values()].map((of) => {
    const { site, frames } = of[0] as Wait;
    const { count, totalUs } = sumOf(of);
    return { site, frames: frames.map(({ symbol }) => symbol), count, totalUs };
  });
  return rows.sort(longestFirst).slice(0, stacksMax);
}

function threadRow(
  { pid, tid, contended, idle }: ThreadSum,
  names: ReadonlyMap<number, string>,
  processes: readonly WatchedProcess[],
): LockThreadRow {
  return {
    process: processes.find((process) => process.pid === pid)?.name ?? String(pid),
    pid,
    tid,
    thread: names.get(tid) ?? 'native',
    contendedUs: contended.totalUs,
    contendedCount: contended.count,
    idleUs: idle.totalUs,
    idleCount: idle.count,
  };
}

/** Workers are numbered in the order of their start, which is that of their ids, in each process. */
function threadNames(threads: readonly ThreadSum[]): Map<number, string> {
  const names = new Map<number, string>();
  const workersOf = new Map<number, number>();
  for (const { pid, tid, role } of threads.toSorted((one, other) => one.tid - other.tid)) {
    if (role !== 'worker') {
      names.set(tid, role ?? 'native');
      continue;
    }
    const number = (workersOf.get(pid) ?? 0) + 1;
    workersOf.set(pid, number);
    names.set(tid, `worker ${number}`);
  }
  return names;
}

function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function noSum(): Sum {
  return { count: 0, totalUs: 0, maxUs: 0 };
}

function add(sum: Sum, blockedUs: number): void {
  sum.count++;
  sum.totalUs += blockedUs;
  sum.maxUs = Math.max(sum.maxUs, blockedUs);
}

function sumOf(parts: readonly Sum[]): Sum {
  const sum = noSum();
  for (const { count, totalUs, maxUs } of parts) {
    sum.count += count;
    sum.totalUs += totalUs;
    sum.maxUs = Math.max(sum.maxUs, maxUs);
  }
  return sum;
}

function longestFirst(one: { readonly totalUs: number }, other: { readonly totalUs: number }): number {
  return other.totalUs - one.totalUs;
}
