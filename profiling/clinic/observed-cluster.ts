/**
 * A cluster of which one node is started by clinic and the others plainly. It takes `kvorum serve` for each, since
 * `kvorum up` starts all nodes alike.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stopWithParentEnvironmentName, withoutSettings } from '../../src/child-environment.ts';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { nodeName } from '../../src/domain/topology.ts';
import { freePorts } from '../../src/free-ports.ts';
import { assertReady } from '../cluster/node-client.ts';

export interface ObservedCluster extends AsyncDisposable {
  /** Of the node that is to be observed. */
  readonly url: string;
  /** What `node` is called with to start that node. */
  readonly observedArgs: readonly string[];
  /** Starts the nodes that are not observed. */
  startOthers(): void;
  /** Resolves when all nodes serve. */
  ready(deadlineMs: number, signal?: AbortSignal): Promise<void>;
}

export interface ObservedClusterOptions {
  readonly count: number;
  readonly directory: string;
  /** Flags of `kvorum serve`, for every node. */
  readonly flags: readonly string[];
  /** Flags of the observed node alone. */
  readonly observedFlags: readonly string[];
}

/** Only profilers look at these nodes, and they write much to their own streams. */
const quiet = ['--log-level', 'warn'];
const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const pauseMs = 50;

/** Plans a cluster on free ports. The caller starts the observed node. */
export async function planCluster(options: ObservedClusterOptions): Promise<ObservedCluster> {
  const { count, directory, flags, observedFlags } = options;
  const ports = await freePorts(count);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const nodes = urls.map((url, index) => {
    const own = ['--port', String(ports[index]), '--self', url, '--cluster', urls.join(',')];
    return [program, 'serve', ...own, '--data', join(directory, nodeName(index)), ...quiet, ...flags];
  });
  const [observed = [], ...others] = nodes;
  const children: ChildProcess[] = [];
  return {
    url: urls[0] ?? '',
    observedArgs: [...observed, ...observedFlags],
    startOthers: () => void children.push(...others.map(startNode)),
    ready: (deadlineMs, signal) => allReady(urls, deadlineMs, signal),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(children.map(stopNode));
    },
  };
}

function startNode(args: readonly string[]): ChildProcess {
  const env = { ...withoutSettings(process.env), [stopWithParentEnvironmentName]: '1' };
  return spawn(process.execPath, [...args], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env });
}

/** What the nodes hold is thrown away, so there is nothing that they would have to put in order. */
async function stopNode(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function allReady(urls: readonly string[], deadlineMs: number, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await assertReady(urls);
    } catch (error) {
      if (performance.now() < end) await setTimeout(pauseMs);
      else throw new KvorumError('profile-failed', `After ${deadlineMs} ms: ${messageOf(error)}`, { cause: error });
    }
  }
}
