/**
 * Profiles the modes of a comparison, one after another, each under the same load: what asynchrony and batching cost in
 * CPU, allocation and waiting, as the study asked.
 */
import { join } from 'node:path';
import { comparisonSentences } from '../report/profile-sentences.ts';
import { clusterSecret } from '../capture/profile-client.ts';
import { commonLoad, targetsOf, type ComparedCluster } from '../compare/compare-modes.ts';
import type { CompareResult, CompareSettings, ModeProfile } from '../result/compare.ts';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { builtInEngine } from '../load/built-in-engine.ts';
import type { LoadOperation } from '../load/result.ts';
import { instrumentNames, type InstrumentName } from '../result/profile.ts';
import { instrumentObstacles } from './instrument-obstacles.ts';
import { makeProfileDirectory, writeProfile } from './profile-files.ts';
import { profileCluster, type ProfileEvent } from './run-profile.ts';
import { costsOf } from '../report/profile-summary.ts';

export interface ProfileModesOptions {
  readonly clusters: readonly ComparedCluster[];
  /** Of the comparison; says which rate every mode holds. */
  readonly result: CompareResult;
  readonly settings: CompareSettings;
  /** Gets a folder for each mode. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (mode: string, event: ProfileEvent) => void;
}

/** As of `kvorum profile`; the comparison's own is shorter, since its nodes are warm from a search. */
const warmUpMs = 10_000;
/** Of what the weakest mode holds: all of them hold it with room to spare. */
const shareOfWeakest = 0.6;

/** The result of the comparison with what the profiles say; a mode that cannot be profiled is one of its failures. */
export async function profileModes(options: ProfileModesOptions): Promise<CompareResult> {
  const { clusters, result, signal } = options;
  // The nodes were not started for perf's stacks; futex calls need nothing of them.
  const obstacles = await instrumentObstacles(instrumentNames, 'running');
  const instruments = instrumentNames.filter((name) => !obstacles.has(name));
  const profiles: ModeProfile[] = [];
  const failures = [...(result.failures ?? [])];
  for (const cluster of clusters) {
    if (signal?.aborted === true) break;
    try {
      profiles.push(...(await profileMode(cluster, { ...options, instruments }, failures)));
    } catch (error) {
      failures.push(`${cluster.mode}, profile: ${messageOf(error)}`);
    }
  }
  const sentences = options.settings.ops.flatMap((op) => comparisonSentences(profiles.filter((one) => one.op === op)));
  const told = { ...result, profiles, profileSentences: sentences, cutShort: signal?.aborted === true };
  return failures.length === 0 ? told : { ...told, failures };
}

async function profileMode(
  { mode, cluster }: ComparedCluster,
  options: ProfileModesOptions & { readonly instruments: readonly InstrumentName[] },
  failures: string[],
): Promise<ModeProfile[]> {
  const { result, settings, instruments, signal, onEvent, environment } = options;
  const directory = join(options.directory, mode);
  makeProfileDirectory(directory);
  const secret = clusterSecret(environment, cluster.directory);
  const urls = cluster.nodes.map(({ url }) => url);
  const profile = await profileCluster({
    nodes: cluster.nodes.map(({ name, url, pid }) => ({ name, url, pid, secret })),
    ops: settings.ops,
    rateOf: (op) => commonRate(result, op, settings),
    workload: { ...commonLoad(settings), durationMs: settings.durationMs, warmupMs: warmUpMs, seed: 1 },
    targets: targetsOf(settings, urls),
    instruments,
    directory,
    command: result.command,
    engine: builtInEngine(),
    fillTimeoutMs: null,
    ...(signal && { signal }),
    onEvent: (event) => onEvent?.(mode, event),
  });
  failures.push(...(profile.failures ?? []).map((failure) => `${mode}, profile: ${failure}`));
  await writeProfile(directory, profile, undefined);
  return profile.runs.map((run) => ({ mode, op: run.op, rate: run.rateAsked, directory, costs: costsOf(run) }));
}

/** Where no maximum was found, the comparison's lowest rate. */
export function commonRate({ searches }: CompareResult, op: LoadOperation, { rates }: CompareSettings): number {
  const found = searches.filter((search) => search.op === op).map(({ best }) => best ?? 0);
  const least = Math.min(...found);
  if (found.length > 0 && least > 0) return Math.max(1, Math.floor(least * shareOfWeakest));
  return Math.min(...rates);
}
