/** Where and how it was measured: without this a figure is an anecdote. */
import type { BenchEnvironment, Workload } from '../load/result.ts';
import { quantity } from '../result/quantity.ts';
import { table, type ColumnOf, type Table } from './blocks.ts';

/** One column of settings or surroundings. */
export interface Described {
  readonly name: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/** Side by side; a row whose columns differ is marked. */
export function describedTable(caption: string, columns: readonly Described[]): Table {
  const names = [...new Set(columns.flatMap(({ entries }) => entries.map(([name]) => name)))];
  const rows = names.map((name) => {
    const values = columns.map(({ entries }) => entries.find(([one]) => one === name)?.[1] ?? '–');
    return { name: new Set(values).size > 1 ? `${name} ≠` : name, values };
  });
  const several = columns.length > 1 ? ' (≠: the columns differ)' : '';
  return table(`${caption}${several}`, rows, [
    ['Setting', 'text', ({ name }) => name],
    ...columns.map(({ name }, at): ColumnOf<(typeof rows)[number]> => [
      name,
      'text',
      ({ values }) => values[at] ?? '–',
    ]),
  ]);
}

export function describeEnvironment(environment: BenchEnvironment): Described['entries'] {
  const { machine, cores, memoryBytes, kernel, node, kvorum, commit, cluster, nodeCount } = environment;
  return [
    ['Machine', machine],
    ['Cores', quantity(cores, 'count')],
    ['Memory', quantity(memoryBytes, 'bytes')],
    ['Kernel', kernel],
    ['Node.js', node],
    ['Kvorum', kvorum],
    ['Commit', commit ?? 'not in a checkout'],
    ['Nodes', quantity(nodeCount, 'count')],
    ...Object.entries(cluster).map(([name, value]) => [`Cluster: ${name}`, String(value)] as const),
  ];
}

type CommonLoad = Omit<Workload, 'op' | 'rate' | 'durationMs' | 'readShare' | 'targets' | 'seed'>;

/** What the loads of benches and of comparisons have in common. */
export function describeLoad(load: CommonLoad): Described['entries'] {
  const common = (value: number | null): string => (value === null ? "the cluster's default" : String(value));
  return [
    ['Connections', quantity(load.connections, 'count')],
    ['Warm-up before', quantity(load.warmupMs / 1000, 'seconds')],
    ['Keys', `${quantity(load.keys, 'count')}, ${load.distribution}`],
    ['Value', quantity(load.valueBytes, 'bytes')],
    ['Arrivals', load.arrival],
    ['ack', common(load.ack)],
    ['from', common(load.from)],
  ];
}

export function describeOp(op: Workload['op'], readShare: number): string {
  return op === 'mixed' ? `mixed, ${quantity(readShare, 'share')} reads` : op;
}
