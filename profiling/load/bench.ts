/**
 * One run of the bench, whole: asks whether the nodes are ready, puts the load on, watches the nodes meanwhile, judges,
 * and says where and how it was measured. What reports and comparisons read comes from here.
 */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { listFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import type { NodeObservation } from '../cluster/observation.ts';
import { observeNodes, type NodeObserver } from '../cluster/observer.ts';
import { builtInEngine } from './built-in-engine.ts';
import type { LoadEngine, LoadOptions, LoadResult } from './engine.ts';
import { benchEnvironment, machineEnvironment } from './environment.ts';
import { askNode, assertReady } from '../cluster/node-client.ts';
import { describePeer, observePeer } from './peer-probe.ts';
import type { Peer } from './peer.ts';
import { mixText, stagesText, valueSizesText } from './load-shape.ts';
import { benchSchema, type BenchEnvironment, type BenchResult, type Bounds, type Workload } from './result.ts';
import { judgeRun, perSecond } from './verdict.ts';

export interface BenchOptions extends Pick<LoadOptions, 'signal' | 'onProgress'> {
  /** Default: the built-in generator. */
  readonly engine?: LoadEngine;
  /** What the run must keep besides its rate; default none but to be without errors. */
  readonly bounds?: Bounds;
  /** Default: the cluster's mode, the operation and the rate. */
  readonly label?: string;
  /** Default: a `kvorum bench` line for the workload. */
  readonly command?: string;
}

/** Throws `KvorumError`: `node-unreachable` where a target does not answer or is not ready. */
export async function runBench(workload: Workload, options: BenchOptions = {}): Promise<BenchResult> {
  const { engine = builtInEngine(), bounds = {}, signal, onProgress } = options;
  const [first] = workload.targets;
  if (first === undefined) throw new KvorumError('bad-setting', 'No target: give at least one URL');
  const { environment, observer } = await siteOf(workload, first);
  const window = observationWindow(observer, workload.durationMs);
  let loaded: LoadResult;
  let nodes: readonly NodeObservation[];
  try {
    loaded = await engine.run(workload, {
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
      onMeasuring: () => window.begin(),
    });
  } finally {
    nodes = await window.end();
  }
  const { saturated, ...run } = loaded;
  const { mode } = environment.cluster;
  return {
    schema: benchSchema,
    command: options.command ?? benchCommand(workload),
    label:
      options.label ?? [mode, workload.op, perSecond(workload.rate)].filter((part) => part !== undefined).join(' '),
    workload,
    bounds,
    verdict: judgeRun({ ...run, workload, bounds, saturated }),
    ...run,
    nodes,
    environment,
  };
}

interface Site {
  readonly environment: BenchEnvironment;
  readonly observer: NodeObserver;
}

async function siteOf({ protocol, targets }: Workload, url: string): Promise<Site> {
  if (protocol !== undefined) {
    const peer = { protocol, url };
    return { environment: await peerEnvironment(peer), observer: observePeer(peer, await describePeer(peer)) };
  }
  await assertReady(targets);
  return { environment: await benchEnvironment(url), observer: await observeNodes(await nodesOf(targets)) };
}

/** Where another store's run took place. Throws `KvorumError` where it does not answer. */
export async function peerEnvironment(peer: Peer): Promise<BenchEnvironment> {
  const { version, durability, members } = await describePeer(peer);
  const store = { records: null, loggedRecords: null, bytes: null, fileSystem: null };
  return {
    ...machineEnvironment(),
    cluster: { store: version, durability },
    nodeCount: members.length,
    store,
    changedSettings: null,
  };
}

/**
 * Observes the measured window and no more: under a rate that is not held the engine goes on for a while, with requests
 * that `totals.rate` does not count.
 */
function observationWindow(observer: NodeObserver, durationMs: number) {
  let begun: Promise<void> | undefined;
  let ended: Promise<readonly NodeObservation[]> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const end = (): Promise<readonly NodeObservation[]> => {
    clearTimeout(timer);
    ended ??= begun === undefined ? Promise.resolve([]) : begun.then(() => observer.end());
    // Seen by whoever asks for it after the run.
    ended.catch(() => {});
    return ended;
  };
  return {
    begin: (): void => {
      begun = observer.begin();
      begun.catch(() => {});
      timer = setTimeout(() => void end(), durationMs);
    },
    end,
  };
}

/** All nodes of the cluster, not only those that get the load: each does its part of the work. */
export async function nodesOf(targets: readonly string[]): Promise<readonly string[]> {
  const { body } = await askNode(targets[0] ?? '', '/v0/status');
  const listed = listFieldOf(parseJson(body), 'cluster').flatMap((entry) => textFieldOf(entry, 'url') ?? []);
  return listed.length > 0 ? listed : targets;
}

/** The command line that repeats a workload on nodes that run already. */
export function benchCommand(workload: Workload): string {
  const { op, mix, readShare, rate, stages, arrival, connections, durationMs, warmupMs, keys, distribution } = workload;
  const mixed = op === 'mixed' ? `--op mixed --read-share ${readShare}` : `--op ${op}`;
  const sizes = workload.valueSizes === undefined ? workload.valueBytes : valueSizesText(workload.valueSizes);
  const parts = [
    `kvorum bench --url ${workload.targets.join(',')} ${mix === undefined ? mixed : `--mix ${mixText(mix)}`}`,
    ...(workload.rangeRecordsMax === undefined ? [] : [`--range-records ${workload.rangeRecordsMax}`]),
    stages === undefined ? `--rate ${rate} --duration ${durationMs}ms` : `--stages ${stagesText(stages)}`,
    ...(arrival === 'poisson' ? ['--arrival poisson'] : []),
    `--connections ${connections} --warmup ${warmupMs}ms --keys ${keys}`,
    `--distribution ${distribution} --value-bytes ${sizes}`,
    ...(workload.ack === null ? [] : [`--ack ${workload.ack}`]),
    ...(workload.from === null ? [] : [`--from ${workload.from}`]),
    ...(workload.targets.length > 1 ? ['--targets all'] : []),
    `--seed ${workload.seed}`,
  ];
  return parts.join(' ');
}
