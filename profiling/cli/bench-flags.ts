/**
 * The flags of `kvorum bench` as a plan of what to run, or one sentence that says which flag is wrong and what is
 * accepted.
 */
import { fillTimeoutMsDefault } from '../load/fill-progress.ts';
import { arrivals, distributions, loadOperations, type Bounds, type Workload } from '../load/result.ts';
import type { EngineChoice } from '../load/select-engine.ts';
import type { Environment, Flags } from '../../src/settings/sources.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { nodesMax } from '../../src/domain/topology.ts';
import { MIB } from '../../src/domain/units.ts';
import { settingsTable } from '../../src/settings/settings.ts';
import { planCluster } from '../../src/cli/cluster-plan.ts';
import { accessOptions } from '../../src/cli/access.ts';
import type { Option } from '../../src/cli/command.ts';
import { choiceFlag, countFlag, refuseFlag, textFlag } from '../../src/cli/parse.ts';
import { sharedSettingOptions } from '../../src/cli/setting-options.ts';
import { junitOption, reportFormat, reportOutputOption, type OutputFiles, type OutputFormat } from './output-files.ts';
import { engineForShape, loadShapeOptions, shapedLoad } from './load-shape-flags.ts';
import { parseTime } from './time.ts';

export interface BenchPlan {
  /** All but the targets, which an own cluster has only when it runs. */
  readonly workload: Omit<Workload, 'targets'>;
  readonly cluster: ClusterChoice;
  readonly targets: 'one' | 'all';
  readonly engine: EngineChoice;
  /** Null: the keys are not put before. */
  readonly fillTimeoutMs: number | null;
  readonly bounds: Bounds;
  /** Whether the highest rate within the bounds is looked for. */
  readonly isSearch: boolean;
  readonly metricsPort: number | undefined;
  readonly files: OutputFiles;
  readonly output: OutputFormat;
  /** The percentiles in small steps, as wrk2 prints them. */
  readonly hasSpectrum: boolean;
  /** The line that repeats the run, without secrets. */
  readonly command: string;
}

export type ClusterChoice =
  | { readonly kind: 'running'; readonly urls: readonly string[] }
  | { readonly kind: 'own'; readonly count: number; readonly flags: readonly string[]; readonly directory?: string };

const engines = ['auto', 'wrk2', 'built-in'] as const;
const targetChoices = ['one', 'all'] as const;

const targetDefault = 'http://localhost:8080';
const rateMax = 1_000_000;
const keysMax = 1_000_000_000;
const connectionsMax = 10_000;
/** Of a search. */
const p99MsMaxDefault = 50;

/** Whom the bench trusts, and the nodes of `--up` each other. */
const authorityFlag = settingsTable.tlsCa.flag;
/** What the nodes of `--up` may be told; the bench finds them on free ports of loopback. */
const nodeOptions = sharedSettingOptions(['host', 'replicaPort']);

/** The flags that put a load together; other commands that run one take them too. */
export const workloadOptions: readonly Option[] = [
  { flag: 'op', placeholder: loadOperations.join('|'), about: 'What is sent; default put' },
  { flag: 'read-share', placeholder: 'SHARE', about: 'Share of GETs in mixed, 0 to 1; default 0.5' },
  { flag: 'rate', placeholder: 'N', about: 'Requests a second over all connections; default 1000' },
  {
    flag: 'arrival',
    placeholder: arrivals.join('|'),
    about: 'Evenly spaced or at random; default constant',
    isRare: true,
  },
  { flag: 'connections', placeholder: 'N', about: 'Connections, kept open, one request at a time on each; default 64' },
  { flag: 'duration', placeholder: 'TIME', about: 'What is measured, such as 500ms, 30s, 3m; default 30s' },
  { flag: 'warmup', placeholder: 'TIME', about: 'Load before that, not measured; default 5s' },
  { flag: 'keys', placeholder: 'N', about: 'Size of the key space; default 100000' },
  { flag: 'distribution', placeholder: distributions.join('|'), about: 'Which keys; default uniform' },
  { flag: 'value-bytes', placeholder: 'N', about: 'Size of each value that is written; default 64' },
  { flag: 'ack', placeholder: 'N', about: 'Replicas that must answer (default: as the cluster is set)' },
  { flag: 'from', placeholder: 'N', about: 'Replicas that are asked (default: as the cluster is set)' },
  { flag: 'seed', placeholder: 'N', about: 'Repeats keys and arrivals; default 1', isRare: true },
];

export const engineOptions: readonly Option[] = [
  { flag: 'engine', placeholder: engines.join('|'), about: 'auto (default): wrk2 where it is found', isRare: true },
  {
    flag: 'wrk2',
    placeholder: 'PATH',
    about: 'The wrk2 program (default: wrk2 or wrk on PATH, if it has -R)',
    isRare: true,
  },
  {
    flag: 'request-timeout',
    placeholder: 'TIME',
    about: 'A request without an answer is given up; default 10s',
    isRare: true,
  },
];

export const fillTimeoutOption: Option = {
  flag: 'fill-timeout',
  isRare: true,
  placeholder: 'TIME',
  about: `Filling gives up when no key was accepted for so long; default ${fillTimeoutMsDefault / 1000}s`,
};

/** What a run must keep to be held; each decides the exit code. */
export const boundOptions: readonly Option[] = [
  {
    flag: 'p99',
    placeholder: 'TIME',
    about: `Held only up to this 99th percentile; default ${p99MsMaxDefault}ms in --find-max, else none`,
  },
  { flag: 'p999', placeholder: 'TIME', about: 'Held only up to this 99.9th percentile' },
  { flag: 'mean', placeholder: 'TIME', about: 'Held only up to this mean latency' },
  {
    flag: 'errors-max',
    placeholder: 'N|N%',
    about: 'Held with up to so many errors, or this share of what was due; default 0',
  },
];

export const benchOptions: readonly Option[] = [
  {
    flag: 'url',
    alias: 'target',
    placeholder: 'URL,URL,...',
    about: `Nodes that get the load (default ${targetDefault}); also --target`,
  },
  { flag: 'up', placeholder: 'N', about: 'Start a cluster of N local nodes for the run' },
  { flag: 'data', placeholder: 'DIR', about: 'Directory of the nodes of --up, kept (default: a temporary one)' },
  { flag: 'targets', placeholder: targetChoices.join('|'), about: 'Load on the first node or on all; default one' },
  ...workloadOptions.filter(({ flag }) => flag !== 'value-bytes'),
  ...loadShapeOptions,
  { flag: 'fill', about: 'Put every key once before, at the rate that the nodes take' },
  fillTimeoutOption,
  { flag: 'find-max', about: 'Search for the highest rate that is held, from --rate on' },
  ...boundOptions,
  ...engineOptions,
  { flag: 'spectrum', about: 'Print the percentiles in small steps, too, as HdrHistogram does', isRare: true },
  {
    flag: 'metrics-port',
    placeholder: 'PORT',
    about: 'The running load for Prometheus, on loopback at /metrics',
    isRare: true,
  },
  { flag: 'json', placeholder: 'FILE', about: 'Write the result as JSON' },
  { flag: 'report', placeholder: 'FILE', about: 'Write an HTML report' },
  junitOption,
  reportOutputOption,
  ...accessOptions.filter(({ flag }) => flag !== authorityFlag),
  ...nodeOptions,
];

/** Throws `bad-setting`. */
export function planBench(flags: Flags, environment: Environment): BenchPlan {
  const cluster = clusterOf(flags, environment);
  const targets = choiceFlag(flags, 'targets', targetChoices, 'one');
  const workload = shapedLoad(flags, workloadOf);
  const targetCount = cluster.kind === 'running' ? cluster.urls.length : cluster.count;
  if (targets === 'all' && workload.connections < targetCount) {
    refuseFlag('connections', workload.connections, `at least one for each of the ${targetCount} targets`);
  }
  return {
    cluster,
    targets,
    workload,
    engine: engineForShape(flags, engineOf(flags, workload)),
    fillTimeoutMs: flags.get('fill') === true ? fillTimeoutOf(flags) : noFill(flags),
    bounds: boundsOf(flags),
    isSearch: flags.get('find-max') === true,
    metricsPort: countFlag(flags, 'metrics-port', 65_535),
    files: { json: fileFlag(flags, 'json'), report: fileFlag(flags, 'report'), junit: fileFlag(flags, 'junit') },
    output: reportFormat(flags),
    hasSpectrum: flags.get('spectrum') === true,
    command: commandOf('bench', flags),
  };
}

/** Throws `bad-setting`. */
export function workloadOf(flags: Flags): Omit<Workload, 'targets'> {
  const keys = countFlag(flags, 'keys', keysMax) ?? 100_000;
  const ack = countFlag(flags, 'ack', nodesMax) ?? null;
  const from = countFlag(flags, 'from', nodesMax) ?? null;
  if (ack !== null && from !== null && ack > from) refuseFlag('ack', ack, `at most --from, which is ${from}`);
  return {
    op: choiceFlag(flags, 'op', loadOperations, 'put'),
    readShare: numberFlag(flags, 'read-share', { min: 0, max: 1, fallback: 0.5 }),
    rate: numberFlag(flags, 'rate', { min: 0, max: rateMax, fallback: 1000, isAbove: true }),
    arrival: choiceFlag(flags, 'arrival', arrivals, 'constant'),
    connections: countFlag(flags, 'connections', connectionsMax) ?? 64,
    durationMs: timeFlag(flags, 'duration', { minMs: 1, fallbackMs: 30_000 }),
    warmupMs: timeFlag(flags, 'warmup', { minMs: 0, fallbackMs: 5000 }),
    keys,
    distribution: choiceFlag(flags, 'distribution', distributions, 'uniform'),
    valueBytes: numberFlag(flags, 'value-bytes', { min: 0, max: 256 * MIB, fallback: 64, isWhole: true }),
    ack,
    from,
    seed: numberFlag(flags, 'seed', { min: 0, max: 2 ** 32 - 1, fallback: 1, isWhole: true }),
  };
}

/** Throws `bad-setting`. */
export function fillTimeoutOf(flags: Flags): number {
  return timeFlag(flags, fillTimeoutOption.flag, { minMs: 1000, fallbackMs: fillTimeoutMsDefault });
}

/** Of a run that does not fill. Throws `bad-setting`. */
export function noFill(flags: Flags): null {
  if (!flags.has(fillTimeoutOption.flag)) return null;
  throw new KvorumError('bad-setting', `--${fillTimeoutOption.flag} is of use only to a run that fills its keys`);
}

/** `500ms`, `30s`, `3m`. Throws `bad-setting`. */
export function timeFlag(
  flags: Flags,
  flag: string,
  { minMs, fallbackMs }: { readonly minMs: number; readonly fallbackMs: number },
): number {
  const given = flags.get(flag);
  if (given === undefined) return fallbackMs;
  const timeMs = parseTime(String(given));
  if (timeMs !== undefined && timeMs >= minMs) return timeMs;
  const least = minMs === 0 ? '0s' : `${minMs}ms`;
  return refuseFlag(flag, given, `a time like 500ms, 30s or 3m, from ${least} to 24h`);
}

/** The parts of a flag that takes a list, none of them empty. Throws `bad-setting`. */
export function listFlag(flags: Flags, flag: string, fallback: readonly string[]): readonly string[] {
  const given = flags.get(flag);
  if (given === undefined) return fallback;
  const parts = partsOf(given);
  return parts.includes('') ? refuseFlag(flag, given, 'values separated by commas') : parts;
}

export interface Choices<T> {
  readonly of: readonly T[];
  readonly fallback: readonly T[];
  /** How many at least; 1 by default. */
  readonly least?: 1 | 2;
}

/** The value of a flag that takes several words of a closed set, each once, in the order given. Throws `bad-setting`. */
export function choicesFlag<T extends string>(flags: Flags, flag: string, choices: Choices<T>): readonly T[] {
  const { of, fallback, least = 1 } = choices;
  const given = flags.get(flag);
  if (given === undefined) return fallback;
  const parts = partsOf(given);
  const chosen = parts.flatMap((part) => of.find((one) => one === part) ?? []);
  if (chosen.length === parts.length && new Set(chosen).size === chosen.length && chosen.length >= least) return chosen;
  const many = least === 1 ? 'one or more' : 'two or more';
  return refuseFlag(flag, given, `${many} of ${of.join(', ')}, separated by commas, each once`);
}

function partsOf(given: string | boolean): string[] {
  return String(given)
    .split(',')
    .map((part) => part.trim());
}

const secretFlags = new Set(Object.values(settingsTable).flatMap(({ flag, isSecret }) => (isSecret ? [flag] : [])));

/** A command line that says again what was said, but no secret. */
export function commandOf(name: string, flags: Flags): string {
  const parts = [...flags].map(([flag, value]) => {
    if (value === true) return `--${flag}`;
    if (value === false) return `--no-${flag}`;
    return `--${flag} ${secretFlags.has(flag) ? "'...'" : quoted(value)}`;
  });
  return ['kvorum', name, ...parts].join(' ');
}

/** A list of node URLs. Throws `bad-setting`. */
export function urlsFlag(flags: Flags, flag: string, fallback: string): readonly string[] {
  const given = String(flags.get(flag) ?? fallback);
  return given.split(',').map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    if (url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.hostname !== '') return url.origin;
    return refuseFlag(flag, given, `URLs like ${targetDefault}, separated by commas`);
  });
}

export function clusterOf(flags: Flags, environment: Environment): ClusterChoice {
  const count = countFlag(flags, 'up', nodesMax);
  const forNodes = nodeFlags(flags);
  if (count === undefined) {
    const named = [...forNodes.keys()].filter((flag) => flag !== authorityFlag);
    const [first] = [...named, ...(flags.has('data') ? ['data'] : [])];
    if (first !== undefined) {
      throw new KvorumError('bad-setting', `--${first} is for the nodes of --up; nodes that run have their settings`);
    }
    return { kind: 'running', urls: urlsFlag(flags, 'url', targetDefault) };
  }
  if (flags.has('url')) throw new KvorumError('bad-setting', 'Two clusters: give --url or --up, not both');
  // Only to be told here what is wrong with them.
  planCluster({ flags: forNodes, environment }, count);
  const directory = fileFlag(flags, 'data');
  const passedOn = [...forNodes].flatMap(([flag, value]) => {
    if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}=${value}`];
  });
  return { kind: 'own', count, flags: passedOn, ...(directory !== undefined && { directory }) };
}

function nodeFlags(flags: Flags): Flags {
  const names = new Set(nodeOptions.map(({ flag }) => flag));
  return new Map([...flags].filter(([flag]) => names.has(flag)));
}

export function engineOf(flags: Flags, { arrival }: Pick<Workload, 'arrival'>): EngineChoice {
  const wrk2Path = fileFlag(flags, 'wrk2');
  const asked = choiceFlag(flags, 'engine', engines, wrk2Path === undefined ? 'auto' : 'wrk2');
  if (wrk2Path !== undefined && asked === 'built-in') refuseFlag('engine', asked, 'wrk2 or auto together with --wrk2');
  if (arrival === 'poisson' && asked === 'wrk2') refuseFlag('arrival', arrival, 'constant together with wrk2');
  const requestTimeoutMs = timeFlag(flags, 'request-timeout', { minMs: 1, fallbackMs: 10_000 });
  return { name: arrival === 'poisson' ? 'built-in' : asked, wrk2Path, requestTimeoutMs };
}

function boundsOf(flags: Flags): Bounds {
  const ms = (flag: string): number | undefined =>
    flags.has(flag) ? timeFlag(flags, flag, { minMs: 1, fallbackMs: 0 }) : undefined;
  const [meanMsMax, p999MsMax] = [ms('mean'), ms('p999')];
  const p99MsMax = ms('p99') ?? (flags.get('find-max') === true ? p99MsMaxDefault : undefined);
  const errorsMax = errorsMaxOf(flags);
  return {
    ...(meanMsMax !== undefined && { meanMsMax }),
    ...(p99MsMax !== undefined && { p99MsMax }),
    ...(p999MsMax !== undefined && { p999MsMax }),
    ...(errorsMax !== undefined && { errorsMax }),
  };
}

function errorsMaxOf(flags: Flags): Bounds['errorsMax'] {
  const given = textFlag(flags, 'errors-max');
  if (given === undefined) return undefined;
  if (/^\d{1,12}$/.test(given)) return { of: 'count', max: Number(given) };
  return { of: 'share', max: percentOf('errors-max', given, 'a whole number, or a share like 0.1%') };
}

/** `0.1%` as 0.001. Throws `bad-setting`. */
export function percentOf(flag: string, given: string, expected: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(given) ?? [];
  const share = Number(digits) / 100;
  return share >= 0 && share <= 1 ? share : refuseFlag(flag, given, expected);
}

function fileFlag(flags: Flags, flag: string): string | undefined {
  const given = textFlag(flags, flag);
  return given === '' ? refuseFlag(flag, given, 'a path') : given;
}

interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly isWhole?: boolean;
  /** Above the minimum, not equal to it. */
  readonly isAbove?: boolean;
}

function numberFlag(flags: Flags, flag: string, bounds: NumberBounds): number {
  const { min, max, fallback, isWhole = false, isAbove = false } = bounds;
  const given = flags.get(flag);
  if (given === undefined) return fallback;
  const value = (isWhole ? /^\d{1,12}$/ : /^\d{1,12}(?:\.\d{1,9})?$/).test(String(given)) ? Number(given) : NaN;
  if ((isAbove ? value > min : value >= min) && value <= max) return value;
  const range = isAbove ? `above ${min}, up to ${max}` : `from ${min} to ${max}`;
  return refuseFlag(flag, given, `a ${isWhole ? 'whole ' : ''}number ${range}`);
}

function quoted(value: string): string {
  return /^[\w./:,=@%+-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
