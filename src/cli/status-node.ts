/** A cluster's nodes as `kvorum status` finds them: each is asked, and one that does not answer is an entry like the others. */
import { Buffer } from 'node:buffer';
import type { Flags } from '../settings/sources.ts';
import { fieldOf, numberFieldOf, parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { clientOf, clientTimeoutMs, readBody, type NodeClient, type Unreachable } from './client.ts';
import { peersOf, type PeerView } from './status-peers.ts';
import { textField, type StatusJson } from './status-section.ts';
import { standingOf } from './status-standing.ts';

/** One node as it answered; what it did not say is undefined. */
export interface NodeStatus {
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
  /** All that it answered. */
  readonly json?: StatusJson;
}

/** The node at a URL and all that it knows, in the order of their URLs; or why that node cannot be reached. */
export async function askCluster(url: string, flags: Flags): Promise<readonly NodeStatus[] | Unreachable> {
  const asked = await askNode(url, flags);
  if (asked.kind === 'unreachable') return asked;
  const others = asked.status.peers.map((peer) => peer.url).filter((other) => other !== url);
  const statuses = [asked.status, ...(await Promise.all(others.map((other) => statusOf(other, flags))))];
  return statuses.sort((a, b) => (a.url < b.url ? -1 : 1));
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

/** A node that starts or drains answers 503 and still says what it is; one that refuses (for a token, say) says why. */
async function askJson(client: NodeClient, path: string): Promise<{ kind: 'json'; json: unknown } | Unreachable> {
  const answer = await client.request({ method: 'GET', path });
  if (answer.kind === 'unreachable') return answer;
  const body = await readBody(answer);
  if (!Buffer.isBuffer(body)) return body;
  const json = parseJson(body.toString());
  const isJson = json !== undefined;
  if (isJson && (answer.status < 400 || answer.status >= 500)) return { kind: 'json', json };
  const said = `it answers ${answer.status}`;
  const why = isJson || answer.status >= 500 ? said : `it is no Kvorum node (${said})`;
  return { kind: 'unreachable', reason: textFieldOf(json, 'detail') ?? why };
}

function nodeStatus(url: string, json: StatusJson, description: unknown): NodeStatus {
  const [node, clock] = [fieldOf(json, 'node'), fieldOf(json, 'clock')];
  return {
    url: textField(node, 'url') ?? textField(description, 'url') ?? url,
    state: textField(json, 'state') ?? 'unknown',
    mode: textField(json, 'mode'),
    durability: textField(json, 'durability'),
    uptimeSeconds: numberFieldOf(json, 'uptimeSeconds'),
    version: textField(node, 'version') ?? textField(description, 'version'),
    topology: textField(description, 'topology'),
    standing: standingOf(json),
    clockOffMs: numberFieldOf(clock, 'offMs'),
    clockSkew: textField(clock, 'skew'),
    peers: peersOf(json),
    json,
  };
}
