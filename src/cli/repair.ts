/**
 * `kvorum repair` has every node of a cluster compare itself with its peers now, and `kvorum digest` says whether they hold the same.
 * Nodes do the former by themselves, too.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fieldOf, listFieldOf, numberFieldOf, parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { digestMsMax } from '../protocol/repair.ts';
import {
  openAdminClient,
  reportNotDone,
  secretOf,
  secretOption,
  textOf,
  type AdminAnswer,
  type AdminClient,
} from './admin-client.ts';
import { clientOptions, nodeUrl, type Unreachable } from './client.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, renderTable, writeNotice, writeResult } from './output.ts';
import { outputFormat } from './parse.ts';

export const repairCommand: Command = {
  name: 'repair',
  summary: 'Have all nodes compare what they hold, and pull what they lack',
  usage: '[--wait] [options]',
  details:
    'Nodes do it by themselves, see --repair-interval-ms. With --wait exit code 0 says that each node was found to hold the same as each peer.',
  positionals: { min: 0, max: 0 },
  options: [...clientOptions, { flag: 'wait', about: 'Show progress until all hold the same' }, secretOption],
  examples: ['kvorum repair', 'kvorum repair --wait --data data'],
  run: repair,
};

export const digestCommand: Command = {
  name: 'digest',
  summary: 'Print a digest of all that each node holds, and say whether they hold the same',
  usage: '[options]',
  details: 'Reads all records of all nodes. Exit code 0 if what nodes share is identical, 1 if not.',
  positionals: { min: 0, max: 0 },
  options: [...clientOptions, secretOption, outputOption],
  examples: ['kvorum digest', 'kvorum digest --url http://localhost:8081 --output json'],
  run: digest,
};

const POLL_MS = 300;

async function repair(invocation: Invocation): Promise<ExitCode> {
  const urls = await nodesOf(invocation);
  if (typeof urls === 'number') return urls;
  const begunAt = new Map<string, string>();
  for (const url of urls) {
    const begun = await begin(url, invocation);
    if (typeof begun === 'number') return begun;
    begunAt.set(url, begun);
  }
  if (invocation.flags.get('wait') !== true) {
    await writeResult(`${urls.length} nodes compare what they hold\n`);
    return exitCodes.ok;
  }
  const codes = await Promise.all(urls.map((url) => waitFor(url, begunAt.get(url) ?? '', invocation)));
  const code = codes.find((one) => one !== exitCodes.ok) ?? exitCodes.ok;
  if (code === exitCodes.ok) await writeResult(`${urls.length} nodes hold the same\n`);
  return code;
}

/** When a node began, by its clock; or the exit code for why it did not. */
async function begin(url: string, invocation: Invocation): Promise<string | ExitCode> {
  const json = await post(url, '/v0/repair', invocation);
  return typeof json === 'number' ? json : (textFieldOf(json, 'begunAt') ?? '');
}

/** What a node answers, with a proof of the cluster secret where it asks for one; or the exit code for why it does not. */
async function post(url: string, path: string, invocation: Invocation): Promise<object | ExitCode> {
  const { environment } = invocation;
  const flags = new Map(invocation.flags);
  if (path === '/v0/digest' && !flags.has('timeout-ms')) flags.set('timeout-ms', String(digestMsMax));
  const request = { method: 'POST', path } as const;
  await using client = await clientOf(url, { flags, environment });
  const answer = await client.request(request);
  if (answer.kind === 'unreachable' || answer.status !== 401) return await jsonOf(answer, client);
  await answer.body.dump();
  await using proving = await clientOf(url, { flags, environment }, secretOf(flags, environment));
  return await jsonOf(await proving.prove(request), proving);
}

async function jsonOf(answer: AdminAnswer | Unreachable, client: AdminClient): Promise<object | ExitCode> {
  if (answer.kind === 'unreachable' || answer.status >= 300) return reportNotDone(answer, client);
  const json = parseJson(await textOf(answer));
  return typeof json === 'object' && json !== null ? json : {};
}

/** Resolves when the node was found identical to each peer since it began, or cannot be any more. */
async function waitFor(url: string, begunAt: string, invocation: Invocation): Promise<ExitCode> {
  await using client = await clientOf(url, invocation);
  for (let told = ''; ; await pause(POLL_MS)) {
    const status = await askJson(client, '/v0/status');
    if (typeof status === 'number') return status;
    const peers = listFieldOf(fieldOf(status, 'repair'), 'peers');
    const news = peers.map(progressOf).join('; ');
    if (news !== told) writeNotice(printable(`kvorum: ${url}: ${news === '' ? 'has no peers' : news}`));
    told = news;
    const failed = peers.find((peer) => textFieldOf(peer, 'state') === 'unavailable');
    if (failed !== undefined) return exitCodes.failure;
    if (peers.every((peer) => (textFieldOf(peer, 'identicalAt') ?? '') >= begunAt)) return exitCodes.ok;
    // What the peer lacks it pulls; whether it has is for the next pass to see.
    if (peers.some((peer) => textFieldOf(peer, 'state') === 'differing')) {
      const again = await begin(url, invocation);
      if (typeof again === 'number') return again;
    }
  }
}

function progressOf(peer: unknown): string {
  const state = textFieldOf(peer, 'state') ?? 'unknown';
  const error = textFieldOf(peer, 'error');
  const differing = numberFieldOf(peer, 'bucketsDiffering') ?? 0;
  const pulled = numberFieldOf(peer, 'recordsPulled') ?? 0;
  const numbers = state === 'identical' ? '' : `, ${differing} buckets differ, ${pulled} records pulled`;
  return `${textFieldOf(peer, 'url') ?? '?'} ${error === undefined ? `${state}${numbers}` : `${state}: ${error}`}`;
}

interface Contents {
  readonly url: string;
  readonly digest: string;
  readonly records: number;
  /** The digest of what it shares with each peer. */
  readonly sharedWith: ReadonlyMap<string, string>;
}

async function digest(invocation: Invocation): Promise<ExitCode> {
  const format = outputFormat(invocation.flags);
  const urls = await nodesOf(invocation);
  if (typeof urls === 'number') return urls;
  const asked = await Promise.all(urls.map((url) => contentsOf(url, invocation)));
  const failed = asked.find((one) => typeof one === 'number');
  if (failed !== undefined) return failed;
  const nodes = asked.filter((one) => typeof one !== 'number');
  const pairs = differingPairs(nodes);
  const identical = pairs.length === 0;
  if (format === 'json') {
    const shown = nodes.map(({ url, digest: own, records }) => ({ url, digest: own, records }));
    await writeResult(`${JSON.stringify({ identical, differing: pairs, nodes: shown })}\n`);
  } else {
    const rows = nodes.map((one) => [one.url, String(one.records), one.digest]);
    await writeResult(renderTable({ head: ['URL', 'RECORDS', 'DIGEST'], rows }));
    for (const [one, other] of pairs) writeNotice(printable(`kvorum: ${one} and ${other} differ in what they share`));
    await writeResult(identical ? 'What nodes share is identical\n' : 'Nodes differ\n');
  }
  return identical ? exitCodes.ok : exitCodes.failure;
}

function differingPairs(nodes: readonly Contents[]): (readonly [string, string])[] {
  return nodes.flatMap((one, index) =>
    nodes
      .slice(index + 1)
      .filter((other) => one.sharedWith.get(other.url) !== other.sharedWith.get(one.url))
      .map((other) => [one.url, other.url] as const),
  );
}

async function contentsOf(url: string, invocation: Invocation): Promise<Contents | ExitCode> {
  const json = await post(url, '/v0/digest', invocation);
  if (typeof json === 'number') return json;
  const shared = fieldOf(json, 'sharedWith');
  const peers = typeof shared === 'object' && shared !== null ? Object.keys(shared) : [];
  return {
    url: textFieldOf(json, 'url') ?? url,
    digest: textFieldOf(json, 'digest') ?? '?',
    records: numberFieldOf(json, 'records') ?? 0,
    sharedWith: new Map(peers.map((peer) => [peer, textFieldOf(fieldOf(shared, peer), 'digest') ?? '?'])),
  };
}

/** The URLs of a cluster's nodes, as the one that is named tells them; or the exit code for why it does not. */
async function nodesOf(invocation: Invocation): Promise<string[] | ExitCode> {
  const url = nodeUrl(invocation.flags, invocation.environment);
  await using client = await clientOf(url, invocation);
  const status = await askJson(client, '/v0/status');
  if (typeof status === 'number') return status;
  const urls = listFieldOf(status, 'cluster').flatMap((node) => textFieldOf(node, 'url') ?? []);
  if (urls.length > 0) return urls;
  writeNotice(printable(`kvorum: ${url} names no nodes of a cluster`));
  return exitCodes.failure;
}

/** What a node says of itself, ready or not; or the exit code for why it says nothing. */
async function askJson(client: AdminClient, path: string): Promise<object | ExitCode> {
  const answer = await client.request({ method: 'GET', path });
  if (answer.kind === 'unreachable') return reportNotDone(answer, client);
  const json = parseJson(await textOf(answer));
  return typeof json === 'object' && json !== null ? json : {};
}

function clientOf(
  url: string,
  { flags, environment }: Pick<Invocation, 'flags' | 'environment'>,
  secret?: string,
): Promise<AdminClient> {
  return openAdminClient(new Map([...flags, ['url', url]]), environment, secret);
}
