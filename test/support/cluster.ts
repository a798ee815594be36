/** A cluster of real nodes: processes of their own that talk over real sockets. */
import type { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/free-ports.ts';
import type { Durability, Mode } from '../../src/domain/modes.ts';
import type { TlsFiles } from '../../src/tls/material.ts';
import { ask, entityTarget, type Answer, type EntityAsk } from './client.ts';
import { eventually } from './eventually.ts';
import { NodeProcess, type Exit } from './node-process.ts';
import { standingOf } from './standing.ts';

export interface ClusterOptions {
  readonly nodes: number;
  readonly mode?: Mode;
  readonly durability?: Durability;
  /** Further arguments of `kvorum serve`, for every node. */
  readonly flags?: readonly string[];
  /** Certificates of all nodes: they then speak TLS. */
  readonly tls?: TlsFiles;
  /** What the nodes find in their environment besides what the tests have. */
  readonly environments?: readonly Readonly<Record<string, string>>[];
}

/** So long that only an operation that hangs reaches it: no test depends on how fast the machine is. */
const defaultTimeout = ['--timeout-ms', '30s'];

/**
 * A file of the log is made with all its bytes on the disk, and each node makes two at once: of 16 MiB they are most of what a
 * cluster of a test writes.
 */
const smallLog = ['--log-segment-bytes', '2MiB', '--memtable-bytes-max', '48MiB'];

/** Tests of other things look at what nodes missed: it is to stay so. */
const noRepair = ['--repair-interval-ms', '0'];

export class Cluster {
  readonly nodes: readonly NodeProcess[];
  /** Run after the test when the nodes have ended and before their directories are removed. */
  readonly afterNodes: (() => void)[] = [];

  constructor(nodes: readonly NodeProcess[]) {
    this.nodes = nodes;
  }

  node(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`the cluster has no node ${index}`);
    return node;
  }

  /** Starts a stopped node again, on its port and directory, and waits until it serves. */
  start(index: number, moreFlags: readonly string[] = []): Promise<void> {
    return this.node(index).start(moreFlags);
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await this.formed();
  }

  /** Resolves when no node waits for others to form the cluster with. */
  async formed(): Promise<void> {
    await eventually(async () => {
      const standings = await Promise.all(this.nodes.map((node) => standingOf(node.url)));
      if (standings.some(({ state }) => state === 'forming')) throw new Error('the cluster is not formed');
    });
  }

  stop(index: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    return this.node(index).stop(signal);
  }

  stopAll(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit[]> {
    return Promise.all(this.nodes.map((node) => node.stop(signal)));
  }

  put(index: number, key: string, value: string | Buffer, quorum: EntityAsk = {}): Promise<Answer> {
    return ask(this.node(index).url, entityTarget(key, quorum), { method: 'PUT', body: value, agent: quorum.agent });
  }

  get(index: number, key: string, quorum: EntityAsk = {}): Promise<Answer> {
    return ask(this.node(index).url, entityTarget(key, quorum), { agent: quorum.agent });
  }

  del(index: number, key: string, quorum: EntityAsk = {}): Promise<Answer> {
    return ask(this.node(index).url, entityTarget(key, quorum), { method: 'DELETE', agent: quorum.agent });
  }
}

/** Ends its clusters with itself: a test, or with node:test's own `after` all tests of a file. */
export interface ClusterOwner {
  readonly after: (clean: () => Promise<void>) => void;
}

/** Starts a cluster and waits until every node serves; it is killed after the test. */
export async function startCluster(t: ClusterOwner, options: ClusterOptions): Promise<Cluster> {
  const cluster = await prepareCluster(t, options);
  await cluster.startAll();
  return cluster;
}

/** A cluster whose nodes are not started yet. */
export async function prepareCluster(t: ClusterOwner, options: ClusterOptions): Promise<Cluster> {
  const { mode = 'batched', durability = 'fsync', flags = [], environments = [], tls } = options;
  const directory = mkdtempSync(join(tmpdir(), 'kvorum-cluster-'));
  const ports = await freePorts(options.nodes);
  const scheme = tls === undefined ? 'http' : 'https';
  const urls = ports.map((port) => `${scheme}://127.0.0.1:${port}`);
  const all = [
    '--mode',
    mode,
    '--durability',
    durability,
    ...(flags.includes('--timeout-ms') ? [] : defaultTimeout),
    ...(flags.includes('--repair-interval-ms') ? [] : noRepair),
    ...(flags.includes('--log-segment-bytes') ? [] : smallLog),
    ...(flags.includes('--drain-delay-ms') ? [] : ['--drain-delay-ms', '0']),
    ...(tls === undefined ? [] : ['--tls-cert', tls.cert, '--tls-key', tls.key, '--tls-ca', tls.ca]),
    ...flags,
  ];
  const nodes = ports.map((port, index) => {
    const dataDirectory = join(directory, `n${index}`);
    const environment = environments[index] ?? {};
    return new NodeProcess({ port, scheme, cluster: urls, dataDirectory, flags: all, environment });
  });
  const cluster = new Cluster(nodes);
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    for (const clean of cluster.afterNodes) clean();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  return cluster;
}
