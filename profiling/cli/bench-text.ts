/** What `kvorum bench` says besides wrk2's text: the table of a search, its sentence, and what the reader should know. */
import { errorCount, milliseconds, perSecond } from '../load/verdict.ts';
import type { BenchResult, SearchStep } from '../load/result.ts';
import { renderTable } from '../../src/cli/output.ts';

/** Late starts beyond this share are worth a word. */
const lateShareMax = 0.2;

export function stepsTable(steps: readonly SearchStep[]): string {
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

/** The last line of a search. */
export function searchSentence(best: BenchResult | undefined, steps: readonly SearchStep[], isCut: boolean): string {
  const end = isCut ? ' (cut short)' : '';
  if (best === undefined) return `HELD NONE of the rates tried${end}`;
  const { rate } = best.workload;
  const next = steps.filter((step) => !step.held && step.rate > rate).toSorted((a, b) => a.rate - b.rate)[0];
  const bound = next === undefined ? 'higher rates were not tried' : `not ${perSecond(next.rate)}: ${next.reason}`;
  return `HELD AT MOST ${perSecond(rate)}; ${bound}${end}`;
}

/** What makes the figures mean something else than they seem to. */
export function warnings(result: BenchResult): string[] {
  const { totals, workload, statuses, generator } = result;
  const found: string[] = [];
  const notFound = statuses.find(({ status }) => status === '404')?.count ?? 0;
  const reads = workload.op === 'mixed' ? totals.completed * workload.readShare : totals.completed;
  if ((workload.op === 'get' || workload.op === 'mixed') && notFound > reads / 2) {
    found.push('Most GETs found no key; load the keys first with --fill');
  }
  const share = totals.due === 0 ? 0 : totals.lateStarts / totals.due;
  if (share > lateShareMax && result.verdict.kind !== 'invalid') {
    const part = `${(share * 100).toFixed(0)}% of the requests started over 1 ms late although connections were free`;
    found.push(`${part}: the ${generator.engine} generator was held up, so latencies are upper bounds`);
  }
  const unsent = statuses.find(({ status }) => status === 'not sent')?.count ?? 0;
  if (unsent > 0) found.push(`${unsent} requests were never sent and are in no percentile`);
  if (errorCount(result) > 0 && statuses.some(({ status }) => status === '507')) {
    found.push('A node answered 507: its disk or store is full');
  }
  return found;
}
