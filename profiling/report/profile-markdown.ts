/**
 * A profile as Markdown: what it says in sentences, then the tables behind them. Costs are of one request over the whole
 * cluster unless a heading says otherwise.
 */
import { categories, categoryTitles, outsideWork, type Category } from '../attribution/categories.ts';
import { sumOfParts, type PartCost, type WithParts } from '../attribution/costs.ts';
import {
  nativeCpuUs,
  profileSentences,
  requestCosts,
  showBytes,
  showMicros,
  showNumber,
  showShare,
} from '../attribution/sentences.ts';
import type { FailedThread, ProfileResult, ProfileRun, ThreadName } from '../capture/result.ts';
import { figureTable } from './markdown-table.ts';

const workParts = categories.filter((part) => !outsideWork.has(part));

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
  const columns = runs.flatMap((run) => columnOf(run, kind));
  if (columns.length === 0) return '';
  const show = kind === 'cpu' ? showMicros : showBytes;
  const cells = ({ whole }: PartsColumn, { self, total }: { self: number; total: number }): string[] => [
    show(self),
    showShare(whole === 0 ? 0 : self / whole),
    show(total),
  ];
  const rows = workParts
    .filter((part) => columns.some(({ parts }) => parts.has(part)))
    .map((part) => [
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
  const names = [...new Set(measurement.threads.map(({ thread }) => thread))];
  const sums = names.map((name) => partSums(measurement.threads.filter(({ thread }) => thread === name)));
  const cluster = partSums(measurement.threads);
  const perRequest = (sum: ReadonlyMap<Category, PartCost>, part: Category): string =>
    show((sum.get(part)?.self ?? 0) / measurement.requests);
  const rows = categories
    .filter((part) => cluster.has(part))
    .map((part) => [categoryTitles[part], ...sums.map((sum) => perRequest(sum, part)), perRequest(cluster, part)]);
  return figureTable(['Part', ...names, 'cluster'], rows);
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

/** One run in a table of parts; all figures are of one request. */
interface PartsColumn {
  readonly name: string;
  readonly parts: ReadonlyMap<Category, PartCost>;
  /** CPU of threads without JavaScript; null where it is not known. */
  readonly native: number | null;
  readonly whole: number;
}

function columnOf(run: ProfileRun, kind: 'cpu' | 'allocation'): PartsColumn[] {
  const measurement = run[kind];
  if (measurement === undefined || measurement.requests === 0) return [];
  const { requests } = measurement;
  const sums = sumOfParts(measurement.threads);
  const parts = sums.map(({ part, self, total }) => ({ part, self: self / requests, total: total / requests }));
  const cpu = kind === 'cpu' ? run.cpu : undefined;
  const native = cpu === undefined || cpu.native === null ? null : nativeCpuUs(cpu) / requests;
  const whole = parts.reduce((sum, { self }) => sum + self, native ?? 0);
  return [{ name: run.op.toUpperCase(), parts: byPart(parts), native, whole }];
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
  const names = [...new Set(perf.threads.map(({ thread }) => thread))];
  const sums = names.map((name) => partSums(perf.threads.filter(({ thread }) => thread === name)));
  const cluster = partSums(perf.threads);
  const whole = perf.threads.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  const rows = categories
    .filter((part) => cluster.has(part))
    .map((part) => {
      const self = cluster.get(part)?.self ?? 0;
      const cells = sums.map((sum) => showMicros((sum.get(part)?.self ?? 0) / perf.requests));
      return [categoryTitles[part], ...cells, showMicros(self / perf.requests), showShare(self / (whole || 1))];
    });
  return figureTable(['Part', ...names, 'cluster', 'share'], rows);
}

function failures({ cpu, allocation, collections, promises }: ProfileRun): string[] {
  const failed: FailedThread[] = [cpu, allocation, collections, promises].flatMap((one) => [...(one?.failed ?? [])]);
  if (failed.length === 0) return [];
  return [failed.map((one) => `- Nothing was recorded of ${threadLabel(one)}: ${one.failure}.`).join('\n')];
}

function byPart(parts: readonly PartCost[]): Map<Category, PartCost> {
  return new Map(parts.map((one) => [one.part, one]));
}

function partSums(threads: readonly WithParts[]): Map<Category, PartCost> {
  return byPart(sumOfParts(threads));
}

function threadLabel({ node, thread }: ThreadName): string {
  return `${node} ${thread}`;
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
