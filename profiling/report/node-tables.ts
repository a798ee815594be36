/** What the run cost on each node and thread, and what came of the requests: by target and by status code. */
import { nodeName } from '../../src/domain/topology.ts';
import type { ThreadObservation } from '../cluster/observation.ts';
import type { BenchResult } from '../load/result.ts';
import { table, text, type Block, type Table } from './blocks.ts';
import { percentileColumns } from './verdict.ts';

const meanings: Readonly<Record<string, string>> = {
  '200': 'read',
  '201': 'written',
  '202': 'deleted',
  '400': 'bad request',
  '404': 'not there (counts as success of a read)',
  '413': 'body too large',
  '503': 'overloaded or not ready',
  '504': 'quorum not met: outcome unknown',
  '507': 'disk full',
  'not sent': 'no connection was free until the end',
  cut: 'the run was interrupted before the answer',
};

export function nodeTables({ nodes, totals, environment }: BenchResult): Block {
  if (nodes.length === 0) return text('Not measured: nothing could be learnt of the nodes.');
  const each = (value: number | null | undefined): number | null => ratio(value, totals.completed);
  const measuredUs = totals.seconds * 1e6;
  const rows = nodes.map((node, index) => {
    const sum = (pick: 'cpuUs' | 'runQueueUs'): number | null =>
      node.threads === null ? null : node.threads.reduce((total, thread) => total + thread[pick], 0);
    return { ...node, name: nodeName(index), cpuUs: sum('cpuUs'), runQueueUs: sum('runQueueUs') };
  });
  const threads = rows.flatMap(({ name, threads: known }): { name: string; seen?: ThreadObservation }[] =>
    known === null
      ? [{ name: `${name}, all threads` }]
      : known.map((seen) => ({ name: `${name} ${seen.thread}`, seen })),
  );
  return [
    table(`Nodes over the ${totals.seconds.toFixed(0)} s measured, a request being one of the whole cluster's`, rows, [
      ['Node', 'text', ({ name }) => name],
      ['URL', 'text', ({ url }) => url],
      ['CPU a request', 'us', ({ cpuUs }) => each(cpuUs)],
      [`CPU of all ${environment.cores} cores`, 'share', ({ cpuUs }) => ratio(cpuUs, measuredUs * environment.cores)],
      ['Waiting for a core, a request', 'us', ({ runQueueUs }) => each(runQueueUs)],
      ['Memory, most', 'bytes', ({ residentBytesMax }) => residentBytesMax],
      ['Sent to nodes, bytes a request', 'count', ({ peerBytesSent }) => each(peerBytesSent)],
      ['Received from nodes, bytes a request', 'count', ({ peerBytesReceived }) => each(peerBytesReceived)],
    ]),
    table(
      'Threads, for each request of the whole cluster; native: all threads without JavaScript (libuv, V8, LMDB)',
      threads,
      [
        ['Thread', 'text', ({ name }) => name],
        ['CPU', 'us', ({ seen }) => each(seen?.cpuUs)],
        ['Waiting for a core', 'us', ({ seen }) => each(seen?.runQueueUs)],
        ['CPU of one core', 'share', ({ seen }) => ratio(seen?.cpuUs, measuredUs)],
        ['Voluntary switches', 'count', ({ seen }) => each(seen?.voluntarySwitches), 3],
        ['Involuntary switches', 'count', ({ seen }) => each(seen?.involuntarySwitches), 3],
      ],
    ),
  ];
}

export function outcomeTables({ targets, statuses, totals }: BenchResult): Block {
  const all = statuses.reduce((sum, { count }) => sum + count, 0);
  return [
    table('Requests by status code, or by what happened instead of an answer', statuses, [
      ['Status', 'text', ({ status }) => status],
      ['Meaning', 'text', ({ status }) => meanings[status] ?? ''],
      ['Requests', 'count', ({ count }) => count],
      ['Share', 'share', ({ count }) => ratio(count, all)],
    ]),
    table('Requests by the node that they were sent to', targets, [
      ['Target', 'text', ({ url }) => url],
      ['Completed', 'count', ({ completed }) => completed],
      ['Rate', 'rate', ({ completed }) => ratio(completed, totals.seconds), 1],
      ['Failed', 'count', ({ failed }) => failed],
      ['Unanswered', 'count', ({ unanswered }) => unanswered],
      ...percentileColumns(({ latency }: (typeof targets)[number]) => latency, [50, 99]),
    ]),
  ];
}

export function generatorTable(results: readonly BenchResult[]): Table {
  return table('The load generator: a run in which it is the bottleneck is invalid', results, [
    ['Run', 'text', ({ label }) => label],
    ['Engine', 'text', ({ generator }) => `${generator.engine} ${generator.version}`],
    ['CPU', 'seconds', ({ generator }) => generator.cpuSeconds, 2],
    ['Event loop busy', 'share', ({ generator }) => generator.utilization],
    ['Event loop held up p99', 'ms', ({ generator }) => generator.delayMsP99],
    ['Held up, most', 'ms', ({ generator }) => generator.delayMsMax],
    ['Late starts', 'count', ({ totals }) => totals.lateStarts],
    ['Waiting, most', 'count', ({ totals }) => totals.pendingMax],
  ]);
}

/** Null where the part is not known or the whole is nothing. */
function ratio(part: number | null | undefined, whole: number): number | null {
  return part === null || part === undefined || whole === 0 ? null : part / whole;
}
