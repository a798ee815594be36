/**
 * `kvorum status`: the node asked, and each node of its cluster, as they describe themselves and each other. A node
 * that does not answer is a row like the others. What is shown besides the first table is the sections' affair.
 */
import { fieldOf } from '../formats/foreign-json.ts';
import { clientOptions, nodeUrl, reportUnreachable } from './client.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import {
  paint,
  printable,
  renderColumns,
  renderTable,
  terminalWidth,
  writeNotice,
  writeResult,
  type Style,
} from './output.ts';
import { outputFormat } from './parse.ts';
import { askCluster, type NodeStatus } from './status-node.ts';
import { convergenceSection } from './status-convergence.ts';
import { hintsSection } from './status-hints.ts';
import { isUp, peersSection } from './status-peers.ts';
import { isQuorumAtRisk, quorumSection } from './status-quorum.ts';
import type { StatusSection } from './status-section.ts';
import { standingSection } from './status-standing.ts';
import { storeSection } from './status-store.ts';
import { watch, type Shown } from './status-watch.ts';

/** In the order of the second table's columns and of the sentences below it. */
const sections: readonly StatusSection[] = [
  storeSection,
  quorumSection,
  convergenceSection,
  standingSection,
  peersSection,
  hintsSection,
];

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show the nodes of a cluster and how they see each other',
  usage: '[options]',
  details:
    'Exit code 0 if all nodes are ready and no quorum is at risk, 5 if the node asked cannot be reached, 1 otherwise. ' +
    'A quorum is at risk if one more node that is lost stops reads or writes of some key.',
  positionals: { min: 0, max: 0 },
  options: [
    { flag: 'watch', about: 'Again every 2 s, until q or Ctrl-C; off a terminal as lines that begin with the time' },
    ...clientOptions,
    outputOption,
  ],
  examples: ['kvorum status', 'kvorum status --watch', 'kvorum status --url http://localhost:8081 --output json'],
  run: showStatus,
};

async function showStatus({ flags, environment }: Invocation): Promise<ExitCode> {
  const format = outputFormat(flags);
  const url = nodeUrl(flags, environment);
  const isWatched = flags.get('watch') === true;
  if (isWatched) return watch(async () => shown(await askCluster(url, flags), { url, isJson: format === 'json' }));
  const found = await askCluster(url, flags);
  if ('kind' in found) return reportUnreachable(found, { url });
  await writeResult(format === 'json' ? `${JSON.stringify({ nodes: found.map(asJson) })}\n` : tables(found));
  for (const line of notices(found)) writeNotice(`kvorum: ${line}`);
  return exitCodeOf(found);
}

/** What `--watch` shows of one round. */
function shown(
  found: Awaited<ReturnType<typeof askCluster>>,
  { url, isJson }: { readonly url: string; readonly isJson: boolean },
): Shown {
  const at = new Date().toISOString();
  if ('kind' in found) {
    const reason = printable(`Cannot reach ${url}: ${found.reason}`);
    const line = isJson ? JSON.stringify({ at, error: reason }) : `${at} ${reason}`;
    return { screen: `${reason}\n`, lines: [line], exitCode: exitCodes.unreachable };
  }
  const sentences = notices(found);
  const below = sentences.map((line) => renderColumns([[line]], { indent: '', width: terminalWidth() }));
  const screen = `${tables(found)}\n${below.join('')}`;
  const rows = found.map((one) => `${at} ${rowOf(one).concat(cellsOf(one)).join('  ')}`);
  const lines = isJson
    ? [JSON.stringify({ at, nodes: found.map(asJson) })]
    : [...rows, ...sentences.map((line) => `${at} ${line}`)];
  return { screen, lines, exitCode: exitCodeOf(found) };
}

function exitCodeOf(statuses: readonly NodeStatus[]): ExitCode {
  const isWell = statuses.every((one) => isReady(one) && !isQuorumAtRisk(one.json));
  return isWell ? exitCodes.ok : exitCodes.failure;
}

function asJson({ json, ...one }: NodeStatus) {
  const members = sections.flatMap((section) => section.members);
  return { ...one, ...Object.fromEntries(members.map((name) => [name, fieldOf(json, name)])) };
}

/** What is to be said besides the tables, each with the URL of who says it. */
function notices(statuses: readonly NodeStatus[]): string[] {
  const said = sections.flatMap((section) =>
    statuses.flatMap(({ url, json }) => section.notices(json).map((notice) => printable(`${url} ${notice}`))),
  );
  // Nodes with different lists refuse each other, which is hard to see from one node alone.
  const digests = new Set(statuses.flatMap(({ topology }) => topology ?? []));
  const differ = 'The nodes were started with different --cluster lists and refuse each other';
  return digests.size > 1 ? [differ, ...said] : said;
}

function isReady({ state }: NodeStatus): boolean {
  return state === 'ready';
}

/** Two tables, each at most 80 columns wide with URLs such as http://127.0.0.1:8080. */
function tables(statuses: readonly NodeStatus[]): string {
  const first = renderTable({ head: firstHead, rows: statuses.map(rowOf) });
  const heads = sections.flatMap(({ columns }) => columns.map(({ head }) => head));
  const rows = statuses.map((one) => [one.url, ...cellsOf(one)]);
  return `${first}\n${renderTable({ head: ['URL', ...heads], rows })}`;
}

const firstHead = ['URL', 'STATE', 'MODE', 'DURABILITY', 'UPTIME', 'CLOCK', 'PEERS'];

function rowOf(one: NodeStatus): string[] {
  return [
    one.url,
    paint(styleOf(one), one.state),
    one.mode ?? '-',
    one.durability ?? '-',
    one.uptimeSeconds === undefined ? '-' : formatUptime(one.uptimeSeconds),
    one.clockOffMs === undefined ? '-' : formatOff(one.clockOffMs),
    one.error ?? (one.peers.length === 0 ? '-' : `${one.peers.filter(isUp).length}/${one.peers.length} up`),
  ];
}

function cellsOf({ json }: NodeStatus): string[] {
  return sections.flatMap(({ columns }) => columns.map(({ cell }) => cell(json)));
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
