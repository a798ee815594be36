/**
 * A profile as Markdown: what it says in sentences, then the tables behind them. Costs are of one request over the whole
 * cluster unless a heading says otherwise.
 */
import { categoryTitles } from '../attribution/categories.ts';
import type { WithParts } from '../attribution/costs.ts';
import {
  partsIn,
  perRequest,
  requestParts,
  type PartsColumn,
  type RequestParts,
} from '../attribution/request-parts.ts';
import {
  profileSentences,
  requestCosts,
  showBytes,
  showMicros,
  showNumber,
  showShare,
} from '../attribution/sentences.ts';
import {
  threadLabel,
  type FailedThread,
  type ProfileResult,
  type ProfileRun,
  type ThreadName,
  type Window,
} from '../capture/result.ts';
import { figureTable } from './markdown-table.ts';

/** The whole document. */
export function profileMarkdown(result: ProfileResult): string {
  const { label, command, startedAt, environment, runs, cutShort } = result;
  const { machine, cores, kernel, node, kvorum, commit, nodeCount } = environment;
  const settings = Object.entries(environment.cluster).map(([name, value]) => `${name} ${value}`);
  return joinBlocks([
    `# Profile: ${label}`,
    `\`${command}\`, ${startedAt}. Kvorum ${kvorum}${commit === null ? '' : ` at ${commit}`}, Node ${node}, ${nodeCount} ` +
      `${nodeCount === 1 ? 'node' : 'nodes'} (${settings.join(', ')}) on ${cores} cores of ${machine}, ${kernel}.`,
    ...(cutShort === true ? ['**Cut short: only a part was measured.**'] : []),
    ...runs.flatMap((run) => runBlocks(run)),
    ...(runs.length === 0 ? [] : overviewBlocks(runs)),
  ]);
}

/** PUT beside GET: each part's CPU and allocation a request, columns for each run. */
export function partsTable(runs: readonly ProfileRun[], kind: 'cpu' | 'allocation'): string {
  const columns = requestParts(runs, kind);
  if (columns.length === 0) return '';
  const show = kind === 'cpu' ? showMicros : showBytes;
  const cells = ({ whole }: RequestParts, { self, total }: { self: number; total: number }): string[] => [
    show(self),
    showShare(whole === 0 ? 0 : self / whole),
    show(total),
  ];
  const rows = partsIn(columns).map((part) => [
    categoryTitles[part],
    ...columns.flatMap((column) => cells(column, column.parts.get(part) ?? { self: 0, total: 0 })),
  ]);
  const native = columns.flatMap((column) => cells(column, { self: column.native ?? 0, total: column.native ?? 0 }));
  const hasNative = columns.some((column) => column.native !== null);
  return figureTable(
    ['Part', ...columns.flatMap(({ name }) => [`${name} self`, 'share', 'with callees'])],
    [
      ...rows,
      ...(hasNative ? [['Threads without JavaScript', ...native]] : []),
      ['**Whole**', ...columns.flatMap(({ whole }) => [`**${show(whole)}**`, '100%', ''])],
    ],
  );
}

/** One run, threads side by side: threads of the same name of all nodes together. */
export function threadsTable(run: ProfileRun, kind: 'cpu' | 'allocation'): string {
  const measurement = run[kind];
  if (measurement === undefined || measurement.requests === 0) return '';
  const show = kind === 'cpu' ? showMicros : showBytes;
  const columns = threadColumns(measurement);
  const rows = partsIn(columns).map((part) => [
    categoryTitles[part],
    ...columns.map(({ parts }) => show(parts.get(part)?.self ?? 0)),
  ]);
  return figureTable(['Part', ...columns.map(({ name }) => name)], rows);
}

/** Every thread of every node: how it spent the window. */
export function threadTimesTable({ cpu }: ProfileRun): string {
  if (cpu === undefined) return '';
  const ofWindow = (us: number): string => showShare(us / (cpu.seconds * 1e6 || 1));
  const rows = cpu.threads.map((thread) => [
    threadLabel(thread),
    ofWindow(thread.cpuUs) + (thread.isWallTime ? ' (wall time)' : ''),
    ofWindow(thread.runQueueUs),
    ofWindow(thread.blockedUs),
    ofWindow(thread.idleUs),
    showShare(thread.unattributedShare),
  ]);
  const native = (cpu.native ?? []).map(({ node, cpuUs }) => [`${node} native`, ofWindow(cpuUs), '', '', '', '']);
  return figureTable(
    ['Thread', 'CPU', 'waiting for a core', 'blocked in storage', 'idle', 'unattributed'],
    [...rows, ...native],
  );
}

/** Collections and memory, for each thread. */
export function collectionsTable({ collections, promises }: ProfileRun): string {
  if (collections === undefined || collections.requests === 0) return '';
  const rows = collections.threads.map((one) => {
    const made = promises?.threads.find(({ node, thread }) => node === one.node && thread === one.thread)?.promises;
    const pauses = one.pauses.map(
      ({ kind, count, totalUs, maxUs }) => `${kind} ${count}, ${showMillis(totalUs)}, longest ${showMillis(maxUs)}`,
    );
    return [
      threadLabel(one),
      showBytes(one.heapBytes / collections.requests),
      showBytes(one.offHeapBytes / collections.requests),
      made === undefined || promises === undefined ? '' : showNumber(made / (promises.requests || 1)),
      pauses.join('; '),
    ];
  });
  return figureTable(['Thread', 'heap a request', 'off heap a request', 'promises a request', 'pauses'], rows);
}

function runBlocks(run: ProfileRun): string[] {
  const name = run.op.toUpperCase();
  const rate = run.rateAsked === null ? '' : `, ${showNumber(run.rateAsked)} requests/s asked for`;
  return [
    `## ${name}, mode ${run.mode}${rate}`,
    profileSentences(run)
      .map((sentence) => `- ${sentence}.`)
      .join('\n'),
    heading(`CPU of a ${name} by thread`, threadsTable(run, 'cpu')),
    heading('Where the time of each thread went', threadTimesTable(run)),
    heading(`Allocation on the heap of a ${name} by thread`, threadsTable(run, 'allocation')),
    heading('Memory and collections', collectionsTable(run)),
    heading('CPU by perf', perfTable(run)),
    ...failures(run),
  ];
}

function overviewBlocks(runs: readonly ProfileRun[]): string[] {
  return [
    '## All loads side by side',
    heading('CPU a request', partsTable(runs, 'cpu')),
    heading('Allocation on the heap a request', partsTable(runs, 'allocation')),
    heading('Costs of a request over the cluster', costsTable(runs)),
  ];
}

function costsTable(runs: readonly ProfileRun[]): string {
  const costs = runs.map((run) => requestCosts(run));
  const row = (title: string, values: readonly (number | null)[], show: (value: number) => string): string[] => [
    title,
    ...values.map((value) => (value === null ? 'not measured' : show(value))),
  ];
  return figureTable(
    ['', ...runs.map(({ op, mode }) => `${op.toUpperCase()} ${mode}`)],
    [
      row(
        'CPU',
        costs.map(({ cpuUs }) => cpuUs),
        showMicros,
      ),
      row(
        'Heap',
        costs.map(({ heapBytes }) => heapBytes),
        showBytes,
      ),
      row(
        'Off heap, at least',
        costs.map(({ offHeapBytes }) => offHeapBytes),
        showBytes,
      ),
      row(
        'Promises',
        costs.map(({ promises }) => promises),
        showNumber,
      ),
      row(
        'Collection pauses',
        costs.map(({ gcUs }) => gcUs),
        showMicros,
      ),
    ],
  );
}

function perfTable({ perf }: ProfileRun): string {
  if (perf === undefined || perf.requests === 0) return '';
  const columns = threadColumns(perf);
  const whole = perf.threads.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / perf.requests;
  const rows = partsIn(columns).map((part) => {
    const selves = columns.map(({ parts }) => parts.get(part)?.self ?? 0);
    return [categoryTitles[part], ...selves.map(showMicros), showShare((selves.at(-1) ?? 0) / (whole || 1))];
  });
  return figureTable(['Part', ...columns.map(({ name }) => name), 'share'], rows);
}

/** Threads of the same name of all nodes together, then all threads. */
function threadColumns(measurement: Window & { readonly threads: readonly (ThreadName & WithParts)[] }): PartsColumn[] {
  const { threads } = measurement;
  const names = [...new Set(threads.map(({ thread }) => thread))];
  const ofName = (name: string): PartsColumn => {
    const own = threads.filter(({ thread }) => thread === name);
    return { name, parts: perRequest(own, measurement) };
  };
  return [...names.map(ofName), { name: 'cluster', parts: perRequest(threads, measurement) }];
}

function failures({ cpu, allocation, collections, promises }: ProfileRun): string[] {
  const failed: FailedThread[] = [cpu, allocation, collections, promises].flatMap((one) => [...(one?.failed ?? [])]);
  if (failed.length === 0) return [];
  return [failed.map((one) => `- Nothing was recorded of ${threadLabel(one)}: ${one.failure}.`).join('\n')];
}

function showMillis(us: number): string {
  return `${showNumber(us / 1000)} ms`;
}

function heading(title: string, body: string): string {
  return body === '' ? '' : `### ${title}\n\n${body}`;
}

function joinBlocks(blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}
