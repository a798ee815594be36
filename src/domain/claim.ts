/**
 * What nodes tell each other of their stores, and what each keeps of it, as JSON. What a peer or a disk gives is checked
 * here, once, field by field.
 */

import {
  type ClusterList,
  type OldList,
  lossReasons,
  type Standing,
  type KnownStore,
  type KnownStores,
  type OwnStore,
  type Claim,
  type SourceKind,
  type Merged,
} from './node-claim.ts';
type Fields = Readonly<Record<string, unknown>>;

const sourceKinds: readonly SourceKind[] = ['voting', 'power-loss', 'old'];
const NODES_MAX = 64;

/** The claim that a peer sent; undefined where it is none. */
export function parseClaim(value: unknown): Claim | undefined {
  const own = parseOwnStore(value);
  if (own === undefined || !isFields(value)) return undefined;
  const standing = parseStanding(value['standing']);
  const knows = parseKnownStores(value['knows']);
  const newest = value['newest'];
  if (standing === undefined || knows === undefined || !isCount(newest)) return undefined;
  const serial = value['serial'] === undefined ? 0 : value['serial'];
  return isCount(serial) ? { ...own, standing, knows, newest, serial } : undefined;
}

/** A standing as it was kept; undefined where it is none. */
export function parseStanding(value: unknown): Standing | undefined {
  if (!isFields(value)) return undefined;
  switch (value['kind']) {
    case 'forming':
      return { kind: 'forming' };
    case 'voting': {
      const formed = mapOf(value['formed'], (one) => (isName(one) ? one : undefined));
      const isAccepted = value['isAccepted'];
      return formed === undefined || typeof isAccepted !== 'boolean'
        ? undefined
        : { kind: 'voting', formed, isAccepted };
    }
    case 'recovering':
      return parseRecovering(value);
    default:
      return undefined;
  }
}

/** What is known of other nodes' stores; undefined where it is none of that. */
export function parseKnownStores(value: unknown): KnownStores | undefined {
  return mapOf(value, parseKnownStore);
}

export function parseClusterList(value: unknown): ClusterList | undefined {
  if (!isFields(value)) return undefined;
  const { urls, replicationFactor } = value;
  if (!isList(urls, isName, NODES_MAX) || urls.length === 0 || !isCount(replicationFactor)) return undefined;
  return replicationFactor >= 1 && replicationFactor <= urls.length ? { urls, replicationFactor } : undefined;
}

function parseOwnStore(value: unknown): OwnStore | undefined {
  const known = parseKnownStore(value);
  if (known === undefined || !isFields(value)) return undefined;
  const { url, counterFound } = value;
  return isName(url) && isCount(counterFound) ? { ...known, url, counterFound } : undefined;
}

function parseKnownStore(value: unknown): KnownStore | undefined {
  if (!isFields(value)) return undefined;
  const { storeId, startId, counter, replaces } = value;
  if (!isName(storeId) || !isName(startId) || !isCount(counter) || !isList(replaces, isName, NODES_MAX))
    return undefined;
  return { storeId, startId, counter, replaces };
}

function parseRecovering(value: Fields): Standing | undefined {
  const { since } = value;
  const reason = lossReasons.find((one) => one === value['reason']);
  const told = mapOf(value['told'], (one) => (isCount(one) ? one : undefined));
  const merged = mapOf(value['merged'], parseMerged);
  if (reason === undefined || told === undefined || merged === undefined || !isCount(since)) return undefined;
  const old = value['old'] === undefined ? undefined : parseOldList(value['old']);
  if (old === undefined && value['old'] !== undefined) return undefined;
  return { kind: 'recovering', reason, since, told, merged, old };
}

function parseOldList(value: unknown): OldList | undefined {
  const list = parseClusterList(value);
  const isMember = isFields(value) ? value['isMember'] : undefined;
  return list === undefined || typeof isMember !== 'boolean' ? undefined : { ...list, isMember };
}

function parseMerged(value: unknown): Merged | undefined {
  if (!isFields(value)) return undefined;
  const { storeId, upTo, isDone } = value;
  const as = sourceKinds.find((one) => one === value['as']);
  if (as === undefined || !isName(storeId) || typeof upTo !== 'string' || typeof isDone !== 'boolean') return undefined;
  return upTo.length <= LENGTH_MAX ? { storeId, as, upTo, isDone } : undefined;
}

/** Of a URL, and of a key in base64. */
const LENGTH_MAX = 4096;

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= LENGTH_MAX;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList<One>(value: unknown, is: (one: unknown) => one is One, lengthMax: number): value is One[] {
  return Array.isArray(value) && value.length <= lengthMax && value.every((one) => is(one));
}

/** A map by URL, of as many entries as a cluster can have nodes, or some more that have left it. */
function mapOf<One>(value: unknown, parse: (one: unknown) => One | undefined): Record<string, One> | undefined {
  if (!isFields(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > 2 * NODES_MAX) return undefined;
  const parsed = entries.map(([url, one]) => [url, parse(one)] as const);
  if (parsed.some(([url, one]) => !isName(url) || one === undefined)) return undefined;
  return Object.fromEntries(parsed) as Record<string, One>;
}
