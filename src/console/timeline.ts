/**
 * The samples of one or several nodes, brought onto common steps of time, with rates added up and latencies merged: a
 * percentile of a cluster is that of all its requests, not a mean of the nodes' percentiles. Pure.
 */
import { percentileOf } from '../metrics/percentile.ts';
import { waitNames, type Sample, type WaitName } from './figures.ts';

export interface NodeSamples {
  readonly samples: readonly Sample[];
  readonly bounds: readonly number[];
  /** What is added to the node's times for the page's own. */
  readonly shiftMs: number;
}

/** Rates are those of a second, latencies seconds; null where nothing is known, or nothing came to pass. */
export interface Step {
  /** Its end, by the page's clock, milliseconds since 1970. */
  readonly at: number;
  readonly reads: number | null;
  readonly writes: number | null;
  readonly readP50: number | null;
  readonly readP99: number | null;
  readonly writeP50: number | null;
  readonly writeP99: number | null;
  readonly refused: number | null;
  readonly unanswered: number | null;
  readonly failed: number | null;
  /** The highest of the nodes'. */
  readonly waits: Readonly<Record<WaitName, number | null>>;
}

export interface Span {
  /** End of the last step, by the page's clock. */
  readonly end: number;
  readonly stepMs: number;
  readonly steps: number;
}

/** The end of the newest step that every node has told of, those left out that have said nothing for `silenceMsMax`. */
export function newestEnd(nodes: readonly NodeSamples[], now: number, silenceMsMax: number): number {
  const ends = nodes.map(({ samples, shiftMs }) => (samples.at(-1)?.at ?? -Infinity) + shiftMs);
  const heard = ends.filter((end) => end > now - silenceMsMax);
  return heard.length === 0 ? now : Math.min(...heard);
}

export function timeline(nodes: readonly NodeSamples[], { end, stepMs, steps }: Span): Step[] {
  return Array.from({ length: steps }, (_, index) => {
    const at = end - (steps - 1 - index) * stepMs;
    const covering = nodes.flatMap((node) => {
      const sample = sampleAt(node, at - stepMs / 2);
      return sample === undefined ? [] : [{ sample, bounds: node.bounds }];
    });
    return { at, ...merged(covering) };
  });
}

/** All samples that ended after `since`, by the page's clock, as one step. */
export function recent(nodes: readonly NodeSamples[], since: number): Omit<Step, 'at'> {
  const each = nodes.map((node) => {
    const samples = node.samples.filter(({ at }) => at + node.shiftMs > since);
    return { bounds: node.bounds, sample: joined(samples) };
  });
  return merged(each.flatMap(({ bounds, sample }) => (sample === undefined ? [] : [{ bounds, sample }])));
}

interface Covering {
  readonly sample: Sample;
  readonly bounds: readonly number[];
}

function merged(covering: readonly Covering[]): Omit<Step, 'at'> {
  const bounds = covering[0]?.bounds ?? [];
  const buckets = (of: 'reads' | 'writes'): number[] =>
    addRates(covering.map(({ sample }) => [sample[of], sample.seconds]));
  const [reads, writes] = [buckets('reads'), buckets('writes')];
  const rate = (value: (sample: Sample) => number): number | null =>
    covering.length === 0 ? null : sum(covering.map(({ sample }) => value(sample) / sample.seconds));
  const latency = (counts: readonly number[], share: number): number | null =>
    percentileOf(bounds, counts, share) ?? null;
  return {
    reads: rate((sample) => sum(sample.reads)),
    writes: rate((sample) => sum(sample.writes)),
    readP50: latency(reads, 0.5),
    readP99: latency(reads, 0.99),
    writeP50: latency(writes, 0.5),
    writeP99: latency(writes, 0.99),
    refused: rate(({ refused }) => refused),
    unanswered: rate(({ unanswered }) => unanswered),
    failed: rate(({ failed }) => failed),
    waits: highestWaits(covering.map(({ sample }) => sample)),
  };
}

function highestWaits(samples: readonly Sample[]): Record<WaitName, number | null> {
  const entries = waitNames.map((name) => [name, highest(samples.map(({ waits }) => waits?.[name] ?? null))]);
  return Object.fromEntries(entries) as Record<WaitName, number | null>;
}

/** Null where there is none. */
export function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function sampleAt({ samples, shiftMs }: NodeSamples, at: number): Sample | undefined {
  return samples.find((sample) => {
    const end = sample.at + shiftMs;
    return end >= at && end - sample.seconds * 1000 < at;
  });
}

function joined(samples: readonly Sample[]): Sample | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const all = (value: (sample: Sample) => number): number => sum(samples.map(value));
  return {
    ...last,
    seconds: all(({ seconds }) => seconds),
    reads: addCounts(samples.map(({ reads }) => reads)),
    writes: addCounts(samples.map(({ writes }) => writes)),
    refused: all(({ refused }) => refused),
    unanswered: all(({ unanswered }) => unanswered),
    failed: all(({ failed }) => failed),
  };
}

function addCounts(lists: readonly (readonly number[])[]): number[] {
  return addRates(lists.map((list) => [list, 1]));
}

function addRates(lists: readonly (readonly [counts: readonly number[], seconds: number])[]): number[] {
  const rates: number[] = [];
  for (const [counts, seconds] of lists) {
    for (const [index, count] of counts.entries()) rates[index] = (rates[index] ?? 0) + count / seconds;
  }
  return rates;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
