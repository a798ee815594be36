/**
 * One run as the figures that a comparison sets side by side. Pure.
 *
 * Per request means per request answered while the nodes were observed, whenever it was due: under a rate that is not
 * held most answers are to requests of earlier seconds.
 */
import { nodeName } from '../../src/domain/topology.ts';
import { percentileUs } from '../load/histogram.ts';
import type { NodeObservation, ThreadObservation } from '../cluster/observation.ts';
import type { BenchResult } from '../load/result.ts';
import { errorCount } from '../load/verdict.ts';
import type { MeasureName } from '../result/compare.ts';

export type Figures = Readonly<Record<MeasureName, number | null>>;

/** One thread of one node, per request of the whole cluster. */
export interface ThreadFigures {
  readonly node: string;
  readonly thread: string;
  readonly cpuUs: number;
  readonly runQueueUs: number;
  readonly switches: number;
}

export function figuresOf(result: BenchResult): Figures {
  const { latency, totals } = result;
  const percentile = (percent: number): number | null => (latency.count === 0 ? null : percentileUs(latency, percent));
  const ofThreads = (figure: keyof Omit<ThreadObservation, 'thread'>): number | null =>
    perRequest(result, (node) => node.threads && sum(node.threads.map((thread) => thread[figure])));
  return {
    achieved: totals.rate,
    errors: errorShare(result),
    p50Us: percentile(50),
    p90Us: percentile(90),
    p99Us: percentile(99),
    p999Us: percentile(99.9),
    maxUs: percentile(100),
    cpuUs: perRequest(result, (node) => node.cpuUs ?? (node.threads && sum(node.threads.map(({ cpuUs }) => cpuUs)))),
    runQueueUs: ofThreads('runQueueUs'),
    voluntarySwitches: ofThreads('voluntarySwitches'),
    involuntarySwitches: ofThreads('involuntarySwitches'),
    peerBytes: perRequest(result, peerBytes),
    residentBytes: overNodes(result, (node) => node.residentBytesMax),
  };
}

/** Empty where the system says nothing of the nodes' threads. */
export function threadFiguresOf(result: BenchResult): readonly ThreadFigures[] {
  const answered = answeredIn(result);
  if (answered === 0) return [];
  return result.nodes.flatMap(({ threads }, index) =>
    (threads ?? []).map(({ thread, cpuUs, runQueueUs, voluntarySwitches, involuntarySwitches }) => ({
      node: nodeName(index),
      thread,
      cpuUs: cpuUs / answered,
      runQueueUs: runQueueUs / answered,
      switches: (voluntarySwitches + involuntarySwitches) / answered,
    })),
  );
}

/** CPU of each node, per request of the whole cluster; empty where it is not known of each. */
export function nodeFiguresOf(result: BenchResult): readonly { readonly node: string; readonly cpuUs: number }[] {
  const threads = threadFiguresOf(result);
  return [...new Set(threads.map(({ node }) => node))].map((node) => ({
    node,
    cpuUs: sum(threads.filter((thread) => thread.node === node).map(({ cpuUs }) => cpuUs)),
  }));
}

/** Files of earlier versions count among the unanswered what was not sent, which is no error. */
function errorShare({ totals }: BenchResult): number | null {
  return totals.due === 0 || !('notSent' in totals) ? null : errorCount({ totals }) / totals.due;
}

/** Requests answered within the measured window. */
function answeredIn({ totals }: BenchResult): number {
  return Math.round(totals.rate * totals.seconds);
}

/** A node counts the frames that it sends as a coordinator and the replies to them, so nothing is counted twice. */
function peerBytes({ peerBytesSent, peerBytesReceived }: NodeObservation): number | null {
  return peerBytesSent === null || peerBytesReceived === null ? null : peerBytesSent + peerBytesReceived;
}

function perRequest(result: BenchResult, figure: (node: NodeObservation) => number | null): number | null {
  const total = overNodes(result, figure);
  const answered = answeredIn(result);
  return total === null || answered === 0 ? null : total / answered;
}

/** The sum over all nodes; null where one of them did not tell, since the rest is not the cluster. */
function overNodes({ nodes }: BenchResult, figure: (node: NodeObservation) => number | null): number | null {
  const figures = nodes.map(figure);
  return figures.length === 0 || figures.includes(null) ? null : sum(figures.map(Number));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
