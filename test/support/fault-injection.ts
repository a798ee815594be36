/** Faults from below: system calls that fail (strace), and a file system that is full (tmpfs). Both need privileges. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { within } from './eventually.ts';

/** Why system calls cannot be made to fail here, or undefined if they can. */
export function whyNoInjection(): string | undefined {
  if (process.platform !== 'linux') return 'system calls are made to fail with strace, which is for Linux';
  const tried = spawnSync('strace', ['-qq', '-e', 'inject=fdatasync:error=EIO', 'true'], { stdio: 'ignore' });
  if (tried.error !== undefined) return 'strace is not installed';
  return tried.status === 0 ? undefined : 'strace may not trace processes here (ptrace)';
}

export interface Injection {
  /** System calls succeed again. */
  end(): Promise<void>;
}

/** Makes system calls of a running process fail; `what` in strace's words, for example `fdatasync:error=EIO`. */
export async function inject(t: TestContext, pid: number, what: string): Promise<Injection> {
  const syscalls = what.slice(0, what.indexOf(':'));
  const strace = spawn('strace', ['-f', '-e', `trace=${syscalls}`, '-e', `inject=${what}`, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(strace, 'close');
  let said = '';
  const attached = new Promise<void>((resolve) => {
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('attached')) resolve();
    });
  });
  const end = async (): Promise<void> => {
    if (strace.exitCode === null && strace.signalCode === null) strace.kill('SIGINT');
    await exited;
  };
  t.after(end);
  await within(attached, 'strace attaching');
  return { end };
}

/** Why no small file system can be mounted here, or undefined if it can. */
export function whyNoMount(): string | undefined {
  if (process.platform !== 'linux') return 'the small file system is a tmpfs, which is for Linux';
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root';
  const tried = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
  return tried.status === 0 ? undefined : 'mounting a tmpfs is not permitted here';
}

/** Mounts a tmpfs of `mebibytes`; call `unmount` when nothing uses it any more. */
export function mountSmall(directory: string, mebibytes: number): { unmount(): void } {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'kvorum-test', directory]);
  return { unmount: () => void spawnSync('umount', ['-l', directory]) };
}
