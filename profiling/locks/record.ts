/**
 * Records the lock profile of running processes with `perf`: entries into the futex system call with their stacks, exits
 * without. Not `strace -f`, which costs five times the throughput. perf needs tracefs for it, which it mounts by itself.
 */
import { recordPerf, type PerfOrder } from '../capture/perf.ts';
import type { RecordOptions } from '../capture/record.ts';
import { futexEvent } from './futex-events.ts';
import { LockTally } from './profile.ts';
import type { LockProfile, WatchedProcess } from '../result/locks.ts';

export const futexCalls: PerfOrder = {
  name: 'locks',
  // Exits need no stack; the entry has shown it. The frames of a deep JavaScript stack are cut at its root.
  events: [
    '-e',
    'syscalls:sys_enter_futex/call-graph=fp,max-stack=64/',
    '-e',
    'syscalls:sys_exit_futex/call-graph=no/',
  ],
  // Some 60,000 calls with their stacks.
  fileSizeMax: '64M',
  fields: 'comm,pid,tid,cpu,time,event,trace,ip,sym,dso',
};

/**
 * Records the processes and resolves to their lock profile. Throws `profile-failed` where perf cannot; ask `perfObstacle`
 * first.
 */
export async function recordLocks(processes: readonly WatchedProcess[], options: RecordOptions): Promise<LockProfile> {
  const pids = processes.map(({ pid }) => pid);
  using data = await recordPerf(futexCalls, pids, options);
  const tally = new LockTally();
  for await (const event of data.events) {
    const futex = futexEvent(event);
    if (futex !== undefined) tally.take(futex);
  }
  return tally.profile(processes);
}
