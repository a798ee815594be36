/**
 * A comparison in tables, for pages and for terminals: every measure of every subject with its range and what each step
 * changed; every run; what the modes cost under a profiler.
 */
import { rangeText } from '../compare/format.ts';
import { pointKey, pointName } from '../compare/load-point.ts';
import type { LoadOperation } from '../load/result.ts';
import {
  measureKinds,
  type Change,
  type ComparedStep,
  type CompareResult,
  type CompareRun,
  type Gate,
  type LoadPoint,
  type MeasureName,
  type ModeProfile,
  type Spread,
  type SummaryRow,
  type ThreadRow,
  type VerdictCounts,
} from '../result/compare.ts';
import { threadLabel } from '../result/profile.ts';
import { quantity, typeset, type Unit } from '../result/quantity.ts';
import { list, note, table, type Block, type Cell, type Table } from './blocks.ts';
import { percentileColumns } from './verdict.ts';

/** What a reader must know before the figures: what failed, and which runs say nothing or missed their rate. */
export function compareNotes({ cutShort, failures = [], summary }: CompareResult): Block {
  const named = (kind: 'invalid' | 'missed' | 'failed'): string =>
    summary
      .filter(({ verdicts }) => verdicts[kind] > 0)
      .map(({ subject, op, point, verdicts }) => {
        const { held, missed, failed, invalid } = verdicts;
        const rounds = `${verdicts[kind]} of ${held + missed + failed + invalid} rounds`;
        return `${subject} ${op.toUpperCase()} at ${pointName(point)} (${rounds})`;
      })
      .join(', ');
  const [invalid, missed, failed] = [named('invalid'), named('missed'), named('failed')];
  return [
    cutShort && note('CUT SHORT', 'The comparison was interrupted: all figures are of the part that ran.'),
    failures.map((failure) => note('FAILED', failure)),
    invalid !== '' &&
      note('INVALID', `The load generator could not keep the rate, and these runs count for nothing: ${invalid}.`),
    failed !== '' && note('ERRORS', `Not all requests were successful: ${failed}.`),
    missed !== '' && note('MISSED', `The rate was not held, so latencies there say how long the run was: ${missed}.`),
  ];
}

/** What got worse, and what nothing can be said of; nothing where all is well. */
export function gateTable({ loads }: Gate): Block {
  const told = loads.filter(({ regressions, undecided }) => regressions.length > 0 || undecided !== null);
  return (
    told.length > 0 &&
    table('What got worse beyond the bound and the ranges, or could not be judged', told, [
      ['Step', 'text', ({ step }) => step],
      ['Load', 'text', ({ load }) => load],
      [
        'Found',
        'text',
        ({ regressions, undecided }) => (regressions.length > 0 ? regressions.join('; ') : `no verdict: ${undecided}`),
      ],
    ])
  );
}

/** What the maxima are, and what the next higher rates failed on; nothing where none was looked for. */
export function maximumTable({ searches }: CompareResult, op: LoadOperation): Block {
  const found = searches.filter((search) => search.op === op);
  return (
    found.length > 0 &&
    table(`Highest rates held and what is above them, ${op.toUpperCase()}`, found, [
      ['', 'text', ({ subject }) => subject],
      [
        'Held',
        'text',
        ({ best, spread }) => spreadText(spread, 'rate') ?? (best === null ? 'none' : quantity(best, 'rate')),
      ],
      ['Lowest rate not held', 'rate', ({ missed }) => missed ?? 'none tried'],
      [
        'What it failed on',
        'text',
        ({ steps, missed }) => steps.findLast(({ rate, held }) => !held && rate === missed)?.reason ?? '–',
      ],
    ])
  );
}

/** One table for each load: measures down, subjects and `steps` across. */
export function measureTables(result: CompareResult, op: LoadOperation, steps: readonly ComparedStep[]): Table[] {
  const own = steps.filter((step) => step.op === op);
  return pointsOf(result, op).map((point) => measureTable(result, { op, point, steps: own }));
}

interface MeasureTable {
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  readonly steps: readonly ComparedStep[];
}

function measureTable(result: CompareResult, { op, point, steps }: MeasureTable): Table {
  const names = result.subjects.map(({ name }) => name);
  const rows = names.map((subject) => rowOf(result, { op, point, subject }));
  const across = (title: string, cell: (row: SummaryRow) => Cell): Cell[] => {
    return [title, ...rows.map((row) => (row === undefined ? null : cell(row))), ...steps.map(() => '')];
  };
  const measures = (Object.keys(measureKinds) as MeasureName[]).map((measure): Cell[] => [
    measureKinds[measure].title,
    ...rows.map((row) => spreadText(row?.measures[measure] ?? null, measureKinds[measure].unit)),
    ...steps.map(({ from, to, points }) => {
      const changes = points.find((one) => pointKey(one.point) === pointKey(point))?.changes ?? [];
      const isSure = [from, to].every((name) => isHeld(rows[names.indexOf(name)]));
      // Of a rate that was missed latency says how long the run was.
      if (measureKinds[measure].unit === 'latency' && !isSure && changes.length > 0) return 'no verdict: rate not held';
      return changeText(changes.find((change) => change.measure === measure));
    }),
  ]);
  const heads = ['', ...names, ...steps.map(({ from, to }) => `${from} → ${to}`)];
  return table(
    `${op.toUpperCase()} at ${pointText(point)}: median and range of the rounds`,
    [
      across('Rate asked for', ({ rate }) => quantity(rate, 'rate')),
      across('Rounds', ({ verdicts }) => roundsText(verdicts)),
      ...measures,
      ...threadNames(rows).map((name) => across(`CPU a request, ${name}`, (row) => threadText(row, name))),
    ],
    heads.map((title, at) => [title, 'text', (cells: readonly Cell[]) => cells[at] ?? null]),
  );
}

/** As far as any subject has them: `sync` has more workers than the others. */
function threadNames(rows: readonly (SummaryRow | undefined)[]): string[] {
  const threads = rows.flatMap((row) => row?.threads ?? []).toSorted(byNodeAndThread);
  return [...new Set(threads.map(threadLabel))];
}

function threadText({ threads }: SummaryRow, name: string): Cell {
  if (threads.length === 0) return null;
  const found = threads.find((thread) => threadLabel(thread) === name);
  return found === undefined ? 'no such thread' : spreadText(found.cpuUs, 'us');
}

/** Each single run, in the order in which they ran: who drifts with the machine shows here. */
export function runTable(runs: readonly CompareRun[]): Table {
  return table('All runs, in the order in which they ran', runs, [
    ['Run', 'count', (_, index) => index + 1],
    ['Subject', 'text', ({ subject }) => subject],
    ['Operation', 'text', ({ op }) => op],
    ['Load', 'text', ({ point }) => pointText(point)],
    ['Round', 'count', ({ round }) => round],
    ['Verdict', 'text', ({ result }) => result.verdict.kind.toUpperCase() + (result.cutShort ? ', cut short' : '')],
    ['Target', 'rate', ({ result }) => result.workload.rate],
    ['Achieved', 'rate', ({ result }) => result.totals.rate],
    ...percentileColumns(({ result }: CompareRun) => result.latency, [50, 99]),
  ]);
}

/** Nothing where no profiler was used. */
export function profileTable(profiles: readonly ModeProfile[]): Block {
  return (
    profiles.length > 0 &&
    table('What a request cost the whole cluster under the profilers', profiles, [
      ['Mode', 'text', ({ mode }) => mode],
      ['Operation', 'text', ({ op }) => op],
      ['Rate', 'rate', ({ rate }) => rate],
      ['CPU', 'us', ({ costs }) => costs.cpuUs],
      ['Heap, bytes', 'count', ({ costs }) => costs.heapBytes],
      ['Off the heap, bytes', 'count', ({ costs }) => costs.offHeapBytes],
      ['Promises', 'count', ({ costs }) => costs.promises, 1],
      ['Collections', 'us', ({ costs }) => costs.gcUs],
      ['Blocked on mutexes', 'us', ({ costs }) => costs.lockUs],
    ])
  );
}

/** Relative to where the page lies, unless the directory was given from the root. */
export function profileLinks(profiles: readonly ModeProfile[]): Block {
  const byDirectory = new Map(profiles.map(({ directory, mode }) => [directory, mode]));
  return list(
    [...byDirectory].map(([directory, mode]) => {
      const path = `${directory.replace(/\/+$/, '')}/report.html`;
      return { path, text: path, note: `profile of ${mode}` };
    }),
  );
}

/** What a step from one subject to another bought, for each operation. */
export interface Step {
  /** `sync → async`. */
  readonly title: string;
  readonly ops: readonly ComparedStep[];
}

export function stepsOf({ steps }: Pick<CompareResult, 'steps'>): Step[] {
  const titleOf = ({ from, to }: ComparedStep): string => `${from} → ${to}`;
  const titles = [...new Set(steps.map(titleOf))];
  return titles.map((title) => ({ title, ops: steps.filter((step) => titleOf(step) === title) }));
}

export function byNodeAndThread(left: ThreadRow, right: ThreadRow): number {
  return inOrder(left.node, right.node) || byThread(left.thread, right.thread);
}

/** Main first and native last. */
export function byThread(left: string, right: string): number {
  return threadPlace(left) - threadPlace(right) || inOrder(left, right);
}

function threadPlace(name: string): number {
  if (name === 'main') return 0;
  return name === 'native' ? 2 : 1;
}

function inOrder(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}

/** The loads that the operation met, in order. */
export function pointsOf({ summary }: CompareResult, op: LoadOperation): LoadPoint[] {
  const points = summary.filter((row) => row.op === op).map(({ point }) => point);
  return [...new Map(points.map((point) => [pointKey(point), point])).values()];
}

/** `1 000/s`, `60% of its own maximum`. */
export function pointText(point: LoadPoint): string {
  return typeset(pointName(point));
}

export interface RowPlace {
  readonly op: LoadOperation;
  readonly point: LoadPoint;
  readonly subject: string;
}

export function rowOf({ summary }: CompareResult, { op, point, subject }: RowPlace): SummaryRow | undefined {
  return summary.find((row) => {
    return row.op === op && row.subject === subject && pointKey(row.point) === pointKey(point);
  });
}

export function opsOf({ searches, summary }: CompareResult): LoadOperation[] {
  return [...new Set([...searches, ...summary].map(({ op }) => op))];
}

function isHeld(row: SummaryRow | undefined): boolean {
  if (row === undefined) return false;
  const { held, missed, failed, invalid } = row.verdicts;
  return held > 0 && missed + failed + invalid === 0;
}

/** `4.1 ms (3.9 to 4.4 ms)`. */
function spreadText(spread: Spread | null, unit: Unit): string | null {
  if (spread === null) return null;
  const median = quantity(spread.median, unit);
  const range = rangeText(spread, unit);
  return range === median ? median : `${median} (${range})`;
}

function changeText(change: Change | undefined): string {
  if (change === undefined) return '–';
  const { verdict, ratio } = change;
  switch (verdict) {
    case 'none':
      return 'no difference seen';
    case 'unknown':
      return 'measured only once';
    case 'more':
    case 'less':
      return ratio === null ? verdict : ratioText(ratio);
    default:
      return verdict satisfies never;
  }
}

function ratioText(ratio: number): string {
  if (ratio >= 2) return `× ${quantity(Number(ratio.toFixed(1)), 'count')}`;
  return `${ratio >= 1 ? '+' : '−'}${quantity(Number((Math.abs(ratio - 1) * 100).toFixed(1)), 'count')}%`;
}

function roundsText({ held, missed, failed, invalid }: VerdictCounts): string {
  const parts = [
    `${held} of ${held + missed + failed + invalid} held`,
    missed > 0 ? `${missed} missed` : '',
    failed > 0 ? `${failed} with errors` : '',
    invalid > 0 ? `${invalid} INVALID` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}
