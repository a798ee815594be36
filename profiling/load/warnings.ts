/** What makes the figures of a run mean something else than they seem to; pure. */
import { errorCount, readsInVain } from './verdict.ts';
import type { BenchResult } from './result.ts';

/** Late starts beyond this share are worth a word. */
const lateShareMax = 0.2;

export function warnings(result: BenchResult): string[] {
  const { totals, statuses, generator, errorLatency } = result;
  const found: string[] = [];
  if (readsInVain(result) !== '') found.push('Most GETs found no key; load the keys first with --fill');
  const share = totals.due === 0 ? 0 : totals.lateStarts / totals.due;
  if (share > lateShareMax && result.verdict.kind !== 'invalid') {
    const part = `${(share * 100).toFixed(0)}% of the requests started over 1 ms late although connections were free`;
    found.push(`${part}: the ${generator.engine} generator was held up, so latencies are upper bounds`);
  }
  if (totals.notSent > 0) found.push(`${totals.notSent} requests were never sent and are in no percentile`);
  if (errorLatency === undefined && totals.failed > 0) {
    found.push(
      `${generator.engine} counts refused and failed answers in its percentiles, too; --engine built-in does not`,
    );
  }
  if (errorCount(result) > 0 && statuses.some(({ status }) => status === '507')) {
    found.push('A node answered 507: its disk or store is full');
  }
  return found;
}
