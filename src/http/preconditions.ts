/**
 * Preconditions of a read (RFC 9110 section 13): whether the client has what it asks for already. Pure.
 *
 * An entity's tag is its version: the newest write wins by its version, so another value has another tag. Its time of
 * change, to the second, is the version's.
 */
import type { Version } from '../formats/record.ts';
import { httpDate, parseHttpDate } from './http-date.ts';

/** The fields as they came, those that stood more than once joined by commas; empty where there is none. */
export interface Preconditions {
  readonly ifMatch: string;
  readonly ifNoneMatch: string;
  readonly ifModifiedSince: string;
  readonly ifUnmodifiedSince: string;
}

/** What becomes of a read that found something. */
export type ReadVerdict = 'send' | 'not-modified' | 'failed';

const MICROSECONDS = 1_000_000;

/**
 * What an answer says of a version. `no-cache`: without it a cache may take a guess from the time of change how long the
 * value stays as it is (RFC 9111 section 4.2.2), and answer with an old one meanwhile.
 */
export function validatorFields(version: Version, nowSeconds: number): string {
  return `etag: ${entityTag(version)}\r\n${changeFields(Math.min(changedSeconds(version), nowSeconds))}`;
}

/** Seconds, and the fields of values that changed then: most that are read one after another are of few moments. */
const recentSeconds = new Float64Array(1024);
const recentFields: string[] = [];

function changeFields(seconds: number): string {
  const place = seconds % recentSeconds.length;
  const known = recentFields[place];
  if (known !== undefined && recentSeconds[place] === seconds) return known;
  const fields = `last-modified: ${httpDate(seconds)}\r\ncache-control: no-cache\r\n`;
  recentSeconds[place] = seconds;
  recentFields[place] = fields;
  return fields;
}

/** Evaluates the conditions in the order of section 13.2.2. `nowSeconds` since 1970. */
export function evaluate(conditions: Preconditions, version: Version, nowSeconds: number): ReadVerdict {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const tag = entityTag(version);
  const isChangedSince = (date: string): boolean | undefined => {
    const seconds = parseHttpDate(date, nowSeconds);
    return seconds === undefined ? undefined : Math.min(changedSeconds(version), nowSeconds) > seconds;
  };
  if (ifMatch !== '') {
    if (!names(ifMatch, tag, 'strong')) return 'failed';
  } else if (isChangedSince(ifUnmodifiedSince) === true) {
    return 'failed';
  }
  if (ifNoneMatch !== '') return names(ifNoneMatch, tag, 'weak') ? 'not-modified' : 'send';
  return isChangedSince(ifModifiedSince) === false ? 'not-modified' : 'send';
}

const LOW_DIGITS = 1e8;
let lastHigh = 0;
let lastHighText = '"0';

/** In two parts, of which the first is mostly that of the version before: a number of 16 digits takes twice as long to write. */
function entityTag(version: Version): string {
  const high = Math.floor(version / LOW_DIGITS);
  if (high === 0) return `"${version}"`;
  if (high !== lastHigh) {
    lastHigh = high;
    lastHighText = `"${high}`;
  }
  return `${lastHighText}${`${version - high * LOW_DIGITS + LOW_DIGITS}`.slice(1)}"`;
}

function changedSeconds(version: Version): number {
  return Math.floor(version / MICROSECONDS);
}

const anyTag = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/y;
const separator = /[ \t]*(?:,[ \t]*)+|[ \t]*$/y;

/** Whether a list of tags, or `*`, names `tag`. A list that is none names nothing. */
function names(list: string, tag: string, comparison: 'strong' | 'weak'): boolean {
  if (list === '*') return true;
  let isNamed = false;
  for (let at = skip(separator, list, 0) ?? 0; at < list.length;) {
    anyTag.lastIndex = at;
    const [whole, weak, opaque] = anyTag.exec(list) ?? [];
    const next = whole === undefined ? undefined : skip(separator, list, at + whole.length);
    if (next === undefined) return false;
    if (opaque === tag && (weak === undefined || comparison === 'weak')) isNamed = true;
    at = next;
  }
  return isNamed;
}

/** Where what the pattern takes at `at` ends; undefined where it takes nothing there. */
function skip(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
