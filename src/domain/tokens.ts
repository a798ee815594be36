/**
 * Client tokens: who may do what. A node knows tokens by their hashes only, so its file of them lets nobody in. A token is as
 * long as the hash, so a salt or a slow hash would add nothing.
 *
 *   # a line each: scopes, hash, name
 *   read,write 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 app
 */
import { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { KvorumError } from '../diagnostics/errors.ts';

/** What a token may allow; none of them includes another. */
export const scopes = ['read', 'write', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** One line of a file of tokens. */
export interface Grant {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the token. */
  readonly digest: Buffer;
}

/** Each request with a token that a connection has not shown before is compared with all of them. */
export const grantsMax = 1000;

const linePattern = /^(?<list>[a-z]+(?:,[a-z]+)*)\s+(?<digest>[0-9a-f]{64})\s+(?<name>[\w.@:-]{1,64})$/i;
/** What stands in a field, RFC 6750 section 2.1. */
const bearerPattern = /^Bearer +([\w.~+/-]+=*)$/i;

/** The grants of a file's text. Throws `bad-setting` with the number of the line that is wrong, and nothing of what it holds. */
export function parseGrants(text: string): readonly Grant[] {
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const grants = lines.flatMap(({ line, number }) =>
    line === '' || line.startsWith('#') ? [] : [parse(line, number)],
  );
  const names = grants.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new KvorumError('bad-setting', `two tokens are named "${twice}"`);
  if (grants.length > grantsMax) throw new KvorumError('bad-setting', `more than ${grantsMax} tokens`);
  return grants;
}

/** The line of a file that `parseGrants` reads. */
export function formatGrant({ scopes: allowed, digest, name }: Grant): string {
  return `${allowed.join(',')} ${digest.toString('hex')} ${name}`;
}

/** A grant for `token`. Throws `bad-setting` where its name or scopes are none. */
export function grantFor(token: string, scopeList: string, name: string): Grant {
  return parse(`${scopeList} ${digestOf(token).toString('hex')} ${name}`, 1);
}

/** The token in an `authorization` field; undefined where it has another scheme. */
export function bearerToken(authorization: string): string | undefined {
  return bearerPattern.exec(authorization)?.[1];
}

/** The grant of a token, in a time that depends on how many there are, and not on which it is or how alike it is to one. */
export function grantOf(grants: readonly Grant[], token: string): Grant | undefined {
  const digest = digestOf(token);
  let found: Grant | undefined;
  for (const grant of grants) if (timingSafeEqual(grant.digest, digest)) found = grant;
  return found;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function parse(line: string, number: number): Grant {
  const groups = linePattern.exec(line)?.groups;
  if (groups === undefined) {
    throw new KvorumError(
      'bad-setting',
      `line ${number} is not "SCOPE[,SCOPE] SHA256 NAME"; kvorum token makes such lines`,
    );
  }
  const { list = '', digest = '', name = '' } = groups;
  const allowed = list.split(',').map((word) => scopes.find((scope) => scope === word) ?? refuseScope(word, number));
  return { name, scopes: [...new Set(allowed)], digest: Buffer.from(digest, 'hex') };
}

function refuseScope(word: string, number: number): never {
  throw new KvorumError('bad-setting', `line ${number} has scope "${word}"; there are ${scopes.join(', ')}`);
}
