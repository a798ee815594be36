/** Runs the built program as a user would, and stands in for a node where a test needs certain answers. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { freePorts } from '../../src/free-ports.ts';
import { withoutSettings } from '../../src/child-environment.ts';

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
    env: { ...withoutSettings(process.env), ...environment },
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
  return `http://127.0.0.1:${(await freePorts(1))[0]}`;
}

/** A listener on a port of its own. */
export async function listen(): Promise<Server> {
  const server = createTcpServer().listen(0, '127.0.0.1');
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
