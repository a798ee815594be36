/** Other stores beside ours in one table: what each is, how durable its acknowledgement is, what it holds and costs. */
import { pointKey, pointName } from '../compare/load-point.ts';
import type { LoadOperation } from '../load/result.ts';
import type { CompareResult, LoadPoint, MeasureName, Subject, SummaryRow } from '../result/compare.ts';
import { quantity, type Unit } from '../result/quantity.ts';
import { quiet, table, type Block, type Cell } from './blocks.ts';
import { opsOf } from './compare-tables.ts';

const shown: readonly (readonly [title: string, measure: MeasureName, unit: Unit])[] = [
  ['p50', 'p50Us', 'latency'],
  ['p99', 'p99Us', 'latency'],
  ['CPU of all processes', 'cpuUs', 'us'],
];

/** Nothing where only modes were compared. */
export function peersTable(result: CompareResult): Block {
  const { subjects } = result;
  if (!subjects.some(isPeer)) return null;
  const across = (title: string, cell: (subject: Subject) => Cell): Cell[] => [title, ...subjects.map(cell)];
  const rows = [
    across('Store', ({ environment: { cluster, kvorum } }) => String(cluster['store'] ?? `kvorum ${kvorum}`)),
    across('Processes', ({ environment }) => quantity(environment.nodeCount, 'count')),
    across('An acknowledged write', durabilityOf),
    ...opsOf(result).flatMap((op) => operationRows(result, op, across)),
  ];
  const heads = ['', ...subjects.map(({ name }) => name)];
  return [
    table(
      'Stores beside each other: medians of the rounds',
      rows,
      heads.map((title, at) => [title, 'text', (cells: readonly Cell[]) => cells[at] ?? null]),
    ),
    quiet('etcd does not tell whether it was started with --unsafe-no-fsync.'),
  ];
}

/** A GET finds its key everywhere, since all stores were filled; etcd's reads are linearizable, Kvorum's ask a quorum. */
function operationRows(
  result: CompareResult,
  op: LoadOperation,
  across: (title: string, cell: (subject: Subject) => Cell) => Cell[],
): Cell[][] {
  const name = op.toUpperCase();
  const point = result.summary.find((row) => row.op === op && row.point.kind === 'rate')?.point;
  const held = across(`${name}: highest rate held`, (subject) => {
    const best = result.searches.find((one) => one.subject === subject.name && one.op === op)?.best ?? null;
    return best === null ? 'none' : quantity(best, 'rate');
  });
  if (point === undefined) return [held];
  const measures = shown.map(([title, measure, unit]) =>
    across(`${name} at ${pointName(point)}: ${title}`, (subject) => {
      const spread = rowOf(result.summary, { subject: subject.name, op, point })?.measures[measure] ?? null;
      return spread === null ? null : quantity(spread.median, unit);
    }),
  );
  return [held, ...measures];
}

interface Place {
  readonly subject: string;
  readonly op: LoadOperation;
  readonly point: LoadPoint;
}

function rowOf(summary: readonly SummaryRow[], { subject, op, point }: Place): SummaryRow | undefined {
  return summary.find((row) => row.subject === subject && row.op === op && pointKey(row.point) === pointKey(point));
}

function durabilityOf(subject: Subject): string {
  const { cluster, nodeCount } = subject.environment;
  const told = String(cluster['durability'] ?? 'not told');
  if (isPeer(subject)) return told;
  return told === 'fsync' ? `fsync, majority of ${nodeCount}` : `written, majority of ${nodeCount}; synced each second`;
}

function isPeer({ environment }: Subject): boolean {
  return environment.cluster['store'] !== undefined;
}
