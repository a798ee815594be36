/**
 * A cluster of local nodes for a measurement, started the way a user would: `kvorum up` as a process of its own, on free
 * ports, with its data in a directory that goes away with it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { freePorts } from '../../src/free-ports.ts';

export interface LocalNode {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly logFile: string;
}

export interface LocalClusterOptions {
  readonly count: number;
  /** Flags of `kvorum serve` for every node: `['--mode', 'sync']`. */
  readonly flags?: readonly string[];
  /** Kept when it is given; else a new one in the system's temporary directory, removed at the end. */
  readonly directory?: string;
  /** The command line to start it with: of another build than this one. */
  readonly program?: string;
  /** The Node that runs them; default: this process's. */
  readonly node?: string;
  /** `NODE_OPTIONS` and the like, on top of this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface LocalCluster extends AsyncDisposable {
  readonly nodes: readonly LocalNode[];
  readonly directory: string;
}

const programDefault = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Starts the nodes and resolves when all are ready. Throws `KvorumError` with what `kvorum up` said. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { count, flags = [], program = programDefault, node = process.execPath, environment = {} } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'kvorum-bench-'));
  const removeDirectory = (): void => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  const port = await firstPort(directory, count);
  const args = [program, 'up', '--nodes', String(count), '--port', String(port), '--data', directory];
  // A group of its own: a Ctrl-C in the terminal is for the command that measures, which then stops the cluster.
  const child = spawn(node, [...args, '--output', 'json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...environment },
  });
  const ended = once(child, 'exit');
  const said = text(child.stderr);
  const stopAtExit = (): void => void child.kill('SIGTERM');
  process.once('exit', stopAtExit);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', stopAtExit);
    removeDirectory();
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { nodes } = JSON.parse(line) as { nodes: LocalNode[] };
    return { nodes, directory, [Symbol.asyncDispose]: stop };
  }
  await stop();
  const reason = (await said).trim().replace(/^kvorum: /, '');
  throw new KvorumError('worker-failed', `The cluster did not start: ${reason}`);
}

/** The first port of the nodes in a directory: the same one each time, since their stores belong to the URLs that they began with. */
async function firstPort(directory: string, count: number): Promise<number> {
  const path = join(directory, 'first-port');
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    const [port = 0] = await freePorts(count);
    mkdirSync(directory, { recursive: true });
    writeFileSync(path, String(port));
    return port;
  }
}
