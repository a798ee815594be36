/** Runs the built program as a user would, and stands in for a node where a test needs certain answers. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  /** Only a command that hangs reaches it. */
  readonly timeoutMs?: number;
}

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** `kvorum ARGS...` until it ends. */
export async function kvorum(
  args: readonly string[],
  { environment = {}, stdin = '', timeoutMs }: RunOptions = {},
): Promise<Ended> {
  const child = spawnKvorum(args, environment, timeoutMs);
  child.stdin?.on('error', () => {}).end(stdin);
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')];
  await once(child, 'close');
  return { code: child.exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/** `kvorum ARGS...` with pipes; the caller waits for its end. */
export function spawnKvorum(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  timeoutMs = 180_000,
): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: { ...cleanEnvironment(), ...environment },
    timeout: timeoutMs,
  });
}

/** A node that answers as `listener` says. */
export async function fakeNode(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${portOf(server)}`;
}

/** A URL that nothing listens on. */
export async function refusedUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePorts(1)}`;
}

/** The first of `count` neighbouring ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const servers = [await listen(0)];
    try {
      const first = portOf(servers[0] as Server);
      for (let index = 1; index < count; index++) servers.push(await listen(first + index));
      return first;
    } catch {
      // A neighbour is taken: try elsewhere.
    } finally {
      for (const server of servers) server.close();
    }
  }
}

export async function listen(port: number): Promise<Server> {
  const server = createTcpServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): Buffer[] {
  const chunks: Buffer[] = [];
  child[stream]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KVORUM_')));
}
