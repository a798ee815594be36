/**
 * What each part of the system costs, PUT beside GET: CPU and allocation of one request over the whole cluster, by thread,
 * and what the collector did.
 */
import { categoryTitles } from '../attribution/categories.ts';
import { partsIn, perRequest, requestParts, type PartsKind } from '../attribution/request-parts.ts';
import { threadLabel, type ProfileRun } from '../capture/result.ts';
import { html, type Html } from './html.ts';
import { table, type Cell, type Column } from './table.ts';

export function costTables(runs: readonly ProfileRun[]): Html {
  return html`<section>
      <h2>CPU by part</h2>
      <p>
        What the system accounts to each thread, split by the shares of its samples; a part's own (self), and with all
        that it calls (total). Microseconds of CPU a request, all nodes together.
      </p>
      ${partsTable('CPU of one request', 'cpu', runs)} ${runs.map((run) => threadPartsTable(run, 'cpu'))}
      ${runs.map(threadTimes)}
      <p class="quiet">
        The first two columns are the system's account, idle and blocked are V8's samples. V8 calls a thread idle until
        it runs again, so the wait for a core after a wake-up is in two columns, and a row may add up to more than the
        whole.
      </p>
      ${
        runs.some(({ perf }) => perf !== undefined) &&
        html`<h3>By perf</h3>
          <p>Samples of the system's clock: all threads, native code and kernel included.</p>
          ${partsTable('CPU of one request, by perf', 'perf', runs)}`
      }
    </section>
    <section>
      <h2>Allocation by part</h2>
      <p>
        Bytes on V8's heap, by a sampling profiler that counts what was collected too. Buffers are not on that heap:
        they stand in the table of collections.
      </p>
      ${partsTable('Allocation of one request', 'allocation', runs)}
      ${runs.map((run) => threadPartsTable(run, 'allocation'))} ${runs.map(collectionsTable)}
    </section>`;
}

function partsTable(caption: string, kind: PartsKind, runs: readonly ProfileRun[]): Html {
  const costs = requestParts(runs, kind);
  if (costs.length === 0) return html`<p class="quiet">Not measured.</p>`;
  const rows = partsIn(costs).map((part): Cell[] => [
    categoryTitles[part],
    ...costs.flatMap(({ parts, whole }) => {
      const { self = 0, total = 0 } = parts.get(part) ?? {};
      return [self, whole === 0 ? 0 : self / whole, total];
    }),
  ]);
  const native = costs.flatMap(({ native: own, whole }) => [
    own,
    own === null || whole === 0 ? null : own / whole,
    own,
  ]);
  const hasNative = costs.some(({ native: own }) => own !== null);
  return table({
    caption,
    columns: [{ title: 'Part', unit: 'text' }, ...costs.flatMap(({ name }) => costColumns(name, kind))],
    rows: [
      ...rows,
      ...(hasNative ? [['Threads without JavaScript', ...native]] : []),
      ['Whole', ...costs.flatMap(({ whole }) => [whole, 1, whole])],
    ],
  });
}

function costColumns(name: string, kind: PartsKind): Column[] {
  const own = { unit: unitOf(kind) };
  const suffix = kind === 'allocation' ? ', bytes' : '';
  return [
    { title: `${name} self${suffix}`, ...own },
    { title: 'share', unit: 'share' },
    { title: `${name} total${suffix}`, ...own },
  ];
}

function unitOf(kind: PartsKind): 'us' | 'count' {
  return kind === 'allocation' ? 'count' : 'us';
}

/** Columns are threads, over all nodes. */
function threadPartsTable(run: ProfileRun, kind: 'cpu' | 'allocation'): Html | undefined {
  const measured = run[kind];
  if (measured === undefined || measured.requests === 0) return undefined;
  const columns = [...new Set(measured.threads.map(threadLabel))].map((name) => {
    const own = measured.threads.filter((thread) => threadLabel(thread) === name);
    return { name, parts: perRequest(own, measured) };
  });
  const rows = partsIn(columns).map((part): Cell[] => [
    categoryTitles[part],
    ...columns.map(({ parts }) => parts.get(part)?.self ?? 0),
  ]);
  const what = kind === 'cpu' ? 'microseconds of CPU' : 'bytes allocated on the heap';
  return table({
    caption: `${run.op.toUpperCase()} by thread: ${what} of one request, self`,
    columns: [{ title: 'Part', unit: 'text' }, ...columns.map(({ name }) => ({ title: name, unit: unitOf(kind) }))],
    rows,
  });
}

function threadTimes({ op, cpu }: ProfileRun): Html | undefined {
  if (cpu === undefined) return undefined;
  const wholeUs = cpu.seconds * 1e6 || 1;
  return table({
    caption: `${op.toUpperCase()}: what the threads did, as shares of the time`,
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'On a core', unit: 'share' },
      { title: 'Ready, no core', unit: 'share' },
      { title: 'Blocked in storage', unit: 'share' },
      { title: 'Idle', unit: 'share' },
      { title: 'Unattributed', unit: 'share' },
    ],
    rows: [
      ...cpu.threads.map((thread): Cell[] => [
        threadLabel(thread) + (thread.isWallTime ? ' (wall time)' : ''),
        thread.cpuUs / wholeUs,
        thread.runQueueUs / wholeUs,
        thread.blockedUs / wholeUs,
        thread.idleUs / wholeUs,
        thread.unattributedShare,
      ]),
      ...(cpu.native ?? []).map(({ node, cpuUs }): Cell[] => [`${node} native`, cpuUs / wholeUs, '–', '–', '–', '–']),
    ],
  });
}

function collectionsTable({ op, collections, promises }: ProfileRun): Html | undefined {
  if (collections === undefined || collections.requests === 0) return undefined;
  const { requests, threads } = collections;
  return table({
    caption: `${op.toUpperCase()}: bytes, promises and collections`,
    columns: [
      { title: 'Thread', unit: 'text' },
      { title: 'Heap, bytes a request', unit: 'count' },
      { title: 'Off the heap, bytes a request', unit: 'count' },
      { title: 'Promises a request', unit: 'count', digits: 2 },
      { title: 'Pauses', unit: 'text' },
    ],
    rows: threads.map((thread): Cell[] => {
      const made = promises?.threads.find((one) => threadLabel(one) === threadLabel(thread));
      const pauses = thread.pauses.map(
        ({ kind, count, totalUs, maxUs }) =>
          `${kind} ${count}, ${(totalUs / 1000).toFixed(1)} ms, longest ${(maxUs / 1000).toFixed(1)} ms`,
      );
      return [
        threadLabel(thread),
        thread.heapBytes / requests,
        thread.offHeapBytes / requests,
        made === undefined || promises === undefined ? null : made.promises / promises.requests,
        pauses.join('; ') || 'none',
      ];
    }),
  });
}
