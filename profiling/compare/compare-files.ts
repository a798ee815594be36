/**
 * Compares earlier results: files of `kvorum bench --json` or `kvorum compare --json`, one or more a side. Several files
 * of the same load are its rounds, which give the ranges that a verdict needs.
 */
import { readFileSync } from 'node:fs';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { fieldOf } from '../../src/formats/foreign-json.ts';
import { benchSchema, type BenchEnvironment, type BenchResult } from '../load/result.ts';
import { pointKey } from './load-point.ts';
import { maximumOf } from './spread.ts';
import { compareSchema, type CompareResult, type CompareRun, type MaximumSearch } from '../result/compare.ts';
import { compareSteps, summarise } from './summary.ts';

export interface CompareFilesOptions {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly command: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** What a side's files hold of one cluster. */
interface Part {
  /** The mode, or the name that it has in a file of a comparison. */
  readonly name: string;
  readonly source: string;
  readonly environment: BenchEnvironment;
  readonly idleCpuMsPerSecond: number | null;
  readonly runs: readonly Omit<CompareRun, 'subject' | 'round'>[];
  readonly searches: readonly Omit<MaximumSearch, 'subject'>[];
}

/** Throws `bad-setting` where a file is no result, or the two sides have nothing in common. */
export function compareFiles({ a, b, command, startedAt }: CompareFilesOptions): CompareResult {
  const [left, right] = [readSide('a', a), readSide('b', b)];
  const pairs = pairParts(left, right);
  if (pairs.length === 0) throw nothingInCommon(a, b, 'cluster', [left, right].map(names));
  const named = pairs.map(([one, other]) => {
    const suffix = pairs.length === 1 ? '' : ` ${one.name}`;
    return [
      { ...one, subject: `a${suffix}` },
      { ...other, subject: `b${suffix}` },
    ] as const;
  });
  const levelled = named.map(([one, other]) => level(one, other));
  const all = levelled.flat();
  const runs = all.flatMap(numberedRuns);
  const searches = all.flatMap(({ subject, searches: found }) => found.map((search) => ({ ...search, subject })));
  const summary = summarise(runs);
  const steps = compareSteps(
    levelled.map(([one, other]) => [one.subject, other.subject] as const),
    summary,
    searches,
  );
  if (steps.length === 0) throw nothingInCommon(a, b, 'load', [left, right].map(loads));
  return {
    schema: compareSchema,
    startedAt,
    command,
    cutShort: all.some((part) => part.runs.some(({ result }) => result.cutShort)),
    settings: null,
    subjects: all.map(({ subject: name, source, environment, idleCpuMsPerSecond }) => ({
      name,
      source,
      environment,
      idleCpuMsPerSecond,
    })),
    searches,
    runs,
    summary,
    steps,
  };
}

type NamedPart = Part & { readonly subject: string };

/** Parts of the same name, or the only ones there are. */
function pairParts(left: readonly Part[], right: readonly Part[]): (readonly [Part, Part])[] {
  const [one, other] = [left[0], right[0]];
  if (left.length === 1 && right.length === 1 && one !== undefined && other !== undefined) return [[one, other]];
  return left.flatMap((part) => {
    const match = right.find(({ name }) => name === part.name);
    return match === undefined ? [] : [[part, match] as const];
  });
}

/** Where an operation was run at one load on either side, and not at the same, the two are compared as they were run. */
function level(one: NamedPart, other: NamedPart): [NamedPart, NamedPart] {
  const ops = new Set(one.runs.map(({ op }) => op));
  const unlike = [...ops].filter((op) => {
    const [left, right] = [pointsOf(one, op), pointsOf(other, op)];
    return left.size === 1 && right.size === 1 && [...left][0] !== [...right][0];
  });
  const levelled = (part: NamedPart): NamedPart => ({
    ...part,
    runs: part.runs.map((run) => (unlike.includes(run.op) ? { ...run, point: { kind: 'as-run' } } : run)),
  });
  return [levelled(one), levelled(other)];
}

function pointsOf({ runs }: Part, op: CompareRun['op']): Set<string> {
  return new Set(runs.filter((run) => run.op === op).map(({ point }) => pointKey(point)));
}

function numberedRuns({ subject, runs }: NamedPart): CompareRun[] {
  const rounds = new Map<string, number>();
  return runs.map((run) => {
    const key = `${run.op} ${pointKey(run.point)}`;
    const round = (rounds.get(key) ?? 0) + 1;
    rounds.set(key, round);
    return { ...run, subject, round };
  });
}

/** The files of one side, those of the same cluster put together. */
function readSide(flag: 'a' | 'b', paths: readonly string[]): Part[] {
  const byName = new Map<string, Part>();
  for (const part of paths.flatMap((path) => readParts(flag, path))) {
    const known = byName.get(part.name);
    if (known === undefined) byName.set(part.name, part);
    else byName.set(part.name, merge(known, part));
  }
  return [...byName.values()];
}

function merge(one: Part, other: Part): Part {
  return {
    ...one,
    source: `${one.source}, ${other.source}`,
    runs: [...one.runs, ...other.runs],
    searches: mergeSearches([...one.searches, ...other.searches]),
  };
}

/** Searches of several files for the same maximum are rounds of one. */
function mergeSearches(searches: Part['searches']): Part['searches'] {
  const ops = [...new Set(searches.map(({ op }) => op))];
  return ops.map((op) => {
    const same = searches.filter((search) => search.op === op);
    const [only] = same;
    return same.length === 1 && only !== undefined ? only : { op, ...maximumOf(same.map(({ steps }) => steps)) };
  });
}

function readParts(flag: 'a' | 'b', path: string): Part[] {
  const read = parseFile(flag, path);
  switch (read.schema) {
    case benchSchema:
      return [partOfBench(path, read)];
    case compareSchema:
      return read.subjects.map((subject) => ({
        ...subject,
        source: path,
        runs: read.runs.filter((run) => run.subject === subject.name),
        searches: read.searches.filter((search) => search.subject === subject.name),
      }));
    default:
      return read satisfies never;
  }
}

function partOfBench(path: string, result: BenchResult): Part {
  const { op, rate } = result.workload;
  return {
    name: String(result.environment.cluster['mode'] ?? ''),
    source: path,
    environment: result.environment,
    idleCpuMsPerSecond: null,
    runs: [{ op, point: { kind: 'rate', rate }, result }],
    searches: result.search === undefined ? [] : [{ op, ...maximumOf([result.search]) }],
  };
}

function parseFile(flag: 'a' | 'b', path: string): BenchResult | CompareResult {
  const refuse = (reason: string, cause?: unknown): KvorumError =>
    new KvorumError('bad-setting', `Bad --${flag} "${path}": ${reason}`, { cause });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw refuse(`cannot be read: ${messageOf(error)}`, error);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw refuse('is not JSON; expected a file of kvorum bench --json or kvorum compare --json', error);
  }
  if (isBenchResult(parsed) || isCompareResult(parsed)) return parsed;
  const schema = fieldOf(parsed, 'schema');
  const said = typeof schema === 'string' ? `has the schema "${schema}"` : 'is no result';
  throw refuse(`${said}; expected ${benchSchema} or ${compareSchema}, whole`);
}

/** Checked is what is read here; the rest is taken on the word of the schema. */
function isBenchResult(value: unknown): value is BenchResult {
  return (
    fieldOf(value, 'schema') === benchSchema &&
    typeof fieldOf(fieldOf(value, 'workload'), 'op') === 'string' &&
    typeof fieldOf(fieldOf(value, 'workload'), 'rate') === 'number' &&
    typeof fieldOf(fieldOf(value, 'totals'), 'rate') === 'number' &&
    typeof fieldOf(fieldOf(value, 'verdict'), 'kind') === 'string' &&
    typeof fieldOf(fieldOf(value, 'environment'), 'cluster') === 'object' &&
    Array.isArray(fieldOf(fieldOf(value, 'latency'), 'buckets')) &&
    Array.isArray(fieldOf(value, 'nodes'))
  );
}

function isCompareResult(value: unknown): value is CompareResult {
  const [subjects, searches, runs] = ['subjects', 'searches', 'runs'].map((name) => fieldOf(value, name));
  return (
    fieldOf(value, 'schema') === compareSchema &&
    Array.isArray(subjects) &&
    subjects.every((subject) => typeof fieldOf(subject, 'name') === 'string') &&
    Array.isArray(searches) &&
    Array.isArray(runs) &&
    runs.every(
      (run) => isBenchResult(fieldOf(run, 'result')) && typeof fieldOf(fieldOf(run, 'point'), 'kind') === 'string',
    )
  );
}

function nothingInCommon(
  a: readonly string[],
  b: readonly string[],
  what: string,
  [left = '', right = '']: readonly string[],
): KvorumError {
  const message = `"${a.join(',')}" (${left}) and "${b.join(',')}" (${right}) have no ${what} in common to compare`;
  return new KvorumError('bad-setting', message);
}

function names(parts: readonly Part[]): string {
  return parts.map(({ name }) => name).join(', ') || 'nothing';
}

function loads(parts: readonly Part[]): string {
  const all = new Set(parts.flatMap(({ runs }) => runs.map(({ op, point }) => `${op} ${pointKey(point)}`)));
  return [...all].join(', ') || 'no runs';
}
