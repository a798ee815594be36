/**
 * `kvorum ARGS...` in this process, for what a command line comes to: what is written, and the exit code. Starting the
 * program takes a hundred times as long. What the process adds (arguments, environment, pipes, its end) is tested with
 * `kvorum()`, once for each.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { runCommandLine } from '../../src/cli/command-line.ts';
import type { Ended } from './kvorum.ts';

interface Written {
  readonly stdout: Buffer[];
  readonly stderr: Buffer[];
}

/** Tells what a command writes from what the test runner writes meanwhile. */
const written = new AsyncLocalStorage<Written>();

/** As `kvorum()`, without a process of its own: the command must neither read stdin nor wait for signals. */
export async function kvorumInProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const own: Written = { stdout: [], stderr: [] };
  const code = await written.run(own, () => runCommandLine(args, environment));
  return { code, stdout: Buffer.concat(own.stdout), stderr: Buffer.concat(own.stderr).toString() };
}

for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name];
  const write = stream.write.bind(stream);
  // No terminal, whatever this process runs in.
  stream.isTTY = false;
  stream.write = (chunk: string | Uint8Array, ...rest: never[]): boolean => {
    const own = written.getStore();
    if (own === undefined) return write(chunk, ...rest);
    own[name].push(Buffer.from(chunk));
    return true;
  };
}
