/**
 * What this process shows nodes that it asks, and whom it trusts to be one. One value for the process, told once by its
 * command line: whatever asks nodes, in whichever command, shows the same. The files are read when a node is first asked.
 *
 * A token never comes by the command line itself, which all users of a machine can read.
 */
import { readFileSync } from 'node:fs';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { readAuthorities } from './material.ts';

/** Plain data, so that it can go to a process that asks nodes for this one. */
export interface NodeAccess {
  readonly token: string | undefined;
  /** Certificates of authorities as PEM; undefined: those that Node knows. */
  readonly ca: string | undefined;
}

export interface AccessSources {
  readonly token: string | undefined;
  /** A file that holds the token, and counts before it. */
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
}

/** What may stand in a field as a token (RFC 6750 section 2.1). */
const tokenPattern = /^[\w.~+/-]+=*$/;

let sources: AccessSources = { token: undefined, tokenFile: undefined, caFile: undefined };
let known: NodeAccess | undefined;

/** From now on nodes are asked with this. */
export function useAccess(given: AccessSources | NodeAccess): void {
  [sources, known] = 'ca' in given ? [sources, given] : [given, undefined];
}

/** Throws `bad-setting` where a file cannot be used. */
export function nodeAccess(): NodeAccess {
  const { token, tokenFile, caFile } = sources;
  known ??= {
    token: tokenFile === undefined ? token && checked(token, 'KVORUM_TOKEN') : readToken(tokenFile),
    ca: caFile === undefined ? undefined : readAuthorities(caFile),
  };
  return known;
}

/** The fields of a request by this access. */
export function accessFields({ token }: NodeAccess): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function readToken(path: string): string {
  try {
    return checked(readFileSync(path, 'utf8').trim(), `"${path}"`);
  } catch (error) {
    if (error instanceof KvorumError) throw error;
    throw new KvorumError('bad-setting', `Cannot read token file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** A token, of which nothing may show in a message. */
function checked(token: string, where: string): string {
  if (tokenPattern.test(token)) return token;
  throw new KvorumError('bad-setting', `Cannot use the token in ${where}: expected one line as kvorum token prints it`);
}
