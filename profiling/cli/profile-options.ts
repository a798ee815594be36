/** The options of `kvorum profile`, and what they become. */
import { clinicTools, type ClinicTool } from '../clinic/tools.ts';
import { loadOperations, type LoadOperation, type Workload } from '../load/result.ts';
import type { EngineChoice } from '../load/select-engine.ts';
import { instrumentNames, type InstrumentName } from '../result/profile.ts';
import type { Environment, Flags } from '../../src/settings/sources.ts';
import { settingsTable } from '../../src/settings/settings.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import {
  benchOptions,
  boundOptions,
  choicesFlag,
  clusterOf,
  commandOf,
  engineOf,
  fillTimeoutOf,
  noFill,
  timeFlag,
  workloadOf,
  workloadOptions,
  type ClusterChoice,
} from './bench-flags.ts';
import { junitOption, reportFormat, type OutputFormat } from './output-files.ts';
import { loadShapeOptions } from './load-shape-flags.ts';
import type { Option } from '../../src/cli/command.ts';
import { choiceFlag, countFlag, textFlag } from '../../src/cli/parse.ts';

export interface ProfilePlan {
  readonly cluster: ClusterChoice;
  readonly targets: 'one' | 'all';
  readonly workload: Omit<Workload, 'op' | 'rate' | 'targets'>;
  readonly ops: readonly LoadOperation[];
  /** Null: a share of what the cluster holds. */
  readonly rate: number | null;
  readonly engine: EngineChoice;
  /** Null: the keys are not put before. */
  readonly fillTimeoutMs: number | null;
  readonly instruments: readonly InstrumentName[];
  /** Whether they were asked for by name: then one that cannot be used is an error. */
  readonly areNamed: boolean;
  readonly clinic: readonly ClinicTool[];
  readonly directory: string;
  readonly baseline: string | undefined;
  readonly secretFile: string | undefined;
  readonly output: OutputFormat;
  readonly pprofFile: string | undefined;
  readonly junitFile: string | undefined;
  readonly follow: { readonly sliceMs: number; readonly slicesMax: number } | undefined;
  readonly command: string;
}

const directoryPrefix = 'kvorum-profile-';
const durationDefault = '15s';
const warmupDefault = '10s';
const opsDefault = ['put', 'get'] as const;

/** Those of the bench that mean the same here. */
const sharedFlags = new Set(benchOptions.map(({ flag }) => flag));
const ownFlags = ['op', 'rate', 'duration', 'warmup', 'find-max', 'json', 'report', 'junit', 'spectrum', 'fill'];
for (const { flag } of [...loadShapeOptions, ...boundOptions]) sharedFlags.delete(flag);
for (const flag of [...ownFlags, 'metrics-port']) sharedFlags.delete(flag);

export const profileOptions: readonly Option[] = [
  {
    flag: 'out',
    placeholder: 'DIR',
    about: `Where everything goes; new or empty (default ${directoryPrefix} and the time)`,
  },
  {
    flag: 'op',
    placeholder: 'LIST',
    about: `One or more of ${loadOperations.join(', ')} (default ${opsDefault.join(',')})`,
  },
  { flag: 'rate', placeholder: 'N', about: 'Requests a second (default: 70% of what the cluster holds, found first)' },
  { flag: 'duration', placeholder: 'TIME', about: `Of each run; default ${durationDefault}` },
  {
    flag: 'warmup',
    placeholder: 'TIME',
    about: `Load before a --rate, not measured; default ${warmupDefault}, and at most 1s of it before each run`,
  },
  { flag: 'fill', isNegatable: true, about: 'Put every key once before (default; --no-fill leaves it out)' },
  {
    flag: 'instruments',
    placeholder: 'LIST',
    about: `Of ${instrumentNames.join(', ')} (default: all that can be used)`,
  },
  {
    flag: 'clinic',
    placeholder: 'LIST',
    about: `Pages by clinic: ${clinicTools.join(', ')}, or all; other instruments only as far as these need them`,
  },
  {
    flag: 'pprof',
    placeholder: 'FILE',
    about: 'Write all stacks for pprof, too (gzip; labels node, thread, load; -sample_index=cpu, perf or alloc_space)',
  },
  { ...junitOption, about: 'Write as a JUnit file, for CI, whether each run kept its rate and each instrument worked' },
  {
    flag: 'follow',
    about:
      'Record the CPU of a running cluster without a load of ours, slice after slice, until Ctrl-C; DIR keeps a ring',
  },
  { flag: 'slice', placeholder: 'TIME', about: 'Length of a slice of --follow; default 60s' },
  { flag: 'keep', placeholder: 'N', about: 'Slices of --follow that are kept; default 60, an hour' },
  { flag: 'baseline', placeholder: 'DIR', about: 'An earlier profile; flame graphs show what changed since' },
  {
    flag: 'secret-file',
    placeholder: 'FILE',
    about: `The cluster's secret, for --url (default ${settingsTable.clusterSecret.environmentName})`,
  },
  ...workloadOptions.filter(({ flag }) => flag === 'value-bytes'),
  ...benchOptions.filter(({ flag }) => sharedFlags.has(flag)),
];

/** Throws `bad-setting`. */
export function planProfile(flags: Flags, environment: Environment): ProfilePlan {
  const cluster = clusterOf(flags, environment);
  const clinic = clinicOf(flags);
  if (clinic.length > 0 && cluster.kind === 'running') {
    throw new KvorumError('bad-setting', '--clinic starts nodes of its own: give --up N and leave --url out');
  }
  const { op: _op, rate, ...workload } = workloadOf(loadFlags(flags));
  const instruments = choicesFlag(flags, 'instruments', { of: instrumentNames, fallback: instrumentsFor(clinic) });
  return {
    cluster,
    targets: choiceFlag(flags, 'targets', ['one', 'all'], 'one'),
    workload,
    ops: choicesFlag(flags, 'op', { of: loadOperations, fallback: opsDefault }),
    rate: flags.has('rate') ? rate : null,
    engine: engineOf(flags, workload),
    fillTimeoutMs: flags.get('fill') === false ? noFill(flags) : fillTimeoutOf(flags),
    instruments,
    areNamed: flags.has('instruments'),
    clinic,
    directory: textFlag(flags, 'out') ?? directoryPrefix + timeStamp(),
    baseline: textFlag(flags, 'baseline'),
    secretFile: textFlag(flags, 'secret-file'),
    output: reportFormat(flags),
    pprofFile: textFlag(flags, 'pprof'),
    junitFile: textFlag(flags, 'junit'),
    follow: followOf(flags),
    command: commandOf('profile', flags),
  };
}

/** What says how to put a load on or what to measure of it: --follow does neither. */
const foreignToFollow = [
  'up',
  'op',
  'rate',
  'duration',
  'warmup',
  'fill',
  'instruments',
  'clinic',
  'baseline',
  'pprof',
  'junit',
];
const slicesMax = 10_000;

function followOf(flags: Flags): ProfilePlan['follow'] {
  if (flags.get('follow') !== true) {
    const stray = ['slice', 'keep'].find((flag) => flags.has(flag));
    if (stray === undefined) return undefined;
    throw new KvorumError('bad-setting', `--${stray} is of use only with --follow`);
  }
  const foreign = foreignToFollow.find((flag) => flags.has(flag));
  if (foreign !== undefined) {
    throw new KvorumError(
      'bad-setting',
      `--follow records a running cluster and puts no load on: leave --${foreign} out`,
    );
  }
  const sliceMs = timeFlag(flags, 'slice', { minMs: 1000, fallbackMs: 60_000 });
  return { sliceMs, slicesMax: countFlag(flags, 'keep', slicesMax) ?? 60 };
}

/** What the bench reads of them: one operation, and a length that differs where none is given. */
function loadFlags(flags: Flags): Flags {
  const rest = [...flags].filter(([flag]) => flag !== 'op');
  return new Map([['duration', durationDefault], ['warmup', warmupDefault], ...rest]);
}

/** Clinic itself sees one thread; its pages of the others are drawn from recordings of ours. */
function instrumentsFor(clinic: readonly ClinicTool[]): readonly InstrumentName[] {
  if (clinic.length === 0) return instrumentNames;
  const cpu: InstrumentName[] = clinic.includes('flame') ? ['cpu'] : [];
  return clinic.includes('heapprofiler') ? [...cpu, 'allocation'] : cpu;
}

function clinicOf(flags: Flags): readonly ClinicTool[] {
  return flags.get('clinic') === 'all' ? clinicTools : choicesFlag(flags, 'clinic', { of: clinicTools, fallback: [] });
}

/** `20260131-235959`, UTC. */
function timeStamp(): string {
  return new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
}
