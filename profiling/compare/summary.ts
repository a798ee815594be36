/** From runs to what stands in the table: a row for each subject at each point, and what each step changed. Pure. */
import type { Verdict } from '../load/result.ts';
import { figuresOf, threadFiguresOf, type ThreadFigures } from './figures.ts';
import { pointKey } from './load-point.ts';
import { stepSentences } from './sentences.ts';
import { changeBetween, spreadOf } from './spread.ts';
import {
  measureKinds,
  type Change,
  type ComparedPoint,
  type ComparedStep,
  type CompareRun,
  type MaximumSearch,
  type MeasureName,
  type Spread,
  type SummaryRow,
  type ThreadRow,
  type VerdictCounts,
} from '../result/compare.ts';

const measureNames = Object.keys(measureKinds) as readonly MeasureName[];

/** A row for each subject, operation and point, in the order in which they first ran. */
export function summarise(runs: readonly CompareRun[]): SummaryRow[] {
  // A run that was cut short is part of the result, but its figures are of another length than its companions'.
  const groups = new Map<string, CompareRun[]>();
  for (const run of runs.filter(({ result }) => !result.cutShort)) {
    const key = JSON.stringify([run.op, pointKey(run.point), run.subject]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map(rowOf);
}

/** What each step from one subject to another bought, for every operation that both did. */
export function compareSteps(
  pairs: readonly (readonly [from: string, to: string])[],
  summary: readonly SummaryRow[],
  searches: readonly MaximumSearch[],
): ComparedStep[] {
  const ops = [...new Set([...searches, ...summary].map(({ op }) => op))];
  return pairs.flatMap(([from, to]) =>
    ops.flatMap((op) => {
      const step = stepOf({ from, to, op }, summary, searches);
      return step.maximum === null && step.points.length === 0 ? [] : [step];
    }),
  );
}

/** Each subject with the one before it. */
export function neighbours(subjects: readonly string[]): (readonly [string, string])[] {
  return subjects.slice(1).map((to, index) => [subjects[index] ?? '', to] as const);
}

type StepId = Pick<ComparedStep, 'from' | 'to' | 'op'>;

function stepOf(id: StepId, summary: readonly SummaryRow[], searches: readonly MaximumSearch[]): ComparedStep {
  const rowsOf = (subject: string): SummaryRow[] =>
    summary.filter((row) => row.subject === subject && row.op === id.op);
  const searchOf = (subject: string): MaximumSearch | undefined =>
    searches.find((search) => search.subject === subject && search.op === id.op);
  const [before, after] = [rowsOf(id.from), rowsOf(id.to)];
  const pairs = before.flatMap((row) => {
    const other = after.find(({ point }) => pointKey(point) === pointKey(row.point));
    return other === undefined ? [] : [{ from: row, to: other }];
  });
  const maximum = maximumChange(searchOf(id.from), searchOf(id.to));
  const points = pairs.map(({ from, to }) => pointOf(from, to));
  return { ...id, maximum, points, sentences: stepSentences(id, maximum, pairs) };
}

function maximumChange(from: MaximumSearch | undefined, to: MaximumSearch | undefined): Change | null {
  const [before, after] = [from?.spread ?? null, to?.spread ?? null];
  return before === null || after === null ? null : changeBetween(before, after);
}

function pointOf(from: SummaryRow, to: SummaryRow): ComparedPoint {
  const changes = measureNames.flatMap((measure) => {
    const [before, after] = [from.measures[measure], to.measures[measure]];
    return before === null || after === null ? [] : [{ measure, ...changeBetween(before, after) }];
  });
  return { point: from.point, changes };
}

function rowOf(runs: readonly CompareRun[]): SummaryRow {
  const { subject, op, point } = runs[0] as CompareRun;
  const valid = runs.filter(({ result }) => result.verdict.kind !== 'invalid');
  const figures = valid.map(({ result }) => figuresOf(result));
  const measure = (name: MeasureName): Spread | null =>
    spreadOf(figures.map((one) => one[name]).filter((value) => value !== null));
  return {
    subject,
    op,
    point,
    rate: spreadOf(runs.map(({ result }) => result.workload.rate))?.median ?? 0,
    verdicts: countVerdicts(runs.map(({ result }) => result.verdict)),
    measures: Object.fromEntries(measureNames.map((name) => [name, measure(name)])) as SummaryRow['measures'],
    threads: threadRows(valid.map(({ result }) => threadFiguresOf(result))),
  };
}

function countVerdicts(verdicts: readonly Verdict[]): VerdictCounts {
  const counts = { held: 0, missed: 0, failed: 0, invalid: 0 };
  for (const { kind } of verdicts) counts[kind]++;
  return counts;
}

function threadRows(rounds: readonly (readonly ThreadFigures[])[]): ThreadRow[] {
  const byThread = new Map<string, ThreadFigures[]>();
  for (const figures of rounds.flat()) {
    const key = JSON.stringify([figures.node, figures.thread]);
    byThread.set(key, [...(byThread.get(key) ?? []), figures]);
  }
  return [...byThread.values()].flatMap((figures) => {
    const { node, thread } = figures[0] as ThreadFigures;
    const cpuUs = spreadOf(figures.map((one) => one.cpuUs));
    const runQueueUs = spreadOf(figures.map((one) => one.runQueueUs));
    const switches = spreadOf(figures.map((one) => one.switches));
    return cpuUs && runQueueUs && switches ? [{ node, thread, cpuUs, runQueueUs, switches }] : [];
  });
}
