/** Control groups that limit the memory of processes, where this machine lets a test make some. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Hierarchy {
  readonly directory: string;
  readonly limitFile: string;
}

/** A group of the memory controller; version 2 has it where it is handed on to the groups below its root. */
const hierarchies: readonly Hierarchy[] = [
  { directory: '/sys/fs/cgroup/memory', limitFile: 'memory.limit_in_bytes' },
  { directory: '/sys/fs/cgroup', limitFile: 'memory.max' },
];

export interface MemoryGroup {
  /** Moves a process into it. */
  readonly add: (pid: number) => void;
  /** Removes it; its processes must have ended. */
  readonly remove: () => void;
  /** Processes that the system has killed for memory. */
  readonly kills: () => number;
}

/** Makes a group with a limit; undefined where that is not possible. */
export function makeMemoryGroup(name: string, limitBytes: number): MemoryGroup | undefined {
  for (const { directory, limitFile } of hierarchies) {
    const group = join(directory, name);
    try {
      mkdirSync(group);
      if (!existsSync(join(group, limitFile))) {
        rmdirSync(group);
        continue;
      }
      writeFileSync(join(group, limitFile), String(limitBytes));
      return {
        add: (pid) => writeFileSync(join(group, 'cgroup.procs'), String(pid)),
        remove: () => rmdirSync(group),
        kills: () => killsIn(group),
      };
    } catch {
      // Not root, or the hierarchy is mounted otherwise.
    }
  }
  return undefined;
}

function killsIn(group: string): number {
  const file = ['memory.events', 'memory.oom_control'].map((one) => join(group, one)).find((path) => existsSync(path));
  const [, kills] = /^oom_kill (\d+)$/m.exec(file === undefined ? '' : readFileSync(file, 'utf8')) ?? [];
  return Number(kills ?? 0);
}
