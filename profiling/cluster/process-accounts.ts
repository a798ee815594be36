/**
 * What Linux accounts to a process and to each of its threads: CPU, waiting for a core, context switches, memory. Read
 * from `/proc`, which costs the process that is looked at nothing.
 *
 * `/proc/PID/schedstat` is of the main thread only, so a process is the sum of its tasks.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ThreadAccount {
  readonly cpuUs: number;
  /** Ready to run, and waiting for a core. */
  readonly runQueueUs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

export interface ProcessAccount {
  /** By the system's thread id. */
  readonly threads: ReadonlyMap<number, ThreadAccount>;
  readonly residentBytes: number | null;
}

/** The accounts of a process now; null where it is gone or the system has no such accounts. */
export function readProcess(pid: number): ProcessAccount | null {
  try {
    const threads = new Map<number, ThreadAccount>();
    for (const id of threadIds(pid)) {
      const account = readThread(pid, id);
      if (account !== null) threads.set(id, account);
    }
    return threads.size === 0 ? null : { threads, residentBytes: residentBytes(readFile(`/proc/${pid}/status`)) };
  } catch {
    return null;
  }
}

/**
 * Whether the process with this number is the node that claims it: a node behind a forwarded port tells a number that
 * means another process here.
 */
export function isNodeProcess(pid: number, osThreadIds: readonly number[]): boolean {
  try {
    const [, ...args] = readFile(`/proc/${pid}/cmdline`).split('\0');
    if (!args.includes('serve')) return false;
    const present = new Set(threadIds(pid));
    return osThreadIds.every((id) => present.has(id));
  } catch {
    return false;
  }
}

/** What `after` has more than `before`; of a thread that `before` does not know, everything. */
export function accountBetween(before: ThreadAccount | undefined, after: ThreadAccount): ThreadAccount {
  return before === undefined ? after : combine(after, before, (one, other) => Math.max(0, one - other));
}

export function sumOfAccounts(accounts: Iterable<ThreadAccount>): ThreadAccount {
  let sum: ThreadAccount = { cpuUs: 0, runQueueUs: 0, voluntarySwitches: 0, involuntarySwitches: 0 };
  for (const account of accounts) sum = combine(sum, account, (one, other) => one + other);
  return sum;
}

/**
 * What was spent between two looks at a process, by the names of its threads; all whose id has none are `native`
 * together. Of a thread that `before` does not know, everything counts.
 */
export function spentByThread(
  names: ReadonlyMap<number, string>,
  before: ProcessAccount,
  after: Pick<ProcessAccount, 'threads'>,
): Map<string, ThreadAccount> {
  const byName = new Map<string, ThreadAccount[]>([...names.values(), 'native'].map((name) => [name, []]));
  for (const [id, account] of after.threads) {
    byName.get(names.get(id) ?? 'native')?.push(accountBetween(before.threads.get(id), account));
  }
  return new Map([...byName].map(([name, accounts]) => [name, sumOfAccounts(accounts)]));
}

/** Out of the text of `schedstat` (nanoseconds on a core, nanoseconds waiting for one, times on one) and of `status`. */
export function parseThread(schedstat: string, status: string): ThreadAccount | null {
  const [, cpuNs, runQueueNs] = /^(\d+) (\d+) \d+$/.exec(schedstat.trim()) ?? [];
  const [, voluntary] = /^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status) ?? [];
  const [, involuntary] = /^nonvoluntary_ctxt_switches:\s*(\d+)$/m.exec(status) ?? [];
  if (cpuNs === undefined || voluntary === undefined || involuntary === undefined) return null;
  return {
    cpuUs: Number(cpuNs) / 1000,
    runQueueUs: Number(runQueueNs) / 1000,
    voluntarySwitches: Number(voluntary),
    involuntarySwitches: Number(involuntary),
  };
}

/** Null where the thread has ended, or the system has no such accounts. */
export function readThread(pid: number, id: number): ThreadAccount | null {
  try {
    const directory = `/proc/${pid}/task/${id}`;
    return parseThread(readFile(`${directory}/schedstat`), readFile(`${directory}/status`));
  } catch {
    return null;
  }
}

function threadIds(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

function residentBytes(status: string): number | null {
  const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(status) ?? [];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

function readFile(path: string): string {
  return readFileSync(path, 'latin1');
}

function combine(one: ThreadAccount, other: ThreadAccount, of: (one: number, other: number) => number): ThreadAccount {
  return {
    cpuUs: of(one.cpuUs, other.cpuUs),
    runQueueUs: of(one.runQueueUs, other.runQueueUs),
    voluntarySwitches: of(one.voluntarySwitches, other.voluntarySwitches),
    involuntarySwitches: of(one.involuntarySwitches, other.involuntarySwitches),
  };
}
