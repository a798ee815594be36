/** What came of each kind of operation and of each stage of a load. */
import { mixText, valueSizesText } from '../load/load-shape.ts';
import type { BenchResult, KindResult, StageResult, Workload } from '../load/result.ts';
import { quantity } from '../result/quantity.ts';
import { table, type Block } from './blocks.ts';
import { describeOp, type Described } from './environment.ts';
import { percentileColumns } from './verdict.ts';

/** Nothing where there was one kind and no stages. */
export function shapeTables({ kinds = [], stages = [], totals }: BenchResult): Block {
  return [
    kinds.length > 0 &&
      table('Operations by kind; latency is of those that did not fail', kinds, [
        ['Operation', 'text', ({ kind }) => kind],
        ['Answered', 'rate', ({ completed }) => (totals.seconds === 0 ? null : completed / totals.seconds), 1],
        ...percentileColumns(({ latency }: KindResult) => latency, [50, 99, 99.9]),
        ['Failed', 'count', ({ failed }) => failed],
        ['Unanswered', 'count', ({ unanswered }) => unanswered],
      ]),
    stages.length > 0 &&
      table('Stages, by when operations should have begun', stages, [
        ['Rate', 'text', ({ fromRate, toRate }) => `${quantity(fromRate, 'rate')} to ${quantity(toRate, 'rate')}`],
        ['Time', 'seconds', ({ durationMs }) => durationMs / 1000],
        ['Due', 'count', ({ due }) => due],
        ['Answered', 'share', ({ due, completed }) => (due === 0 ? null : completed / due)],
        ...percentileColumns(({ latency }: StageResult) => latency, [50, 99, 99.9]),
        ['Failed', 'count', ({ failed }) => failed],
      ]),
  ];
}

/** What of a workload is shape. */
export function describeShape({ op, readShare, mix, stages, valueSizes }: Workload): Described['entries'] {
  return [
    ['Operation', mix === undefined ? describeOp(op, readShare) : mixText(mix)],
    ...(stages === undefined
      ? []
      : [['Stages', stages.map(({ rate, durationMs }) => `${rate}/s in ${durationMs / 1000} s`).join(', ')] as const]),
    ...(valueSizes === undefined ? [] : [['Values by weight, bytes', valueSizesText(valueSizes)] as const]),
  ];
}
