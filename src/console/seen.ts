/**
 * What the page has heard of each node: answers of `/v0/console` as typed values. A node of another version may leave out
 * what this one knows, so everything but the samples' form is looked at with care. Pure.
 */
import { fieldOf, listFieldOf, numberFieldOf, textFieldOf } from '../formats/foreign-json.ts';
import type { Sample } from './figures.ts';

/** How a node has one of the others. */
export interface PeerSeen {
  readonly url: string;
  readonly isSelf: boolean;
  readonly state: string;
  readonly error: string | undefined;
  readonly offsetMs: number | undefined;
  readonly errorMs: number | undefined;
}

/** What a node says of itself. */
export interface NodeStatus {
  readonly url: string;
  readonly version: string | undefined;
  readonly state: string;
  readonly mode: string | undefined;
  readonly durability: string | undefined;
  readonly uptimeSeconds: number | undefined;
  /** Why it is not ready, or does not vote, in words; empty where there is nothing to say. */
  readonly reasons: readonly string[];
  readonly standing: string | undefined;
  readonly clock: ClockSeen;
  readonly storeBytes: number | undefined;
  readonly logBytes: number | undefined;
  readonly freeBytes: number | undefined;
  /** By default: replicas of a key, and how many of them must answer. */
  readonly quorum: { readonly from: number; readonly ack: number } | undefined;
  /** What losses the quorums still bear, in words. */
  readonly quorumNotes: readonly string[];
  readonly nodes: readonly PeerSeen[];
  /** The whole status, for sections that only some nodes have. */
  readonly all: unknown;
}

export interface ClockSeen {
  readonly verdict: string | undefined;
  readonly measured: number | undefined;
  readonly offMs: number | undefined;
  readonly aheadMs: number | undefined;
}

export interface NodeAnswer {
  /** By the node's clock, milliseconds since 1970. */
  readonly now: number;
  readonly bounds: readonly number[];
  readonly samples: readonly Sample[];
  readonly status: NodeStatus;
}

/** An answer of `/v0/console`, or why it is none. */
export function readAnswer(json: unknown): NodeAnswer | string {
  const status = fieldOf(json, 'status');
  const url = textFieldOf(fieldOf(status, 'node'), 'url');
  const now = numberFieldOf(json, 'now');
  if (url === undefined || now === undefined) return textFieldOf(json, 'error') ?? 'the answer is no Kvorum node’s';
  return {
    now,
    bounds: listFieldOf(json, 'bounds').filter((bound) => typeof bound === 'number'),
    samples: listFieldOf(json, 'samples').filter(isSample),
    status: readStatus(url, status),
  };
}

function readStatus(url: string, status: unknown): NodeStatus {
  const store = fieldOf(status, 'store');
  const clock = fieldOf(status, 'clock');
  return {
    url,
    version: textFieldOf(fieldOf(status, 'node'), 'version'),
    state: textFieldOf(status, 'state') ?? 'unknown',
    mode: textFieldOf(status, 'mode'),
    durability: textFieldOf(status, 'durability'),
    uptimeSeconds: numberFieldOf(status, 'uptimeSeconds'),
    reasons: reasonsIn(status),
    standing: textFieldOf(fieldOf(status, 'standing'), 'state'),
    clock: {
      verdict: textFieldOf(clock, 'verdict'),
      measured: numberFieldOf(clock, 'measured'),
      offMs: numberFieldOf(clock, 'offMs'),
      aheadMs: numberFieldOf(clock, 'aheadMs'),
    },
    storeBytes: numberFieldOf(store, 'bytes'),
    logBytes: numberFieldOf(store, 'logBytes'),
    freeBytes: numberFieldOf(store, 'freeBytes'),
    quorum: quorumIn(fieldOf(status, 'quorum')),
    quorumNotes: textsIn(fieldOf(status, 'quorum'), 'notes'),
    nodes: listFieldOf(status, 'cluster').flatMap((entry) => readPeer(entry) ?? []),
    all: status,
  };
}

function quorumIn(quorum: unknown): NodeStatus['quorum'] {
  const [from, ack] = [numberFieldOf(quorum, 'replicaCount'), numberFieldOf(quorum, 'acksRequired')];
  return from === undefined || ack === undefined ? undefined : { from, ack };
}

function reasonsIn(status: unknown): string[] {
  const standing = fieldOf(status, 'standing');
  const skew = textFieldOf(fieldOf(status, 'clock'), 'skew');
  const refusal = textFieldOf(standing, 'refusal');
  const state = textFieldOf(standing, 'state');
  const awaited = textsIn(standing, 'awaited');
  const recovering = `its store recovers (${textFieldOf(standing, 'reason') ?? 'it lost data'}): its reads are no votes`;
  return [
    ...(skew === undefined ? [] : [skew]),
    ...(refusal === undefined ? [] : [refusal]),
    ...(state === 'recovering' ? [recovering] : []),
    ...(state === 'forming' ? [`it waits for ${awaited.join(', ')} to form the cluster, and does not vote`] : []),
  ];
}

function readPeer(entry: unknown): PeerSeen | undefined {
  const url = textFieldOf(entry, 'url');
  const clock = fieldOf(entry, 'clock');
  return url === undefined
    ? undefined
    : {
        url,
        isSelf: fieldOf(entry, 'self') === true,
        state: textFieldOf(entry, 'state') ?? 'unknown',
        error: textFieldOf(entry, 'error'),
        offsetMs: numberFieldOf(clock, 'offsetMs'),
        errorMs: numberFieldOf(clock, 'errorMs'),
      };
}

function textsIn(value: unknown, name: string): string[] {
  return listFieldOf(value, name).filter((one) => typeof one === 'string');
}

function isSample(value: unknown): value is Sample {
  const [at, seconds] = [numberFieldOf(value, 'at'), numberFieldOf(value, 'seconds')];
  const lists = [fieldOf(value, 'reads'), fieldOf(value, 'writes')];
  return at !== undefined && seconds !== undefined && seconds > 0 && lists.every(Array.isArray);
}
