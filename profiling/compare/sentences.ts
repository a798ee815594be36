/**
 * What a step bought, in sentences. Pure.
 *
 * Said is what the ranges allow: a difference only where they part, "no difference seen" where they overlap, and nothing
 * of latencies where a rate was not held, since those measure the length of the run.
 */
import { perSecond } from '../load/verdict.ts';
import { formatMeasure, formatRatio } from './format.ts';
import { pointName } from './load-point.ts';
import {
  measureKinds,
  type Change,
  type ComparedStep,
  type MeasureName,
  type SummaryRow,
  type VerdictCounts,
} from '../result/compare.ts';
import { chanceOfParting, changeBetween } from './spread.ts';

export interface RowPair {
  readonly from: SummaryRow;
  readonly to: SummaryRow;
}

export function stepSentences(
  { from, to, op }: Pick<ComparedStep, 'from' | 'to' | 'op'>,
  maximum: Change | null,
  pairs: readonly RowPair[],
): string[] {
  const held = maximum === null ? [] : [maximumSentence(from, to, maximum)];
  return [...held, ...pairs.map(pointSentence)].map((sentence) => `${op.toUpperCase()}: ${sentence}`);
}

/** How far a reader may trust the sentences; undefined where nothing was measured. */
export function ruleSentence(summary: readonly SummaryRow[]): string | undefined {
  const least = Math.min(...summary.map(({ verdicts }) => rounds(verdicts) - verdicts.invalid));
  if (!Number.isFinite(least)) return undefined;
  const rule = 'A difference is named where the ranges of the rounds do not overlap';
  if (least < 2) return `${rule}; that needs two rounds or more`;
  const chance = Math.round(1 / chanceOfParting(least, least));
  return `${rule}; with ${least} rounds chance alone does that in 1 of ${chance} measures`;
}

function maximumSentence(from: string, to: string, { from: before, to: after, verdict, ratio }: Change): string {
  const rates = `${to} holds ${perSecond(after.median)}, ${from} ${perSecond(before.median)}`;
  switch (verdict) {
    case 'more':
    case 'less':
      return `${rates}: ${formatRatio(ratio ?? 0)}`;
    case 'none':
      return `${rates}: no difference seen`;
    case 'unknown':
      return `${rates}; measured only once, so no verdict`;
    default:
      return verdict satisfies never;
  }
}

function pointSentence({ from, to }: RowPair): string {
  const at = `at ${pointName(from.point)}${ownRates(from, to)}`;
  const unusable = [from, to].filter(({ verdicts }) => verdicts.invalid === rounds(verdicts));
  if (unusable.length > 0) {
    return `${at}: no verdict, since the generator did not keep up for ${unusable.map(({ subject }) => subject).join(' and ')}`;
  }
  const isHeldByBoth = isHeld(from) && isHeld(to);
  const changes = measuresToTell(isHeldByBoth).flatMap((measure) => {
    const [before, after] = [from.measures[measure], to.measures[measure]];
    return before === null || after === null ? [] : [{ measure, ...changeBetween(before, after) }];
  });
  const parts = [
    ...(isHeldByBoth ? [] : [`${heldPart(from)}, ${heldPart(to)}`]),
    ...changes.flatMap(({ measure, ...change }) => changedPart(measure, change) ?? []),
    // That there was none of something on either side is no news.
    ...samePart(
      changes.filter(({ verdict, from: before, to: after }) => verdict === 'none' && before.max + after.max > 0),
    ),
    ...(changes.some(({ verdict }) => verdict === 'unknown') ? ['no verdict on what was measured only once'] : []),
  ];
  return `${at}: ${parts.join('; ')}`;
}

/** A share of its own maximum is another rate for each. */
function ownRates(from: SummaryRow, to: SummaryRow): string {
  if (from.point.kind === 'rate') return '';
  return ` (${from.subject} ${perSecond(from.rate)}, ${to.subject} ${perSecond(to.rate)})`;
}

/** The rate achieved is told where it is not simply the rate asked for. */
function measuresToTell(isHeldByBoth: boolean): MeasureName[] {
  const names = Object.keys(measureKinds) as MeasureName[];
  return names.filter((name) => (isHeldByBoth ? name !== 'achieved' : measureKinds[name].unit !== 'latency'));
}

function changedPart(measure: MeasureName, { from, to, verdict, ratio }: Change): string | undefined {
  if ((verdict !== 'more' && verdict !== 'less') || isTrifle(ratio)) return undefined;
  const figures = `${formatMeasure(measure, to.median)} after ${formatMeasure(measure, from.median)}`;
  return `${nameOf(measure)} ${ratio === null ? figures : `${formatRatio(ratio)} (${figures})`}`;
}

/** Ranges of figures that hardly vary part over a hundredth, which nobody needs to be told of. */
function isTrifle(ratio: number | null): boolean {
  return ratio !== null && Math.abs(ratio - 1) < 0.01;
}

function samePart(changes: readonly { readonly measure: MeasureName }[]): string[] {
  return changes.length === 0
    ? []
    : [`no difference seen in ${changes.map(({ measure }) => nameOf(measure)).join(', ')}`];
}

function heldPart({ subject, verdicts, measures }: SummaryRow): string {
  const all = rounds(verdicts);
  const achieved =
    measures.achieved === null ? '' : ` (${formatMeasure('achieved', measures.achieved.median)} achieved)`;
  return `${subject} held it in ${verdicts.held} of ${all} rounds${verdicts.held === all ? '' : achieved}`;
}

function isHeld({ verdicts }: SummaryRow): boolean {
  return verdicts.held === rounds(verdicts);
}

function rounds({ held, missed, failed, invalid }: VerdictCounts): number {
  return held + missed + failed + invalid;
}

/** Within a sentence: `CPU a request, all nodes` would read as two things. */
function nameOf(measure: MeasureName): string {
  const title = measureKinds[measure].title.replace(', all nodes', '');
  return /^(?:CPU|[A-Z]{2})/.test(title) ? title : `${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}
