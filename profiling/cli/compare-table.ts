/**
 * A comparison for the terminal: for each operation the maxima, then for each load a table with a column for each
 * subject, then what each step bought.
 */
import { threadLabel } from '../capture/result.ts';
import { formatMeasure, formatSpread, formatUs } from '../compare/format.ts';
import { pointKey, pointName } from '../compare/load-point.ts';
import {
  measureKinds,
  type CompareResult,
  type MaximumSearch,
  type MeasureName,
  type SummaryRow,
} from '../compare/result.ts';
import { ruleSentence } from '../compare/sentences.ts';
import { perSecond } from '../load/verdict.ts';
import { paint, printable, renderTable } from '../../src/cli/output.ts';

type Row = readonly string[];

export function compareText(result: CompareResult): string {
  const { searches, summary, subjects } = result;
  const ops = [...new Set([...searches, ...summary].map(({ op }) => op))];
  const names = subjects.map(({ name }) => name);
  const sections = [
    result.cutShort ? `${paint('yellow', 'CUT SHORT: the figures are of the part that ran')}\n` : '',
    ...(result.failures ?? []).map((failure) => `${paint('red', 'FAILED:')} ${printable(failure)}\n`),
    result.settings === null ? filesTable(result) : '',
    ...ops.flatMap((op) => [
      maximumTable(searches.filter((search) => search.op === op)),
      ...pointTables(
        summary.filter((row) => row.op === op),
        names,
      ),
    ]),
    stepsText(result),
    profilesText(result),
  ];
  return sections.filter((section) => section !== '').join('\n');
}

function filesTable({ subjects }: CompareResult): string {
  return table(
    ['', 'MODE', 'COMMIT', 'FILE'],
    subjects.map(({ name, environment: { cluster, commit }, source }) => {
      return [name, String(cluster['mode'] ?? '-'), commit ?? '-', source];
    }),
  );
}

function maximumTable(searches: readonly MaximumSearch[]): string {
  const [first] = searches;
  if (first === undefined) return '';
  const rows = searches.map(({ subject, spread, missed, steps }) => [
    subject,
    spread === null ? 'none' : formatSpread(spread, perSecond),
    missed === null ? '-' : `${perSecond(missed)}: ${steps.findLast(({ rate }) => rate === missed)?.reason ?? ''}`,
  ]);
  return table([`MAXIMUM OF ${first.op.toUpperCase()}`, 'HELD', 'NOT HELD'], rows);
}

/** One table for each point: what was measured down, the subjects across. */
function pointTables(rows: readonly SummaryRow[], names: readonly string[]): string[] {
  const points = new Map(rows.map((row) => [pointKey(row.point), row]));
  return [...points].map(([key, { op, point }]) => {
    const columns = names.map((name) => rows.find((row) => row.subject === name && pointKey(row.point) === key));
    const across = (cell: (row: SummaryRow) => string): string[] => columns.map((row) => (row ? cell(row) : '-'));
    const measures = (Object.keys(measureKinds) as MeasureName[]).map((name) => [
      measureKinds[name].title,
      ...across((row) => formatSpread(row.measures[name], (value) => formatMeasure(name, value))),
    ]);
    return table(
      [`${op.toUpperCase()} AT ${pointName(point)}`, ...names],
      [
        ...(point.kind === 'rate' ? [] : [['Rate asked for', ...across(({ rate }) => perSecond(rate))]]),
        ['Rounds held', ...across(roundsHeld)],
        ...measures,
        ...threadRows(columns),
      ],
    );
  });
}

function roundsHeld({ verdicts: { held, missed, failed, invalid } }: SummaryRow): string {
  const others = [
    missed > 0 ? `${missed} missed` : '',
    failed > 0 ? `${failed} with errors` : '',
    invalid > 0 ? `${invalid} invalid: generator saturated` : '',
  ].filter((part) => part !== '');
  return [`${held} of ${held + missed + failed + invalid}`, ...others].join(', ');
}

/** Threads by node, as far as any subject has them: `sync` has more workers than the others. */
function threadRows(columns: readonly (SummaryRow | undefined)[]): Row[] {
  const all = columns.flatMap((row) => row?.threads ?? []);
  const keys = [...new Set(all.map(threadLabel))].sort();
  return keys.map((key) => [
    `CPU a request, ${key}`,
    ...columns.map((row) => {
      const found = row?.threads.find((thread) => threadLabel(thread) === key);
      return formatSpread(found?.cpuUs ?? null, formatUs);
    }),
  ]);
}

function stepsText({ steps, summary }: CompareResult): string {
  if (steps.length === 0) return '';
  const byPair = new Map<string, string[]>();
  for (const { from, to, sentences } of steps) {
    const key = `${from} -> ${to}`;
    byPair.set(key, [...(byPair.get(key) ?? []), ...sentences]);
  }
  const tables = [...byPair].map(([pair, sentences]) =>
    table(
      [pair],
      sentences.map((sentence) => [sentence]),
    ),
  );
  const rule = ruleSentence(summary);
  return [...tables, ...(rule === undefined ? [] : [`${rule}\n`])].join('\n');
}

function table(head: Row, rows: readonly Row[]): string {
  return renderTable({ head: head.map(printable), rows: rows.map((row) => row.map(printable)) });
}

function profilesText({ profiles = [], profileSentences = [] }: CompareResult): string {
  if (profiles.length === 0) return '';
  const directories = [...new Set(profiles.map(({ directory }) => directory))];
  return [...profileSentences, `Reports of the profiles: ${directories.join(', ')}`]
    .map((line) => `${line}\n`)
    .join('');
}
