/**
 * What a data directory keeps of the store in it: whose it is, and what it is worth (src/domain/standing.ts).
 *
 * A store belongs to one node of one list: under another URL or list it would be asked for keys that it never held and
 * answer that there are none. Such a start is refused. `--new-topology` takes the list of the start as the new one, and
 * keeps the old one until this node has what it needs of it.
 */
import { randomBytes } from 'node:crypto';
import { KvorumError } from './diagnostics/errors.ts';
import { parseClusterList, parseKnownStores, parseStanding } from './domain/claim.ts';
import type { ClusterList, KnownStores, Standing, StoreId } from './domain/node-claim.ts';

export interface StoreState {
  readonly format: typeof STATE_FORMAT;
  readonly url: string;
  readonly list: ClusterList;
  readonly storeId: StoreId;
  readonly counter: number;
  readonly replaces: readonly StoreId[];
  readonly standing: Standing;
  readonly knows: KnownStores;
}

/** Whom a start takes a store for. */
export interface Identity {
  readonly url: string;
  readonly list: ClusterList;
}

export const STATE_FORMAT = 1;

/** Random; also for the starts of a process. */
export function newId(): string {
  return randomBytes(8).toString('hex');
}

export function encodeState(state: StoreState): string {
  return JSON.stringify(state);
}

/** Reads what `encodeState` wrote; throws where it is something else. */
export function parseState(text: string): StoreState {
  const fields = parseFields(text);
  const { format, url, storeId, counter, replaces } = fields;
  if (format !== STATE_FORMAT) throw new Error(`its state has format ${String(format)}, not ${STATE_FORMAT}`);
  const list = parseClusterList(fields['list']);
  const standing = parseStanding(fields['standing']);
  const knows = parseKnownStores(fields['knows']);
  const isWhole = typeof url === 'string' && typeof storeId === 'string' && typeof counter === 'number';
  if (!isWhole || list === undefined || standing === undefined || knows === undefined || !Array.isArray(replaces)) {
    throw new Error('its state is damaged');
  }
  return { format, url, list, storeId, counter, replaces: replaces.map(String), standing, knows };
}

function parseFields(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('its state is damaged');
  return { ...value };
}

/**
 * The list that the start leaves, undefined where it has the same one. Throws `store-foreign` where the store is another
 * node's, or belongs to another list and that is not accepted.
 */
export function listLeft(
  path: string,
  kept: Pick<StoreState, 'url' | 'list' | 'standing'>,
  told: Identity,
  isNewTopology: boolean,
): ClusterList | undefined {
  const both = `it belongs to ${describe(kept)}; this start is ${describe(told)}`;
  if (kept.url !== told.url) {
    const ways = `start it with --self ${kept.url}, or give this node a --data directory of its own`;
    throw new KvorumError('store-foreign', `Cannot open store "${path}": ${both}; ${ways}`);
  }
  if (isSameList(kept.list, told.list)) return undefined;
  if (kept.standing.kind === 'recovering' && kept.standing.old !== undefined) {
    const ways = `it is still leaving the list before that (${describeList(kept.standing.old)}); start it with its list until it is ready`;
    throw new KvorumError('store-foreign', `Cannot open store "${path}": ${both}; ${ways}`);
  }
  if (isNewTopology) return kept.list;
  const ways = `start it with ${listFlags(kept.list)}, or all nodes of the new list with --new-topology, which moves the data`;
  throw new KvorumError('store-foreign', `Cannot open store "${path}": ${both}; ${ways}`);
}

function isSameList(left: ClusterList, right: ClusterList): boolean {
  return left.urls.join() === right.urls.join() && left.replicationFactor === right.replicationFactor;
}

function describe({ url, list }: Identity): string {
  return `${url} of ${describeList(list)}`;
}

function describeList({ urls, replicationFactor }: ClusterList): string {
  return `cluster ${urls.join(',')} with replication factor ${replicationFactor}`;
}

function listFlags({ urls, replicationFactor }: ClusterList): string {
  return `--cluster ${urls.join(',')} --replication-factor ${replicationFactor}`;
}
