/**
 * What each part of the system costs, PUT beside GET: CPU and allocation of one request over the whole cluster, by thread,
 * and what the collector did.
 */
import { categoryTitles } from '../attribution/categories.ts';
import { threadLabel, type ProfileRun, type ThreadName } from '../result/profile.ts';
import { quiet, section, table, text, type Block, type ColumnOf, type Table } from './blocks.ts';
import { requestCosts } from './profile-sentences.ts';
import { partsIn, perRequest, requestParts, type PartsColumn, type PartsKind } from './request-parts.ts';

export function costSections(runs: readonly ProfileRun[]): Block {
  return [
    section(
      'CPU by part',
      text(
        "What the system accounts to each thread, split by the shares of its samples; a part's own (self), and with all " +
          'that it calls (total). Microseconds of CPU a request, all nodes together.',
      ),
      partsTable('CPU of one request', 'cpu', runs),
      runs.map((run) => threadPartsTable(run, 'cpu')),
      runs.map(threadTimes),
      quiet(
        "The first two columns are the system's account, idle and blocked are V8's samples. V8 calls a thread idle " +
          'until it runs again, so the wait for a core after a wake-up is in two columns, and a row may add up to more ' +
          'than the whole.',
      ),
      runs.some(({ perf }) => perf !== undefined) &&
        section(
          'By perf',
          text("Samples of the system's clock: all threads, native code and kernel included."),
          partsTable('CPU of one request, by perf', 'perf', runs),
          runs.map((run) => threadPartsTable(run, 'perf')),
        ),
    ),
    section(
      'Allocation by part',
      text(
        "Bytes on V8's heap, by a sampling profiler that counts what was collected too. Buffers are not on that heap: " +
          'they stand in the table of collections.',
      ),
      partsTable('Allocation of one request', 'allocation', runs),
      runs.map((run) => threadPartsTable(run, 'allocation')),
      runs.map(collectionsTable),
    ),
    section('All loads side by side', sideBySide(runs)),
  ];
}

function sideBySide(runs: readonly ProfileRun[]): Table {
  const costs = runs.map((run) => ({ run, ...requestCosts(run) }));
  return table('Costs of one request over the whole cluster', costs, [
    ['Load', 'text', ({ run: { op, mode } }) => `${op.toUpperCase()} ${mode}`],
    ['CPU', 'us', ({ cpuUs }) => cpuUs],
    ['Heap, bytes', 'count', ({ heapBytes }) => heapBytes],
    ['Off the heap, at least, bytes', 'count', ({ offHeapBytes }) => offHeapBytes],
    ['Promises', 'count', ({ promises }) => promises, 1],
    ['Collection pauses', 'us', ({ gcUs }) => gcUs],
  ]);
}

function partsTable(caption: string, kind: PartsKind, runs: readonly ProfileRun[]): Block {
  const costs = requestParts(runs, kind);
  if (costs.length === 0) return quiet('Not measured.');
  const shown = partsIn(costs).map((part) => ({
    title: categoryTitles[part],
    costs: costs.map(({ parts }) => parts.get(part) ?? { self: 0, total: 0 }),
  }));
  const all = (title: string, values: readonly (number | null)[]) => ({
    title,
    costs: values.map((value) => ({ self: value, total: value })),
  });
  const native = costs.map((one) => one.native);
  const rows = [
    ...shown,
    ...(native.some((one) => one !== null) ? [all('Threads without JavaScript', native)] : []),
    all(
      'Whole',
      costs.map(({ whole }) => whole),
    ),
  ];
  const suffix = kind === 'allocation' ? ', bytes' : '';
  return table(caption, rows, [
    ['Part', 'text', ({ title }) => title],
    ...costs.flatMap(({ name, whole }, at): ColumnOf<(typeof rows)[number]>[] => [
      [`${name} self${suffix}`, unitOf(kind), (row) => row.costs[at]?.self ?? null],
      ['share', 'share', (row) => shareOf(row.costs[at]?.self ?? null, whole)],
      [`${name} total${suffix}`, unitOf(kind), (row) => row.costs[at]?.total ?? null],
    ]),
  ]);
}

function shareOf(part: number | null, whole: number): number | null {
  return part === null || whole === 0 ? null : part / whole;
}

function unitOf(kind: PartsKind): 'us' | 'count' {
  return kind === 'allocation' ? 'count' : 'us';
}

/** All threads together, those of a name over all nodes, and each. */
function threadPartsTable(run: ProfileRun, kind: PartsKind): Block {
  const measured = run[kind];
  if (measured === undefined || measured.requests === 0) return undefined;
  const named = (nameOf: (thread: ThreadName) => string): PartsColumn[] =>
    [...new Set(measured.threads.map(nameOf))].map((name) => ({
      name,
      parts: perRequest(
        measured.threads.filter((thread) => nameOf(thread) === name),
        measured,
      ),
    }));
  const hasNodes = new Set(measured.threads.map(({ node }) => node)).size > 1;
  const columns = [
    ...named(() => 'All threads'),
    ...(hasNodes ? named(({ thread }) => `${thread}, all nodes`) : []),
    ...named(threadLabel),
  ];
  const what = kind === 'allocation' ? 'bytes allocated on the heap' : 'microseconds of CPU';
  const by = kind === 'perf' ? ', by perf' : '';
  return table(`${run.op.toUpperCase()} by thread${by}: ${what} of one request, self`, partsIn(columns), [
    ['Part', 'text', (part) => categoryTitles[part]],
    ...columns.map(({ name, parts }): ColumnOf<Parameters<typeof parts.get>[0]> => [
      name,
      unitOf(kind),
      (part) => parts.get(part)?.self ?? 0,
    ]),
  ]);
}

function threadTimes({ op, cpu }: ProfileRun): Block {
  if (cpu === undefined) return undefined;
  const wholeUs = cpu.seconds * 1e6 || 1;
  const native = (cpu.native ?? []).map(({ node, cpuUs }) => ({ name: `${node} native`, cpuUs, seen: null }));
  const threads = cpu.threads.map((thread) => ({
    name: threadLabel(thread) + (thread.isWallTime ? ' (wall time)' : ''),
    cpuUs: thread.cpuUs,
    seen: thread,
  }));
  // V8's samples say nothing of a thread without JavaScript.
  return table(
    `${op.toUpperCase()}: what the threads did, as shares of the time`,
    [...threads, ...native],
    [
      ['Thread', 'text', ({ name }) => name],
      ['On a core', 'share', ({ cpuUs }) => cpuUs / wholeUs],
      ['Ready, no core', 'share', ({ seen }) => (seen === null ? '–' : seen.runQueueUs / wholeUs)],
      ['Blocked in storage', 'share', ({ seen }) => (seen === null ? '–' : seen.blockedUs / wholeUs)],
      ['Idle', 'share', ({ seen }) => (seen === null ? '–' : seen.idleUs / wholeUs)],
      ['Unattributed', 'share', ({ seen }) => seen?.unattributedShare ?? '–'],
    ],
  );
}

function collectionsTable({ op, collections, promises }: ProfileRun): Block {
  if (collections === undefined || collections.requests === 0) return undefined;
  const { requests, threads } = collections;
  const promisesOf = (thread: ThreadName): number | null => {
    const made = promises?.threads.find((one) => threadLabel(one) === threadLabel(thread));
    return made === undefined || promises === undefined ? null : made.promises / (promises.requests || 1);
  };
  return table(`${op.toUpperCase()}: bytes, promises and collections`, threads, [
    ['Thread', 'text', threadLabel],
    ['Heap, bytes a request', 'count', ({ heapBytes }) => heapBytes / requests],
    ['Off the heap, bytes a request', 'count', ({ offHeapBytes }) => offHeapBytes / requests],
    ['Promises a request', 'count', promisesOf, 2],
    ['Pauses', 'text', ({ pauses }) => pauses.map(pauseText).join('; ') || 'none'],
  ]);
}

type Pause = NonNullable<ProfileRun['collections']>['threads'][number]['pauses'][number];

function pauseText({ kind, count, totalUs, maxUs }: Pause): string {
  return `${kind} ${count}, ${(totalUs / 1000).toFixed(1)} ms, longest ${(maxUs / 1000).toFixed(1)} ms`;
}
