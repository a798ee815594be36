/**
 * What the queries of all client paths have in common: parameters with known names, each at most once, and keys.
 */
import { decodeComponent, type Key } from '../domain/key.ts';
import { problemResponse, type ProblemCode } from './problem.ts';
import type { Response } from './reply.ts';

/** Why a query is refused. */
export interface QueryProblem {
  readonly problem: ProblemCode;
  readonly detail: string;
}

/**
 * The values by name, still encoded; a name without a value has an empty one. `repeated` names the problem if a parameter
 * is given twice.
 */
export function splitQuery<Name extends string>(
  query: string,
  names: readonly Name[],
  repeated: (name: Name) => ProblemCode,
): Partial<Record<Name, string>> | QueryProblem {
  const raw: Partial<Record<Name, string>> = {};
  // Not `split`, which takes longer than all the rest of this.
  for (let start = 0; start < query.length;) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf('=', start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    const given = query.slice(start, nameEnd);
    if (end > start) {
      if (!isOneOf(names, given)) return unknownParameter(given, names);
      if (raw[given] !== undefined) return { problem: repeated(given), detail: `Parameter "${given}" is given twice` };
      raw[given] = query.slice(nameEnd + 1, end);
    }
    start = end + 1;
  }
  return raw;
}

function isOneOf<Name extends string>(names: readonly Name[], given: string): given is Name {
  return names.includes(given as Name);
}

function unknownParameter(given: string, names: readonly string[]): QueryProblem {
  const known = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return { problem: 'bad-parameter', detail: `Unknown parameter "${given.slice(0, 64)}"; known are ${known}` };
}

const takesNone = problemResponse('bad-parameter', 'This path takes no parameters');

/** Why a query is refused where there can be none, or undefined. */
export function parameterRefusal(query: string): Response | undefined {
  return query === '' ? undefined : takesNone;
}

/** Whether the result of parsing is a refusal. */
export function isProblem(parsed: object): parsed is QueryProblem {
  return 'problem' in parsed;
}

/** The key that parameter `name` holds. `problem` is the refusal if it holds none. */
export function parseKey(
  { name, text, problem }: { readonly name: string; readonly text: string | undefined; readonly problem: ProblemCode },
  keyBytesMax: number,
): Key | QueryProblem {
  if (text === undefined) return { problem, detail: `Parameter "${name}" is missing` };
  if (text === '') return { problem, detail: `Parameter "${name}" is empty` };
  const key = decodeComponent(text);
  if (key === undefined) return { problem, detail: `Parameter "${name}" is not UTF-8 in percent encoding` };
  if (key.length <= keyBytesMax) return key;
  return { problem, detail: `Parameter "${name}" has ${key.length} bytes; at most ${keyBytesMax} are possible` };
}
