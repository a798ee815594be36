/**
 * The kinds of settings: how the text of a flag, of an environment variable or of a file becomes a value, and what help,
 * `kvorum config`, refusals and docs/settings.md say of it.
 *
 * Sizes and durations take a suffix (`16MiB`, `1s`) so that nobody counts zeros; without one they are bytes and
 * milliseconds, as their names say. Only binary suffixes exist: `MB` means two things.
 */
import { GIB, KIB, MIB } from '../domain/units.ts';
import type { Dispatch, Mode } from '../domain/modes.ts';

/** Whose code reads a setting: the main thread, the workers (see `WorkerSettings`), or both. */
export type NeededBy = 'node' | 'worker' | 'both';

/**
 * The settings that the defaults and bounds of others follow from. Written out, since the compiler cannot take it from a
 * table that uses it; `NodeSettings` has all of it.
 */
export interface Others {
  readonly mode: Mode;
  readonly dispatch: Dispatch;
  readonly workers: number;
  readonly port: number;
  readonly self: string;
  /** The text of `self`, or undefined where nobody gave one: `self` follows from `port`, and `port` from this. */
  readonly selfAsGiven: string | undefined;
  readonly cluster: readonly string[];
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsCa: string | undefined;
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly batchBytesMax: number;
  readonly logSegmentBytes: number;
  /** What memory the process may have; no setting, but defaults follow from it, too. */
  readonly memoryLimitBytes: number;
}

type SizeOfOthers = Exclude<Extract<keyof Others, `${string}Bytes${string}`>, 'memoryLimitBytes'>;

/** A parsed value, or undefined where the text is not one. Wrapped, since undefined can be a value. */
export type Parsed<T> = { readonly value: T } | undefined;

/** A setting but for its name. */
export interface Entry<T, By extends NeededBy = NeededBy> {
  /** Where the flag is not the setting's name in kebab case. */
  readonly flag: string | undefined;
  /** How help names the value, for example `MS`; empty for a switch, which takes none; undefined: the flag's last word. */
  readonly placeholder: string | undefined;
  readonly unit: string;
  /** The words of a setting that takes one of several; undefined where it takes others. */
  readonly choices: readonly string[] | undefined;
  /** The bound, in few words. */
  readonly bounds: string;
  /** The bound, as the end of "Bad --port "x": expected ...". */
  readonly expected: string;
  /** One sentence: what the setting is for, or what it bounds. */
  readonly why: string;
  /** One sentence: how to choose it. */
  readonly choose: string;
  readonly neededBy: By;
  readonly isSecret: boolean;
  readonly isCommon: boolean;
  readonly isPerNode: boolean;
  readonly defaultFor: (others: Others) => T;
  /** The default, or in words how it follows from other settings; empty where there is none. */
  readonly defaultWords: string;
  /** Why the default is what it is in this place, where it depends on another setting. */
  readonly defaultNote: (others: Others) => string | undefined;
  /** What is wrong with the value beside the other settings, as the end of "Bad --port "1": ...". */
  readonly check: (value: T, others: Others) => string | undefined;
  readonly parse: (text: string) => Parsed<T>;
  /** The text that parses to `value`. */
  readonly format: (value: T) => string;
}

type Described<T, By extends NeededBy> = Default<T> & {
  readonly why: string;
  readonly choose: string;
  readonly neededBy: By;
  readonly flag?: string;
  readonly isSecret?: true;
  /** In the short help: what most people need. `--help-all`, `kvorum config` and the documents show all settings. */
  readonly isCommon?: true;
  /** Each node has its own: a command that starts a cluster chooses it. */
  readonly isPerNode?: true;
  readonly check?: (value: T, others: Others) => string | undefined;
};

type Note = (others: Others) => string | undefined;

type Default<T> =
  | { readonly default: T; readonly defaultWords?: string; readonly defaultNote?: Note }
  | { readonly default: (others: Others) => T; readonly defaultWords: string; readonly defaultNote?: Note };

interface Bounds {
  /** Both are accepted themselves. */
  readonly range: readonly [min: number, max: number];
  /** What the smallest value means, where it is not a quantity. */
  readonly minMeans?: string;
}

interface TextFacts {
  readonly placeholder: string;
  /** What is accepted, where it is more than "not empty". */
  readonly bounds?: string;
}

/** A size that must hold another one, and so much more. */
interface AtLeast {
  readonly of: SizeOfOthers;
  readonly plusBytes?: number;
}

export function text<By extends NeededBy>(described: Described<string, By> & TextFacts): Entry<string, By> {
  return entry(described, {
    placeholder: described.placeholder,
    bounds: described.bounds ?? 'not empty',
    expected: 'a text that is not empty',
    parse: (given) => (given === '' ? undefined : { value: given }),
    format: (value) => value,
  });
}

/** A text that may stay unset. */
export function optionalText<By extends NeededBy>(
  described: Described<string | undefined, By> & TextFacts,
): Entry<string | undefined, By> {
  return entry(described, {
    placeholder: described.placeholder,
    bounds: described.bounds ?? 'not empty',
    expected: 'a text that is not empty',
    parse: (given) => (given === '' ? undefined : { value: given }),
    format: (value) => value ?? '',
  });
}

/** Texts separated by commas. */
export function list<By extends NeededBy>(
  described: Described<readonly string[], By> & TextFacts,
): Entry<readonly string[], By> {
  return entry(described, {
    placeholder: described.placeholder,
    bounds: described.bounds ?? 'not empty',
    expected: 'texts separated by commas',
    parse: (given) => {
      const parts = given.split(',').map((part) => part.trim());
      return parts.includes('') ? undefined : { value: parts };
    },
    format: (values) => values.join(','),
  });
}

/** One of several words. */
export function choice<const Word extends string, By extends NeededBy>(
  described: Described<NoInfer<Word>, By> & { readonly of: readonly Word[] },
): Entry<Word, By> {
  const all = described.of;
  return entry<Word, By>(described, {
    placeholder: undefined,
    choices: all,
    bounds: all.join(', '),
    expected: `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`,
    parse: (given) => wrap(all.find((one) => one === given)),
    format: (value) => value,
  });
}

/** A switch: `--flag`, `--no-flag`, `true` or `false`. */
export function toggle<By extends NeededBy>(described: Described<boolean, By>): Entry<boolean, By> {
  return entry(described, {
    placeholder: '',
    bounds: 'true, false',
    expected: 'true or false',
    parse: (given) => toggles.get(given.toLowerCase()),
    format: String,
  });
}

export function integer<By extends NeededBy>(
  described: Described<number, By> & Bounds & { readonly unit?: string },
): Entry<number, By> {
  return entry(described, {
    placeholder: 'N',
    unit: described.unit ?? '',
    bounds: boundsOf(described, String),
    expected: `a whole number from ${described.range.join(' to ')}`,
    parse: (given) => within(described, parseQuantity(given, onlyOnes)),
    format: String,
  });
}

/** Bytes. */
export function size<By extends NeededBy>(
  described: Described<number, By> & Bounds & { readonly atLeast?: readonly AtLeast[] },
): Entry<number, By> {
  const { range, atLeast = [] } = described;
  return entry(
    { ...described, check: (value, others) => tooSmall(value, atLeast, others) ?? described.check?.(value, others) },
    {
      placeholder: 'SIZE',
      unit: 'bytes',
      bounds: boundsOf(described, formatSize) + leastOf(atLeast),
      expected: `a size from ${range.map(formatSize).join(' to ')} (bytes, or a number with KiB, MiB or GiB)`,
      parse: (given) => within(described, parseQuantity(given, sizeUnits)),
      format: formatSize,
    },
  );
}

/** Milliseconds. */
export function duration<By extends NeededBy>(described: Described<number, By> & Bounds): Entry<number, By> {
  const [min, max] = described.range;
  return entry(described, {
    placeholder: 'MS',
    unit: 'ms',
    bounds: boundsOf(described, String),
    expected: `a duration from ${min}ms to ${max}ms (milliseconds, or a number with ms or s)`,
    parse: (given) => within(described, parseDuration(given)),
    format: String,
  });
}

/** A part of the memory that the process may have, in whole MiB, for a default of at most `most`. */
export function shareOfMemory({ memoryLimitBytes }: Others, parts: number, most: number): number {
  return Math.min(most, Math.floor(memoryLimitBytes / parts / MIB) * MIB);
}

/** `1500`, `500ms` or `1s` in milliseconds; undefined where it is none of them. */
export function parseDuration(given: string): number | undefined {
  return parseQuantity(given, durationUnits);
}

/** `1500` or `64KiB` in bytes; undefined where it is neither. */
export function parseSize(given: string): number | undefined {
  return parseQuantity(given, sizeUnits);
}

/** A size with the largest suffix that leaves a whole number. */
export function formatSize(bytes: number): string {
  for (const [suffix, unit] of [
    ['GiB', GIB],
    ['MiB', MIB],
    ['KiB', KIB],
  ] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${suffix}`;
  }
  return String(bytes);
}

/** `value-bytes-max` for `valueBytesMax`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const onlyOnes: ReadonlyMap<string, number> = new Map([['', 1]]);
const sizeUnits: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['kib', KIB],
  ['mib', MIB],
  ['gib', GIB],
]);
const durationUnits: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['ms', 1],
  ['s', 1000],
]);
const toggles: ReadonlyMap<string, { value: boolean }> = new Map([
  ['true', { value: true }],
  ['1', { value: true }],
  ['false', { value: false }],
  ['0', { value: false }],
]);

type Kind<T> = Pick<Entry<T>, 'placeholder' | 'bounds' | 'expected' | 'parse' | 'format'> & {
  readonly unit?: string;
  readonly choices?: readonly string[];
};

function entry<T, By extends NeededBy>(described: Described<T, By>, kind: Kind<T>): Entry<T, By> {
  const given = described.default;
  return {
    unit: '',
    choices: undefined,
    ...kind,
    flag: described.flag,
    why: described.why,
    choose: described.choose,
    neededBy: described.neededBy,
    isSecret: described.isSecret ?? false,
    isCommon: described.isCommon ?? false,
    isPerNode: described.isPerNode ?? false,
    // A default is plain data or a function of other settings; no setting's value is itself a function.
    defaultFor: (others) => (isFunction(given) ? given(others) : given),
    defaultWords: described.defaultWords ?? (isFunction(given) ? '' : kind.format(given)),
    defaultNote: described.defaultNote ?? (() => undefined),
    check: described.check ?? (() => undefined),
  };
}

function isFunction<T>(given: T | ((others: Others) => T)): given is (others: Others) => T {
  return typeof given === 'function';
}

function boundsOf({ range: [min, max], minMeans }: Bounds, format: (value: number) => string): string {
  const range = `${format(min)} to ${format(max)}`;
  return minMeans === undefined ? range : `${range}, ${format(min)}: ${minMeans}`;
}

function tooSmall(value: number, atLeast: readonly AtLeast[], others: Others): string | undefined {
  const broken = atLeast.find(({ of, plusBytes = 0 }) => value < others[of] + plusBytes);
  if (broken === undefined) return undefined;
  const least = formatSize(others[broken.of] + (broken.plusBytes ?? 0));
  return `expected at least ${least}, the size of ${sizeName(broken)}`;
}

/** `, at least --value-bytes-max + 64KiB and --batch-bytes-max`, or nothing. */
function leastOf(atLeast: readonly AtLeast[]): string {
  if (atLeast.length === 0) return '';
  return `, at least ${atLeast.map((one) => sizeName(one).replace(' and ', ' + ')).join(' and ')}`;
}

function sizeName({ of, plusBytes }: AtLeast): string {
  return plusBytes === undefined ? `--${kebab(of)}` : `--${kebab(of)} and ${formatSize(plusBytes)}`;
}

function parseQuantity(given: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, suffix] = /^(\d+) ?([a-z]*)$/i.exec(given) ?? [];
  if (digits === undefined || suffix === undefined) return undefined;
  const unit = units.get(suffix.toLowerCase());
  if (unit === undefined) return undefined;
  const value = Number(digits) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

function within({ range: [min, max] }: Bounds, value: number | undefined): Parsed<number> {
  return value === undefined || value < min || value > max ? undefined : { value };
}

function wrap<T>(value: T | undefined): Parsed<T> {
  return value === undefined ? undefined : { value };
}
