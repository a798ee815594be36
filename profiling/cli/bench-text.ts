/**
 * What `kvorum bench` says at its end, in lines that a terminal of 80 by 24 shows whole: what ran, on what cluster, how fast
 * good answers and errors were, what it cost, and whether it held, last. Latencies count from when a request was due.
 */
import { figuresOf, nodeFiguresOf } from '../compare/figures.ts';
import { meanUs, percentileUs, type LatencyCounts } from '../load/histogram.ts';
import type { BenchResult, SearchStep } from '../load/result.ts';
import { milliseconds, perSecond } from '../load/verdict.ts';
import { spectrumText } from '../load/spectrum.ts';
import { clusterSentence, loadSentence } from '../report/environment.ts';
import { plain, quantity } from '../result/quantity.ts';
import { fitted, printable, renderTable } from '../../src/cli/output.ts';
import { shapeTables } from './load-shape-text.ts';

/** The spectrum of good answers stands before it where it was asked for. */
export function benchText(result: BenchResult, { hasSpectrum }: { readonly hasSpectrum: boolean }): string {
  const { search = [] } = result;
  const parts = [
    ...(hasSpectrum ? [`${spectrumText(result.latency)}\n`] : []),
    ...(search.length > 0 ? [`${stepsTable(search)}\n`] : []),
    shapeTables(result),
    summary(result),
  ];
  return printable(parts.join(''));
}

function summary(result: BenchResult): string {
  const { failure, environment } = result;
  return [
    row('Load', loadSentence(result)),
    row('Cluster', clusterSentence(environment)),
    ...latencyLines(result).map((line) => `${plain(line)}\n`),
    row('CPU', cpuText(result)),
    row('Memory', memoryText(result)),
    ...(failure === undefined ? [] : [row('FAILED', failure)]),
    fitted([verdictLine(result)]),
  ].join('');
}

function row(name: string, words: string): string {
  return fitted([name.padEnd(nameWidth), plain(words)]);
}

function stepsTable(steps: readonly SearchStep[]): string {
  return renderTable({
    head: ['RATE', 'ACHIEVED', 'P50', 'P99', 'ERRORS', 'HELD'],
    rows: steps.map(({ rate, achieved, p50Us, p99Us, failed, held, reason }) => [
      perSecond(rate),
      perSecond(achieved),
      milliseconds(p50Us),
      milliseconds(p99Us),
      String(failed),
      held ? 'yes' : `no: ${reason}`,
    ]),
  });
}

const shares = [50, 90, 99, 99.9, 100];
const latencyWidth = 9;
const nameWidth = 7;

/** Good answers and errors apart; what an engine does not tell apart is called all answers. */
function latencyLines({ latency, errorLatency, totals }: BenchResult): string[] {
  const head = ['mean', ...shares.map((share) => (share === 100 ? 'max' : `p${share}`))];
  const rest = [
    ...(totals.notSent > 0 ? [`not sent ${quantity(totals.notSent, 'count')}`] : []),
    ...(totals.cut > 0 ? [`cut ${quantity(totals.cut, 'count')}`] : []),
  ];
  return [
    columns('Latency', head, 'requests'),
    latencyLine(errorLatency === undefined ? 'all' : 'good', latency),
    ...(errorLatency === undefined || errorLatency.count === 0 ? [] : [latencyLine('errors', errorLatency)]),
    ...(rest.length === 0 ? [] : [`         ${rest.join(', ')}: in no percentile`]),
  ];
}

function latencyLine(name: string, counts: LatencyCounts): string {
  const percentiles = shares.map((share) => percentileUs(counts, share));
  const figures = [meanUs(counts), ...percentiles].map((us) => (counts.count === 0 ? '–' : milliseconds(us)));
  return columns(`  ${name}`, figures, quantity(counts.count, 'count'));
}

function columns(name: string, figures: readonly string[], last: string): string {
  return `${name.padEnd(8)} ${figures.map((figure) => figure.padStart(latencyWidth)).join(' ')} ${plain(last).padStart(10)}`;
}

function cpuText(result: BenchResult): string {
  const { cpuUs } = figuresOf(result);
  if (cpuUs === null) return 'not known: the nodes are not on this machine, or did not tell';
  const each = nodeFiguresOf(result).map(({ node, cpuUs: us }) => `${node} ${us.toFixed(0)}`);
  const cores = (cpuUs * result.totals.rate) / 1e6;
  const { cores: all } = result.environment;
  return `${quantity(cpuUs, 'us')} a request (${each.join(', ')}), ${cores.toFixed(2)} of ${all} cores`;
}

function memoryText(result: BenchResult): string {
  const { residentBytes, peerBytes } = figuresOf(result);
  const between = peerBytes === null ? '' : `; between them ${quantity(peerBytes, 'bytes')} a request`;
  return `${quantity(residentBytes, 'bytes')} in all nodes${between}`;
}

function verdictLine({ verdict, cutShort, totals, search }: BenchResult): string {
  const isSaid = !cutShort || search !== undefined;
  return isSaid ? verdict.sentence : `${verdict.sentence} (cut short after ${totals.seconds.toFixed(1)} s)`;
}
