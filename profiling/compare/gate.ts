/**
 * Whether a comparison shows a regression: the later side worse by more than a share, and beyond the ranges of the rounds.
 * Pure. Where the ranges allow no verdict, nothing is called a regression; but a load of which nothing can be said at all,
 * since it was measured only once or the generator did not keep up, does not pass either.
 */
import {
  measureKinds,
  type Change,
  type ComparedStep,
  type CompareResult,
  type Gate,
  type Gated,
  type MeasureChange,
  type MeasureKind,
  type SummaryRow,
} from '../result/compare.ts';
import { perSecond } from '../load/verdict.ts';
import { formatMeasure, formatRatio } from './format.ts';
import { pointKey, pointName } from './load-point.ts';

export function gateOf({ steps, summary }: Pick<CompareResult, 'steps' | 'summary'>, shareMax: number): Gate {
  const loads = steps.flatMap((step) => [...maximumOf(step, shareMax), ...pointsOf(step, summary, shareMax)]);
  return { shareMax, loads };
}

/** How a gate ended, for exit codes and first lines. */
export function gateSentence({ shareMax, loads }: Gate): { readonly isPassed: boolean; readonly sentence: string } {
  const bound = `${Number((shareMax * 100).toPrecision(3))}%`;
  const regressed = loads.filter(({ regressions }) => regressions.length > 0).length;
  const undecided = loads.filter((load) => load.undecided !== null).length;
  if (regressed > 0)
    return { isPassed: false, sentence: `REGRESSED by more than ${bound} under ${regressed} of ${loads.length} loads` };
  if (loads.length === 0) return { isPassed: false, sentence: 'UNDECIDED: nothing could be compared' };
  if (undecided > 0) return { isPassed: false, sentence: `UNDECIDED under ${undecided} of ${loads.length} loads` };
  return { isPassed: true, sentence: `NO REGRESSION by more than ${bound} beyond the ranges, ${loads.length} loads` };
}

function maximumOf({ from, to, op, maximum }: ComparedStep, shareMax: number): Gated[] {
  if (maximum === null) return [];
  const isWorse = isRegression(maximum, 'less', shareMax);
  const figures = `${perSecond(maximum.to.median)} after ${perSecond(maximum.from.median)}`;
  const regressions = isWorse ? [`highest rate held ${inWords(maximum, figures)}`] : [];
  const undecided = maximum.verdict === 'unknown' ? once : null;
  return [{ step: `${from} → ${to}`, load: `${op.toUpperCase()}, highest rate`, regressions, undecided }];
}

const once = 'measured only once: a range needs two rounds or more, or several files a side';

function pointsOf({ from, to, op, points }: ComparedStep, summary: readonly SummaryRow[], shareMax: number): Gated[] {
  return points.map(({ point, changes }) => {
    const rows = [from, to].map((subject) =>
      summary.find((row) => row.subject === subject && row.op === op && pointKey(row.point) === pointKey(point)),
    );
    return {
      step: `${from} → ${to}`,
      load: `${op.toUpperCase()} at ${pointName(point)}`,
      regressions: [...lostRate(rows), ...changes.flatMap((change) => regressionOf(change, rows, shareMax))],
      undecided: undecidedOf(changes, rows),
    };
  });
}

type Rows = readonly (SummaryRow | undefined)[];

/** Held by one side in every round, and by the other in none. */
function lostRate([before, after]: Rows): string[] {
  if (before === undefined || after === undefined || !isHeld(before) || roundsOf(after) < 2) return [];
  const isLost = after.verdicts.held === 0 && after.verdicts.invalid === 0;
  return isLost ? [`${before.subject} held the rate in every round, ${after.subject} in none`] : [];
}

/** Of a rate that was not held latency says how long the run was. */
function regressionOf(change: MeasureChange, rows: Rows, shareMax: number): string[] {
  const kind: MeasureKind = measureKinds[change.measure];
  if (kind.worse === undefined || !isRegression(change, kind.worse, shareMax)) return [];
  if (kind.unit === 'latency' && !rows.every((row) => row !== undefined && isHeld(row))) return [];
  const [to, from] = [change.to.median, change.from.median].map((value) => formatMeasure(change.measure, value));
  return [`${kind.title} ${inWords(change, `${to} after ${from}`)}`];
}

function isRegression({ verdict, ratio }: Change, worse: 'more' | 'less', shareMax: number): boolean {
  if (verdict !== worse) return false;
  if (ratio === null) return true;
  return worse === 'more' ? ratio > 1 + shareMax : ratio < 1 - shareMax;
}

function inWords({ ratio }: Change, figures: string): string {
  return ratio === null ? figures : `${formatRatio(ratio)} (${figures})`;
}

function undecidedOf(changes: readonly MeasureChange[], rows: Rows): string | null {
  const invalid = rows.find((row) => row !== undefined && row.verdicts.invalid === roundsOf(row));
  if (invalid !== undefined) return `the generator did not keep up for ${invalid.subject}`;
  return changes.every(({ verdict }) => verdict === 'unknown') ? once : null;
}

function isHeld(row: SummaryRow): boolean {
  return row.verdicts.held === roundsOf(row);
}

function roundsOf({ verdicts: { held, missed, failed, invalid } }: SummaryRow): number {
  return held + missed + failed + invalid;
}
