/**
 * The kinds of settings: how the text of a flag, of an environment variable or of a file becomes a value, and what is
 * said of it in help, in `kvorum config` and in refusals.
 *
 * Sizes and durations take a suffix (`16MiB`, `1s`) so that nobody counts zeros; without one they are bytes and
 * milliseconds, as their names say. Only binary suffixes exist: `MB` means two things.
 */
import { GIB, KIB, MIB } from '../domain/units.ts';
import type { Dispatch, Mode } from '../formats/worker-protocol.ts';

/** What a default may depend on. */
export interface DefaultsContext {
  readonly mode: Mode;
  readonly dispatch: Dispatch;
  readonly port: number;
  readonly self: string;
}

/** A parsed value, or undefined where the text is not one. Wrapped, since undefined can be a value. */
export type Parsed<T> = { readonly value: T } | undefined;

export interface Setting<T> {
  /** Without the dashes. */
  readonly flag: string;
  readonly environmentName: string;
  /** How help names the value, for example `MS`; empty for a switch, which takes none. */
  readonly placeholder: string;
  readonly unit: string;
  /** The bound, in few words. */
  readonly bounds: string;
  /** The bound, as the end of "Bad --port "x": expected ...". */
  readonly expected: string;
  /** One sentence: what the setting is for. */
  readonly why: string;
  readonly isSecret: boolean;
  readonly defaultFor: (context: DefaultsContext) => T;
  /** Why the default is what it is, where it depends on another setting. */
  readonly defaultNote: (context: DefaultsContext) => string | undefined;
  readonly parse: (text: string) => Parsed<T>;
  /** The text that parses to `value`. */
  readonly format: (value: T) => string;
}

interface Described<T> {
  readonly flag: string;
  readonly why: string;
  readonly default: T | ((context: DefaultsContext) => T);
  readonly defaultNote?: (context: DefaultsContext) => string | undefined;
}

interface Bounded extends Described<number> {
  readonly min: number;
  readonly max: number;
  /** What the smallest value means, where it is not a quantity. */
  readonly minMeans?: string;
}

interface DescribedText<T> extends Described<T> {
  readonly placeholder: string;
  /** What is accepted, where it is more than "not empty". */
  readonly bounds?: string;
  readonly isSecret?: boolean;
}

export function text(described: DescribedText<string>): Setting<string> {
  return {
    ...common(described, described.placeholder),
    isSecret: described.isSecret ?? false,
    bounds: described.bounds ?? 'not empty',
    expected: 'a text that is not empty',
    parse: (given) => (given === '' ? undefined : { value: given }),
    format: (value) => value,
  };
}

/** A text that may stay unset. */
export function optionalText(described: DescribedText<string | undefined>): Setting<string | undefined> {
  return {
    ...common(described, described.placeholder),
    bounds: 'not empty',
    expected: 'a text that is not empty',
    parse: (given) => (given === '' ? undefined : { value: given }),
    format: (value) => value ?? '',
  };
}

/** Texts separated by commas. */
export function list(described: DescribedText<readonly string[]>): Setting<readonly string[]> {
  return {
    ...common(described, described.placeholder),
    bounds: described.bounds ?? 'not empty',
    expected: 'texts separated by commas',
    parse: (given) => {
      const parts = given.split(',').map((part) => part.trim());
      return parts.includes('') ? undefined : { value: parts };
    },
    format: (values) => values.join(','),
  };
}

export function choice<T extends string>(described: Described<T> & { of: readonly T[] }): Setting<T> {
  const all = described.of;
  return {
    ...common(described, described.flag.split('-').at(-1)?.toUpperCase() ?? ''),
    bounds: all.join(', '),
    expected: `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`,
    parse: (given) => wrap(all.find((one) => one === given)),
    format: (value) => value,
  };
}

/** On or off; as a flag `--name` and `--no-name`. */
export function toggle(described: Described<boolean>): Setting<boolean> {
  return {
    ...common(described, ''),
    bounds: 'true, false',
    expected: 'true or false',
    parse: (given) => toggles.get(given.toLowerCase()),
    format: String,
  };
}

export function integer(bounded: Bounded & { unit?: string }): Setting<number> {
  return {
    ...common(bounded, 'N'),
    unit: bounded.unit ?? '',
    bounds: boundsOf(bounded, String),
    expected: `a whole number from ${bounded.min} to ${bounded.max}`,
    parse: (given) => within(bounded, parseQuantity(given, onlyOnes)),
    format: String,
  };
}

export function size(bounded: Bounded): Setting<number> {
  const range = `${formatSize(bounded.min)} to ${formatSize(bounded.max)}`;
  return {
    ...common(bounded, 'SIZE'),
    unit: 'bytes',
    bounds: boundsOf(bounded, formatSize),
    expected: `a size from ${range} (bytes, or a number with KiB, MiB or GiB)`,
    parse: (given) => within(bounded, parseQuantity(given, sizeUnits)),
    format: formatSize,
  };
}

export function duration(bounded: Bounded): Setting<number> {
  return {
    ...common(bounded, 'MS'),
    unit: 'ms',
    bounds: boundsOf(bounded, String),
    expected: `a duration from ${bounded.min}ms to ${bounded.max}ms (milliseconds, or a number with ms or s)`,
    parse: (given) => within(bounded, parseDuration(given)),
    format: String,
  };
}

/** `1500`, `500ms` or `1s` in milliseconds; undefined where it is none of them. */
export function parseDuration(given: string): number | undefined {
  return parseQuantity(given, durationUnits);
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

function common<T>(described: Described<T>, placeholder: string) {
  const given = described.default;
  return {
    flag: described.flag,
    environmentName: `KVORUM_${described.flag.replaceAll('-', '_').toUpperCase()}`,
    placeholder,
    unit: '',
    why: described.why,
    isSecret: false,
    // A default is plain data or a function of the context; no setting's value is itself a function.
    defaultFor: (context: DefaultsContext): T => (isFunction(given) ? given(context) : given),
    defaultNote: described.defaultNote ?? (() => undefined),
  };
}

function isFunction<T>(given: T | ((context: DefaultsContext) => T)): given is (context: DefaultsContext) => T {
  return typeof given === 'function';
}

function boundsOf(bounded: Bounded, format: (value: number) => string): string {
  const range = `${format(bounded.min)} to ${format(bounded.max)}`;
  return bounded.minMeans === undefined ? range : `${range}, ${format(bounded.min)}: ${bounded.minMeans}`;
}

function parseQuantity(given: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, suffix] = /^(\d+) ?([a-z]*)$/i.exec(given) ?? [];
  if (digits === undefined || suffix === undefined) return undefined;
  const unit = units.get(suffix.toLowerCase());
  if (unit === undefined) return undefined;
  const value = Number(digits) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

function within({ min, max }: Bounded, value: number | undefined): Parsed<number> {
  return value === undefined || value < min || value > max ? undefined : { value };
}

function wrap<T>(value: T | undefined): Parsed<T> {
  return value === undefined ? undefined : { value };
}
