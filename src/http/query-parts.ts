/**
 * What the queries of all client paths have in common: parameters with known names, each at most once, and keys.
 */
import { decodeComponent, type Key } from '../domain/key.ts';
import type { ProblemCode } from './problem.ts';

/** Why a query is refused. */
export interface QueryProblem {
  readonly problem: ProblemCode;
  readonly detail: string;
}

/**
 * The values by name, still encoded; a name without a value has an empty one. `repeated` says which problem it is that a
 * parameter is given twice.
 */
export function splitQuery<Name extends string>(
  query: string,
  names: readonly Name[],
  repeated: (name: Name) => ProblemCode,
): Partial<Record<Name, string>> | QueryProblem {
  const raw: Partial<Record<Name, string>> = {};
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const given = equals < 0 ? part : part.slice(0, equals);
    const name = names.find((one) => one === given);
    if (name === undefined) {
      const known = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
      return { problem: 'bad-parameter', detail: `Unknown parameter "${given.slice(0, 64)}"; known are ${known}` };
    }
    if (raw[name] !== undefined) return { problem: repeated(name), detail: `Parameter "${name}" is given twice` };
    raw[name] = equals < 0 ? '' : part.slice(equals + 1);
  }
  return raw;
}

/** Whether what came of parsing is a refusal. */
export function isProblem(parsed: object): parsed is QueryProblem {
  return 'problem' in parsed;
}

/** The key that parameter `name` holds. `problem` is what is said where it holds none. */
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
