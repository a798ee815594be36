/**
 * The study's tables as Markdown, from what was measured; pure. docs/study.md tells what they mean; nothing in it is to
 * be copied from anywhere else.
 */
import { categoryTitles } from '../attribution/categories.ts';
import { rangeText } from '../compare/format.ts';
import { pointName } from '../compare/load-point.ts';
import { list, note, quiet, section, table, type Block, type Cell, type ColumnOf } from '../report/blocks.ts';
import { describedTable, describeEnvironment } from '../report/environment.ts';
import { markdownOf } from '../report/markdown.ts';
import { costsOf, runSentences, runTitle } from '../report/profile-summary.ts';
import { partsIn, requestParts } from '../report/request-parts.ts';
import type { CompareResult, Spread, SummaryRow } from '../result/compare.ts';
import type { ProfileResult, ProfileRun } from '../result/profile.ts';
import { quantity, type Unit } from '../result/quantity.ts';
import type { OperationWaits } from '../result/waits.ts';
import type { WrkRound } from './wrk-text.ts';

export interface StudyResults {
  readonly startedAt: string;
  readonly isShort: boolean;
  readonly compares: readonly Named<CompareResult>[];
  readonly profiles: readonly Named<ProfileResult>[];
  readonly wrk: readonly WrkRound[];
  /** Paths of pictures, from where the file lies. */
  readonly pictures: readonly string[];
  /** What is not there, and why. */
  readonly missing: readonly string[];
  readonly commands: readonly string[];
}

interface Named<Result> {
  readonly name: string;
  readonly result: Result;
}

/** A run of a profile under the profile's name: `batched-high PUT`. */
interface NamedRun {
  readonly name: string;
  readonly run: ProfileRun;
}

export function studyMarkdown(results: StudyResults): string {
  const { isShort, compares, profiles, wrk, pictures, missing, commands, startedAt } = results;
  const runs = profiles.flatMap(({ name, result }) =>
    result.runs.map((run): NamedRun => ({ name: `${name} ${run.op.toUpperCase()}`, run })),
  );
  const environment = compares[0]?.result.subjects[0]?.environment ?? profiles[0]?.result.environment;
  return markdownOf('The figures of the study', [
    isShort && note('SHORT', 'A trial of the command: these figures say nothing.'),
    missing.length > 0 && note('MISSING', missing.join('; ')),
    environment !== undefined &&
      describedTable('Where it ran', [{ name: 'Value', entries: describeEnvironment(environment) }]),
    compares.length > 0 && section('What each mode holds', maximumTable(compares)),
    compares.map(({ name, result }) => section(`The same load for all, ${name}`, loadTable(result))),
    compares.map(({ name, result }) => section(`What each step buys, ${name}`, stepsList(result))),
    wrk.length > 0 && section('The same by another generator', wrkTable(wrk)),
    runs.length > 0 && [
      section('Where CPU, allocation and waiting go', costsTable(runs)),
      section('CPU by part', partsTable(runs)),
      section('Waits', waitsTable(runs)),
      section('Locks', locksTable(runs)),
      section(
        'In sentences',
        runs.map(({ name, run }) => section(`${name}: ${runTitle(run)}`, list(runSentences(run)))),
      ),
    ],
    pictures.length > 0 && section('Pictures', list(pictures.map((path) => ({ path, text: path })))),
    section('How it was measured', list(commands), quiet(`Started ${startedAt}.`)),
  ]);
}

function maximumTable(compares: readonly Named<CompareResult>[]): Block {
  const subjects = [...new Set(compares.flatMap(({ result }) => result.subjects.map(({ name }) => name)))];
  const columns = compares.flatMap(({ name, result }) =>
    [...new Set(result.searches.map(({ op }) => op))].map((op): ColumnOf<string> => [
      `${op.toUpperCase()}/s, ${name}`,
      'text',
      (subject) => {
        const search = result.searches.find((one) => one.op === op && one.subject === subject);
        return search === undefined ? 'not measured' : (spreadText(search.spread, 'rate') ?? 'none held');
      },
    ]),
  );
  return table('Highest rate held, median and range of the rounds', subjects, [
    ['', 'text', (name) => name],
    ...columns,
  ]);
}

function loadTable({ summary }: CompareResult): Block {
  const switches = ({ measures: { voluntarySwitches: one, involuntarySwitches: two } }: SummaryRow): number | null =>
    one === null || two === null ? null : one.median + two.median;
  return table('Medians of the rounds, with the range where there are several', summary, [
    ['', 'text', ({ op, subject }) => `${op.toUpperCase()} ${subject}`],
    ['Rate', 'text', ({ point, rate }) => (point.kind === 'rate' ? pointName(point) : quantity(rate, 'rate'))],
    ['Held', 'text', heldText],
    ['p50', 'text', (row) => latencyText(row, row.measures.p50Us)],
    ['p99', 'text', (row) => latencyText(row, row.measures.p99Us)],
    ['Max', 'text', (row) => latencyText(row, row.measures.maxUs)],
    ['CPU a request, all nodes', 'text', ({ measures }) => spreadText(measures.cpuUs, 'us')],
    ['Waiting for a core', 'us', ({ measures }) => measures.runQueueUs?.median ?? null],
    ['Switches', 'count', switches, 1],
    ['Bytes between nodes', 'count', ({ measures }) => measures.peerBytes?.median ?? null],
    ['Memory, all nodes', 'bytes', ({ measures }) => measures.residentBytes?.median ?? null],
  ]);
}

function heldText({ verdicts: { held, missed, failed, invalid }, measures }: SummaryRow): string {
  const rounds = held + missed + failed + invalid;
  const said = `${held} of ${rounds}`;
  const achieved =
    held === rounds || measures.achieved === null ? '' : `: ${quantity(measures.achieved.median, 'rate')}`;
  return `${said}${achieved}${invalid > 0 ? `, ${invalid} invalid` : ''}`;
}

/** Of a rate that was missed latency says how long the run was. */
function latencyText({ verdicts }: SummaryRow, spread: Spread | null): string | null {
  return verdicts.missed + verdicts.failed > 0 ? '' : spreadText(spread, 'latency');
}

function spreadText(spread: Spread | null, unit: Unit): string | null {
  if (spread === null) return null;
  const median = quantity(spread.median, unit);
  return spread.count < 2 ? median : `${median} (${rangeText(spread, unit)})`;
}

function stepsList({ steps }: CompareResult): Block {
  return list(steps.flatMap(({ from, to, sentences }) => sentences.map((one) => `${from} to ${to}: ${one}`)));
}

function wrkTable(rounds: readonly WrkRound[]): Block {
  return table(
    'By round, `batched` at fsync. wrk2 where it is on PATH; else wrk, which knows no rate: it sends as fast as answers come, and its latency is of that load',
    rounds,
    [
      ['Program', 'text', ({ program }) => program],
      ['Operation', 'text', ({ op }) => op.toUpperCase()],
      ['Rate asked for', 'text', ({ rateAsked }) => (rateAsked === null ? 'none' : quantity(rateAsked, 'rate'))],
      ['Rate', 'rate', ({ rate }) => rate],
      ['p50', 'latency', ({ p50Us }) => p50Us],
      ['p99', 'latency', ({ p99Us }) => p99Us],
    ],
  );
}

function costsTable(runs: readonly NamedRun[]): Block {
  return table(
    'One request over the whole cluster',
    runs.map(({ name, run }) => ({ name, run, costs: costsOf(run) })),
    [
      ['', 'text', ({ name }) => name],
      ['Rate', 'rate', ({ run }) => run.rateAsked],
      ['CPU', 'us', ({ costs }) => costs.cpuUs],
      ['Heap, bytes', 'count', ({ costs }) => costs.heapBytes],
      ['Off the heap, bytes', 'count', ({ costs }) => costs.offHeapBytes],
      ['Promises', 'count', ({ costs }) => costs.promises, 1],
      ['Collection pauses', 'us', ({ costs }) => costs.gcUs],
      ['Waiting for mutexes', 'us', ({ costs }) => costs.lockUs],
      ['Time in the node, mean', 'us', ({ run }) => run.waits?.operations[0]?.meanUs ?? null],
    ],
  );
}

/** Self times; parts down, runs across. */
function partsTable(runs: readonly NamedRun[]): Block {
  const columns = runs.flatMap(({ name, run }) => requestParts([run], 'cpu').map((one) => ({ ...one, name })));
  const share = (value: number | null | undefined, whole: number): Cell =>
    value === null || value === undefined || whole === 0 ? null : value / whole;
  const rows = [
    ...partsIn(columns).map((part) => ({
      title: categoryTitles[part],
      cells: columns.map(({ parts, whole }) => share(parts.get(part)?.self ?? 0, whole)),
    })),
    { title: 'Threads without JavaScript', cells: columns.map(({ native, whole }) => share(native, whole)) },
  ];
  return table("Shares of a request's CPU over all nodes, self", rows, [
    ['Part', 'text', ({ title }) => title],
    ...columns.map(({ name }, index): ColumnOf<(typeof rows)[number]> => [
      name,
      'share',
      ({ cells }) => cells[index] ?? null,
    ]),
  ]);
}

/** Stages down, runs across: shares of the mean time in the node. */
function waitsTable(runs: readonly NamedRun[]): Block {
  const timed = runs.flatMap(({ name, run }): { name: string; waits: OperationWaits }[] => {
    const [waits] = run.waits?.operations ?? [];
    return waits === undefined || waits.count === 0 ? [] : [{ name, waits }];
  });
  const labels = [...new Set(timed.flatMap(({ waits }) => waits.rows.map(({ label }) => label)))];
  return table('Shares of the time that an operation spends in the node', labels, [
    ['Stage', 'text', (label) => label],
    ...timed.map(({ name, waits }): ColumnOf<string> => [
      name,
      'share',
      (label) => waits.rows.find((row) => row.label === label)?.share ?? null,
    ]),
  ]);
}

/** Whose locks down, runs across: shares of the time that threads wait for mutexes. */
function locksTable(runs: readonly NamedRun[]): Block {
  const locked = runs.flatMap(({ name, run: { locks } }) => (locks === undefined ? [] : [{ name, locks }]));
  const sites = [...new Set(locked.flatMap(({ locks }) => locks.sites.map(({ site }) => site)))];
  return table('Shares of the time that threads wait for mutexes that others hold', sites, [
    ['Lock', 'text', (site) => site],
    ...locked.map(({ name, locks }): ColumnOf<(typeof sites)[number]> => [
      name,
      'share',
      (site) => locks.sites.find((row) => row.site === site)?.share ?? 0,
    ]),
  ]);
}
