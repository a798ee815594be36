/**
 * `kvorum status`: the node asked, and each node of its cluster, as they describe themselves and each other. A node
 * that does not answer is a row like the others.
 */
import { Buffer } from 'node:buffer';
import type { Flags } from '../settings/sources.ts';
import { fieldOf, listFieldOf, parseJson, textFieldOf } from '../formats/foreign-json.ts';
import {
  clientOf,
  clientOptions,
  clientTimeoutMs,
  nodeUrl,
  readBody,
  reportUnreachable,
  type NodeClient,
  type Unreachable,
} from './client.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { paint, printable, renderTable, writeNotice, writeResult, type Style } from './output.ts';
import { outputFormat } from './parse.ts';

interface PeerView {
  readonly url: string;
  readonly state: string;
}

/** One node as it answered; what it did not say is undefined. */
interface NodeStatus {
  readonly url: string;
  readonly state: string;
  readonly mode?: string | undefined;
  readonly durability?: string | undefined;
  readonly uptimeSeconds?: number | undefined;
  readonly version?: string | undefined;
  /** Digest of the node's list of nodes. */
  readonly topology?: string | undefined;
  readonly peers: readonly PeerView[];
  /** Why it is not ready or does not vote, where it says so. */
  readonly standing?: string | undefined;
  /** How far its clock is ahead of the others', milliseconds. */
  readonly clockOffMs?: number | undefined;
  /** Why its clock lets it take no writes. */
  readonly clockSkew?: string | undefined;
  readonly error?: string;
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show the nodes of a cluster and how they see each other',
  usage: '[options]',
  details: 'Exit code 0 if all nodes are ready, 5 if the node asked cannot be reached, 1 otherwise.',
  positionals: { min: 0, max: 0 },
  options: [...clientOptions, outputOption],
  examples: ['kvorum status', 'kvorum status --url http://localhost:8081 --output json'],
  run: showStatus,
};

async function showStatus({ flags, environment }: Invocation): Promise<ExitCode> {
  const format = outputFormat(flags);
  const askedUrl = nodeUrl(flags, environment);
  const asked = await askNode(askedUrl, flags);
  if (asked.kind === 'unreachable') return reportUnreachable(asked, { url: askedUrl });
  const others = asked.status.peers.map((peer) => peer.url).filter((url) => url !== askedUrl);
  const statuses = [asked.status, ...(await Promise.all(others.map((url) => statusOf(url, flags))))];
  statuses.sort((a, b) => (a.url < b.url ? -1 : 1));
  await writeResult(format === 'json' ? `${JSON.stringify({ nodes: statuses })}\n` : renderTable(tableOf(statuses)));
  for (const { url, standing } of statuses) {
    if (standing !== undefined) writeNotice(printable(`kvorum: ${url} ${standing}`));
  }
  noticeDisagreement(statuses);
  for (const one of statuses) noticeTrouble(one);
  return statuses.every(isReady) ? exitCodes.ok : exitCodes.failure;
}

type Asked = { readonly kind: 'answered'; readonly status: NodeStatus } | Unreachable;

async function askNode(url: string, flags: Flags): Promise<Asked> {
  await using client = await clientOf(url, clientTimeoutMs(flags));
  const [status, description] = await Promise.all([askJson(client, '/v0/status'), askJson(client, '/v0/node')]);
  if (status.kind === 'unreachable') return status;
  const described = description.kind === 'unreachable' ? undefined : description.json;
  return { kind: 'answered', status: nodeStatus(url, status.json, described) };
}

async function statusOf(url: string, flags: Flags): Promise<NodeStatus> {
  const asked = await askNode(url, flags);
  if (asked.kind === 'answered') return asked.status;
  return { url, state: 'unreachable', error: asked.reason, peers: [] };
}

/** A node that starts or drains answers 503 and still says what it is, so the status code is not looked at. */
async function askJson(client: NodeClient, path: string): Promise<{ kind: 'json'; json: unknown } | Unreachable> {
  const answer = await client.request({ method: 'GET', path });
  if (answer.kind === 'unreachable') return answer;
  const body = await readBody(answer);
  return Buffer.isBuffer(body) ? { kind: 'json', json: parseJson(body.toString()) } : body;
}

/** Tolerant: the node may be of another version, or no node at all. */
function nodeStatus(url: string, json: unknown, description: unknown): NodeStatus {
  const entries = listFieldOf(json, 'cluster');
  const ownUrl = textField(fieldOf(json, 'node'), 'url') ?? textField(description, 'url');
  return {
    url: ownUrl ?? url,
    state: textField(json, 'state') ?? 'unknown',
    mode: textField(json, 'mode'),
    durability: textField(json, 'durability'),
    uptimeSeconds: numberField(json, 'uptimeSeconds'),
    version: textField(fieldOf(json, 'node'), 'version') ?? textField(description, 'version'),
    topology: textField(description, 'topology'),
    standing: standingOf(fieldOf(json, 'standing')),
    clockOffMs: numberField(fieldOf(json, 'clock'), 'offMs'),
    clockSkew: textField(fieldOf(json, 'clock'), 'skew'),
    peers: entries.filter((entry) => fieldOf(entry, 'self') !== true).flatMap(peerView),
  };
}

/** What a node that does not vote says of that; undefined of one that does. */
function standingOf(standing: unknown): string | undefined {
  const refusal = textField(standing, 'refusal');
  if (refusal !== undefined) return `is refused: ${refusal}`;
  const state = textField(standing, 'state');
  if (state === undefined || state === 'voting') return undefined;
  if (state === 'forming') return `waits for ${listFieldOf(standing, 'awaited').join(', ')} to form a cluster`;
  const peers = listFieldOf(standing, 'peers');
  const merged = peers.filter((peer) => fieldOf(peer, 'isMerged') === true);
  const records = peers.reduce<number>((sum, peer) => sum + (numberField(peer, 'records') ?? 0), 0);
  return `recovers (${textField(standing, 'reason')}): has merged ${merged.length} of ${peers.length} nodes, read ${records} records`;
}

function peerView(entry: unknown): PeerView[] {
  const url = textField(entry, 'url');
  return url === undefined ? [] : [{ url, state: textField(entry, 'state') ?? 'unknown' }];
}

function textField(value: unknown, name: string): string | undefined {
  const text = textFieldOf(value, name);
  return text === undefined ? undefined : printable(text);
}

function numberField(value: unknown, name: string): number | undefined {
  const number = fieldOf(value, name);
  return typeof number === 'number' ? number : undefined;
}

function isReady({ state }: NodeStatus): boolean {
  return state === 'ready';
}

/** Nodes with different lists refuse each other, which is hard to see from one node alone. */
function noticeDisagreement(statuses: readonly NodeStatus[]): void {
  const digests = new Set(statuses.flatMap(({ topology }) => topology ?? []));
  if (digests.size > 1)
    writeNotice('kvorum: The nodes were started with different --cluster lists and refuse each other');
}

/** Says which peers a node does not have up, and why its clock is wrong: one line a node would not hold it. */
function noticeTrouble({ url, peers, clockSkew }: NodeStatus): void {
  for (const peer of peers) if (!isUp(peer)) writeNotice(`kvorum: ${url} has ${peer.url} ${peer.state}`);
  if (clockSkew !== undefined) writeNotice(`kvorum: ${url}: ${clockSkew}`);
}

function isUp({ state }: PeerView): boolean {
  return state === 'up';
}

/** At most 80 columns, with a URL such as http://127.0.0.1:8080. */
function tableOf(statuses: readonly NodeStatus[]) {
  return {
    head: ['URL', 'STATE', 'MODE', 'DURABILITY', 'UPTIME', 'CLOCK', 'PEERS'],
    rows: statuses.map((one) => [
      one.url,
      paint(styleOf(one), one.state),
      one.mode ?? '-',
      one.durability ?? '-',
      one.uptimeSeconds === undefined ? '-' : formatUptime(one.uptimeSeconds),
      one.clockOffMs === undefined ? '-' : formatOff(one.clockOffMs),
      one.error ?? (one.peers.length === 0 ? '-' : `${one.peers.filter(isUp).length}/${one.peers.length} up`),
    ]),
  };
}

function styleOf(one: NodeStatus): Style {
  if (isReady(one)) return 'green';
  return one.state === 'unreachable' ? 'red' : 'yellow';
}

/** How far a clock is ahead of the others: `+0.2ms`, `-300s`. */
function formatOff(ms: number): string {
  const sign = ms < 0 ? '-' : '+';
  const size = Math.abs(ms);
  return size < 1000 ? `${sign}${size.toFixed(size < 100 ? 1 : 0)}ms` : `${sign}${(size / 1000).toFixed(0)}s`;
}

/** The two largest units: `3d 4h`, `2m 5s`. */
function formatUptime(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [Math.floor(seconds) % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}
