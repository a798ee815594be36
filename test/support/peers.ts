/** Other stores for tests: real servers where Debian's packages are installed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts } from '../../src/free-ports.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const noRedis = isThere('redis-server') ? false : 'redis-server is not installed';
export const noEtcd = isThere('etcd') ? false : 'etcd is not installed (Debian: etcd-server)';

function isThere(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

/** Its URL, without a scheme's default port. */
export async function redisServer(t: TestContext, options: readonly string[] = []): Promise<string> {
  const [port] = await freePorts(1);
  start(t, 'redis-server', ['--port', String(port), '--save', '', '--dir', temporaryDirectory(t), ...options]);
  return `http://127.0.0.1:${port}`;
}

export async function etcdServer(t: TestContext): Promise<string> {
  const [client = 0] = await freePorts(2);
  const [url, peer] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${client + 1}`];
  const data = join(temporaryDirectory(t), 'etcd');
  mkdirSync(data, { mode: 0o700 });
  const listens = ['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer];
  const joins = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
  start(t, 'etcd', ['--data-dir', data, '--log-level', 'error', ...listens, ...joins]);
  return url;
}

function start(t: TestContext, program: string, args: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
}
