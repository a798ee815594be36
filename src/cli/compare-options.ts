/** The options of `kvorum compare`: what they are called, what they accept, and what they become. */
import type { CompareSettings } from '../../profiling/compare/result.ts';
import type { LoadOperation } from '../../profiling/load/result.ts';
import type { Flags } from '../config.ts';
import { KvorumError } from '../domain/errors.ts';
import { nodesMax } from '../domain/topology.ts';
import { MIB } from '../domain/units.ts';
import { durabilities, modes, type Mode } from '../domain/worker-protocol.ts';
import { duration, size, type Setting } from '../setting-kinds.ts';
import { outputOption, type Option } from './command.ts';
import { countFlag } from './parse.ts';

const ops: readonly LoadOperation[] = ['put', 'get', 'delete', 'mixed'];
const rateMax = 10_000_000;
const ratesMax = 16;
/** As in the study. */
const ratesDefault = [1000, 6000];
const maximumShare = 0.6;
const readShareDefault = 0.5;

const durationFlag = duration({
  flag: 'duration',
  why: 'Measured time of each run; runs that look for a maximum take half of it',
  min: 500,
  max: 3_600_000,
  default: 10_000,
});
const warmupFlag = duration({
  flag: 'warmup',
  why: 'Load before the measured time of each run',
  min: 0,
  max: 600_000,
  default: 2000,
});
const p99Flag = duration({
  flag: 'p99',
  why: 'Latency that 99% of the requests must keep for a rate to count as held',
  min: 1,
  max: 60_000,
  default: 50,
});
const valueFlag = size({ flag: 'value-bytes', why: 'Length of each value', min: 0, max: 16 * MIB, default: 64 });

const counts = {
  rounds: { max: 100, default: 3, about: 'How often each load is put on each mode' },
  nodes: { max: nodesMax, default: 3, about: 'Nodes of each cluster' },
  connections: { max: 10_000, default: 64, about: 'Connections that the load comes over' },
  keys: { max: 100_000_000, default: 10_000, about: 'Keys, all written before the first run and drawn uniformly' },
} as const;

/** What says how to run; nothing of it goes together with files. */
const runOptions: readonly Option[] = [
  option('modes', 'LIST', `Modes in the order of comparison, two or more of ${modes.join(', ')} (default all)`),
  option('op', 'LIST', `Operations, of ${ops.join(', ')} (default put,get)`),
  option('read-share', 'N', `Share of GETs in op mixed, 0 to 1 (default ${readShareDefault})`),
  option(
    'rates',
    'LIST',
    `Requests a second that every mode meets, at most ${ratesMax} (default ${ratesDefault.join(',')})`,
  ),
  ...Object.entries(counts).map(([flag, { about, default: value }]) =>
    option(flag, 'N', `${about} (default ${value})`),
  ),
  settingOption(durationFlag, 10_000),
  settingOption(warmupFlag, 2000),
  settingOption(p99Flag, 50),
  settingOption(valueFlag, 64),
  option('durability', durabilities.join('|'), 'When writes are acknowledged (default fsync)'),
  option('targets', 'one|all', 'Whether the load goes to one node of a cluster or to all (default one)'),
  option('data', 'DIR', "Where the clusters keep their data until the end (default the system's temporary directory)"),
];

export const compareOptions: readonly Option[] = [
  ...runOptions,
  option('a', 'FILE,...', 'Compare earlier results instead: of kvorum bench or compare, several files are rounds'),
  option('b', 'FILE,...', 'With what --a is compared'),
  option('json', 'FILE', 'Write the whole result'),
  option('report', 'FILE', 'Write a report as one HTML page'),
  outputOption,
];

export type CompareOrder =
  | { readonly kind: 'files'; readonly a: readonly string[]; readonly b: readonly string[] }
  | {
      readonly kind: 'modes';
      readonly modes: readonly Mode[];
      readonly settings: CompareSettings;
      readonly dataDirectory: string | undefined;
    };

/** What the flags ask for. Throws `bad-setting`. */
export function compareOrder(flags: Flags): CompareOrder {
  const [a, b] = [flags.get('a'), flags.get('b')];
  if (a === undefined && b === undefined) {
    const data = flags.get('data');
    return {
      kind: 'modes',
      modes: modesFlag(flags),
      settings: compareSettings(flags),
      dataDirectory: data === undefined ? undefined : String(data),
    };
  }
  if (a === undefined || b === undefined) {
    const [given, missing] = a === undefined ? ['b', 'a'] : ['a', 'b'];
    throw new KvorumError('bad-setting', `--${given} needs --${missing}: the other file to compare with`);
  }
  const stray = runOptions.find(({ flag }) => flags.has(flag));
  if (stray !== undefined) {
    const message = `--${stray.flag} says how to run clusters, which --a and --b do not do: leave one or the other out`;
    throw new KvorumError('bad-setting', message);
  }
  return { kind: 'files', a: listOf(flags, 'a', []), b: listOf(flags, 'b', []) };
}

/** The command line that repeats the comparison. */
export function commandLine(flags: Flags): string {
  return ['kvorum compare', ...[...flags].map(([flag, value]) => `--${flag} ${quoted(String(value))}`)].join(' ');
}

function compareSettings(flags: Flags): CompareSettings {
  const durationMs = parsed(flags, durationFlag, 10_000);
  return {
    ops: choicesOf(flags, 'op', { of: ops, least: 1, otherwise: ['put', 'get'] }),
    readShare: readShare(flags),
    rates: ratesOf(flags),
    maximumShare,
    rounds: countOf(flags, 'rounds'),
    nodes: countOf(flags, 'nodes'),
    durationMs,
    warmupMs: parsed(flags, warmupFlag, 2000),
    searchDurationMs: Math.ceil(durationMs / 2),
    connections: countOf(flags, 'connections'),
    keys: countOf(flags, 'keys'),
    valueBytes: parsed(flags, valueFlag, 64),
    durability: oneOf(flags, 'durability', durabilities),
    targets: oneOf(flags, 'targets', ['one', 'all'] as const),
    p99MsMax: parsed(flags, p99Flag, 50),
  };
}

function modesFlag(flags: Flags): readonly Mode[] {
  return choicesOf(flags, 'modes', { of: modes, least: 2, otherwise: modes });
}

function ratesOf(flags: Flags): readonly number[] {
  const given = listOf(flags, 'rates', ratesDefault.map(String));
  const rates = given.map((text) => (/^\d+$/.test(text) ? Number(text) : NaN));
  const areGood = rates.every((rate) => rate >= 1 && rate <= rateMax) && new Set(rates).size === rates.length;
  if (areGood && rates.length <= ratesMax) return rates;
  const expected = `expected up to ${ratesMax} different whole numbers from 1 to ${rateMax}, separated by commas`;
  throw bad(flags, 'rates', expected);
}

function readShare(flags: Flags): number {
  const given = flags.get('read-share');
  if (given === undefined) return readShareDefault;
  const share = /^\d*\.?\d+$/.test(String(given)) ? Number(given) : NaN;
  if (share >= 0 && share <= 1) return share;
  throw bad(flags, 'read-share', 'expected a number from 0 to 1');
}

interface Choices<T> {
  readonly of: readonly T[];
  readonly least: 1 | 2;
  readonly otherwise: readonly T[];
}

/** Different values of a closed set, in the order given. */
function choicesOf<T extends string>(flags: Flags, flag: string, { of, least, otherwise }: Choices<T>): readonly T[] {
  const given = listOf(flags, flag, otherwise);
  const chosen = given.flatMap((text) => of.find((one) => one === text) ?? []);
  if (chosen.length === given.length && new Set(chosen).size === chosen.length && chosen.length >= least) return chosen;
  const many = least === 1 ? 'one or more' : 'two or more';
  throw bad(flags, flag, `expected ${many} of ${of.join(', ')}, separated by commas, each once`);
}

function oneOf<T extends string>(flags: Flags, flag: string, of: readonly [T, ...T[]]): T {
  const given = flags.get(flag);
  const chosen = given === undefined ? of[0] : of.find((one) => one === given);
  if (chosen !== undefined) return chosen;
  throw bad(flags, flag, `expected ${of.join(' or ')}`);
}

function countOf(flags: Flags, flag: keyof typeof counts): number {
  return countFlag(flags, flag, counts[flag].max) ?? counts[flag].default;
}

function listOf(flags: Flags, flag: string, otherwise: readonly string[]): readonly string[] {
  const given = flags.get(flag);
  if (given === undefined) return otherwise;
  const parts = String(given)
    .split(',')
    .map((part) => part.trim());
  if (parts.includes('')) throw bad(flags, flag, 'expected a list separated by commas');
  return parts;
}

function parsed(flags: Flags, setting: Setting<number>, otherwise: number): number {
  const given = flags.get(setting.flag);
  if (given === undefined) return otherwise;
  const value = setting.parse(String(given));
  if (value !== undefined) return value.value;
  throw bad(flags, setting.flag, `expected ${setting.expected}`);
}

function bad(flags: Flags, flag: string, expected: string): KvorumError {
  return new KvorumError('bad-setting', `Bad --${flag} "${flags.get(flag)}": ${expected}`);
}

function settingOption({ flag, placeholder, why, bounds, format }: Setting<number>, value: number): Option {
  return option(flag, placeholder, `${why} (${bounds}; default ${format(value)})`);
}

function option(flag: string, placeholder: string, about: string): Option {
  return { flag, placeholder, about };
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
