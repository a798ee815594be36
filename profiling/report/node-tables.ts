/** What the run cost on each node and thread, and what came of the requests: by target and by status code. */
import { nodeName } from '../../src/domain/topology.ts';
import { percentileUs } from '../load/histogram.ts';
import type { BenchResult } from '../load/result.ts';
import { html, type Html } from './html.ts';
import { table, type Cell } from './table.ts';

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
  'cut off': 'the run ended before the answer',
};

export function nodeTables(result: BenchResult): Html {
  if (result.nodes.length === 0) return html`<p>Not measured: nothing could be learnt of the nodes.</p>`;
  return html`${nodeTable(result)}${threadTable(result)}`;
}

function nodeTable({ nodes, totals, environment }: BenchResult): Html {
  const perRequest = (value: number | null): number | null => {
    return value === null || totals.completed === 0 ? null : value / totals.completed;
  };
  return table({
    caption: `Nodes over the ${totals.seconds.toFixed(0)} s measured, a request being one of the whole cluster's`,
    columns: [
      { title: 'Node', unit: 'text' },
      { title: 'URL', unit: 'text' },
      { title: 'CPU a request', unit: 'us' },
      { title: `CPU of all ${environment.cores} cores`, unit: 'share' },
      { title: 'Waiting for a core, a request', unit: 'us' },
      { title: 'Memory, most', unit: 'bytes' },
      { title: 'Sent to nodes, bytes a request', unit: 'count' },
      { title: 'Received from nodes, bytes a request', unit: 'count' },
    ],
    rows: nodes.map((node, index): Cell[] => {
      const sum = (pick: 'cpuUs' | 'runQueueUs'): number | null => {
        return node.threads === null ? null : node.threads.reduce((total, thread) => total + thread[pick], 0);
      };
      const cpuUs = sum('cpuUs');
      const availableUs = totals.seconds * 1e6 * environment.cores;
      return [
        nodeName(index),
        node.url,
        perRequest(cpuUs),
        cpuUs === null || availableUs === 0 ? null : cpuUs / availableUs,
        perRequest(sum('runQueueUs')),
        node.residentBytesMax,
        perRequest(node.peerBytesSent),
        perRequest(node.peerBytesReceived),
      ];
    }),
  });
}

function threadTable({ nodes, totals }: BenchResult): Html {
  const perRequest = (value: number): number | null => (totals.completed === 0 ? null : value / totals.completed);
  return table({
    caption: 'Threads, for each request of the whole cluster; native: all threads without JavaScript (libuv, V8, LMDB)',
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'CPU', unit: 'us' },
      { title: 'Waiting for a core', unit: 'us' },
      { title: 'CPU of one core', unit: 'share' },
      { title: 'Voluntary switches', unit: 'count', digits: 3 },
      { title: 'Involuntary switches', unit: 'count', digits: 3 },
    ],
    rows: nodes.flatMap((node, index): Cell[][] => {
      if (node.threads === null) return [[`${nodeName(index)}, all threads`, null, null, null, null, null]];
      return node.threads.map((thread) => [
        `${nodeName(index)} ${thread.thread}`,
        perRequest(thread.cpuUs),
        perRequest(thread.runQueueUs),
        totals.seconds === 0 ? null : thread.cpuUs / (totals.seconds * 1e6),
        perRequest(thread.voluntarySwitches),
        perRequest(thread.involuntarySwitches),
      ]);
    }),
  });
}

export function outcomeTables({ targets, statuses, totals }: BenchResult): Html {
  const all = statuses.reduce((sum, { count }) => sum + count, 0);
  const byStatus = table({
    caption: 'Requests by status code, or by what happened instead of an answer',
    columns: [
      { title: 'Status', unit: 'text' },
      { title: 'Meaning', unit: 'text' },
      { title: 'Requests', unit: 'count' },
      { title: 'Share', unit: 'share' },
    ],
    rows: statuses.map(({ status, count }): Cell[] => [
      status,
      meanings[status] ?? '',
      count,
      all === 0 ? null : count / all,
    ]),
  });
  const byTarget = table({
    caption: 'Requests by the node that they were sent to',
    columns: [
      { title: 'Target', unit: 'text' },
      { title: 'Completed', unit: 'count' },
      { title: 'Rate', unit: 'rate', digits: 1 },
      { title: 'Failed', unit: 'count' },
      { title: 'Unanswered', unit: 'count' },
      ...[50, 99].map((share) => ({ title: `p${share}`, unit: 'latency' as const })),
      { title: 'Max', unit: 'latency' },
    ],
    rows: targets.map(({ url, completed, failed, unanswered, latency }): Cell[] => {
      const known = (value: number): number | null => (latency.count === 0 ? null : value);
      const percentiles = [50, 99].map((share) => known(percentileUs(latency, share)));
      const rate = totals.seconds === 0 ? null : completed / totals.seconds;
      return [url, completed, rate, failed, unanswered, ...percentiles, known(latency.maxUs)];
    }),
  });
  return html`${byStatus}${byTarget}`;
}

export function generatorTable(results: readonly BenchResult[]): Html {
  return table({
    caption: 'The load generator: a run in which it is the bottleneck is invalid',
    columns: [
      { title: 'Run', unit: 'text' },
      { title: 'Engine', unit: 'text' },
      { title: 'CPU', unit: 'seconds', digits: 2 },
      { title: 'Event loop busy', unit: 'share' },
      { title: 'Event loop held up p99', unit: 'ms' },
      { title: 'Held up, most', unit: 'ms' },
      { title: 'Late starts', unit: 'count' },
      { title: 'Waiting, most', unit: 'count' },
    ],
    rows: results.map(({ label, generator, totals }): Cell[] => [
      label,
      `${generator.engine} ${generator.version}`,
      generator.cpuSeconds,
      generator.utilization,
      generator.delayMsP99,
      generator.delayMsMax,
      totals.lateStarts,
      totals.pendingMax,
    ]),
  });
}
