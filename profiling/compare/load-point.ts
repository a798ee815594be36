/** Points of load: which of them runs share, and what people call them. Pure. */
import { perSecond } from '../load/verdict.ts';
import type { LoadPoint } from '../result/compare.ts';

/** The same for points that are the same. */
export function pointKey(point: LoadPoint): string {
  switch (point.kind) {
    case 'rate':
      return `rate ${point.rate}`;
    case 'share':
      return `share ${point.share}`;
    case 'as-run':
      return 'as-run';
    default:
      return point satisfies never;
  }
}

/** As it stands behind "at": `1,000/s`, `60% of its own maximum`. */
export function pointName(point: LoadPoint): string {
  switch (point.kind) {
    case 'rate':
      return perSecond(point.rate);
    case 'share':
      return `${Math.round(point.share * 100)}% of its own maximum`;
    case 'as-run':
      return 'the rate of each file';
    default:
      return point satisfies never;
  }
}
