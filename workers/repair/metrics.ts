/** What hinted handoff measures of itself, for `/metrics`. */
import { hintDrops } from '../../src/domain/hints.ts';
import type { Labels, MetricFamily } from '../../src/metrics/metrics.ts';
import type { HintDesk } from './hint-desk.ts';

export function hintFamilies({ kept, moved, store }: HintDesk, labels: Labels): MetricFamily[] {
  const each = <One extends { readonly target: string }>(all: readonly One[], value: (one: One) => number) =>
    all.map((one) => ({ labels: { ...labels, target: one.target }, value: value(one) }));
  return [
    {
      type: 'gauge',
      name: 'kvorum_hints',
      help: 'Writes that are kept for a node that missed them',
      samples: each(kept, ({ count }) => count),
    },
    {
      type: 'gauge',
      name: 'kvorum_hint_bytes',
      help: 'Bytes of the files that they are kept in',
      samples: each(kept, ({ bytes }) => bytes),
    },
    {
      type: 'counter',
      name: 'kvorum_hints_delivered_total',
      help: 'Kept writes that the node has now, or something newer',
      samples: each(moved, ({ delivered }) => delivered),
    },
    {
      type: 'counter',
      name: 'kvorum_hints_handed_over_total',
      help: 'Kept writes that another node keeps now, since this one stops',
      samples: each(moved, ({ handedOver }) => handedOver),
    },
    {
      type: 'counter',
      name: 'kvorum_hints_dropped_total',
      help: 'Missed writes that are not kept, by why',
      samples: hintDrops.map((reason) => ({ labels: { ...labels, reason }, value: store.dropped[reason] })),
    },
  ];
}
