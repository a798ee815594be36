/** The figures of a profile that people quote, before its sentences: what one request costs and where it waits. */
import { sumOfParts } from '../attribution/costs.ts';
import { replicationOf, requestCosts, showBytes, wholeCpuUs } from '../attribution/sentences.ts';
import type { ProfileRun } from '../capture/result.ts';
import type { Html } from './html.ts';
import { keyFigureList, type KeyFigure } from './key-figures.ts';
import { notMeasured, quantity } from './quantity.ts';

export function profileKeyFigures(run: ProfileRun): Html {
  const { cpuUs, heapBytes, offHeapBytes } = requestCosts(run);
  const [all] = run.waits?.operations ?? [];
  const isTimed = all !== undefined && all.count > 0;
  const figures: readonly KeyFigure[] = [
    ['CPU a request', quantity(cpuUs, 'us'), 'all threads of all nodes'],
    ['Replication', quantity(replicationShare(run), 'share'), 'of CPU'],
    ['Heap a request', heapBytes === null ? notMeasured : showBytes(heapBytes), 'allocated, all nodes'],
    ['Off the heap', offHeapBytes === null ? notMeasured : showBytes(offHeapBytes), 'at least, a request'],
    ['Mean time in the node', quantity(isTimed ? all.meanUs : null, 'latency'), 'from request to answer'],
    ['Explained by stages', quantity(isTimed ? all.accountedShare : null, 'share'), 'of that time'],
  ];
  return keyFigureList(figures, 'Key figures');
}

/** Coordination, the client between nodes and the replica listener, of the CPU of all threads. */
function replicationShare({ cpu }: ProfileRun): number | null {
  const wholeUs = cpu === undefined ? 0 : wholeCpuUs(cpu);
  if (cpu === undefined || wholeUs === 0) return null;
  return replicationOf(sumOfParts(cpu.threads)) / wholeUs;
}
