/** Where and how it was measured, and the command to do it again: without these a figure is an anecdote. */
import type { BenchEnvironment, BenchResult } from '../load/result.ts';
import { html, type Html } from './html.ts';
import { quantity } from './quantity.ts';
import { table, type Cell } from './table.ts';

/** One column of settings or surroundings. */
export interface Described {
  readonly name: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

export function commandBlock(command: string): Html {
  return html`<div class="copyable">
    <pre><code>${command}</code></pre>
  </div> `;
}

/** Side by side; a row whose columns differ is marked. */
export function describedTable(caption: string, columns: readonly Described[]): Html {
  const names = [...new Set(columns.flatMap(({ entries }) => entries.map(([name]) => name)))];
  const rows = names.map((name): Cell[] => {
    const values = columns.map(({ entries }) => entries.find(([one]) => one === name)?.[1] ?? '–');
    return [new Set(values).size > 1 ? `${name} ≠` : name, ...values];
  });
  const several = columns.length > 1 ? ` (≠: the columns differ)` : '';
  return table({
    caption: `${caption}${several}`,
    columns: [
      { title: 'Setting', unit: 'text' },
      ...columns.map(({ name }) => ({ title: name, unit: 'text' as const })),
    ],
    rows,
  });
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

export function describeWorkload({ workload, generator, startedAt }: BenchResult): Described['entries'] {
  const { op, readShare, rate, arrival, connections, durationMs, warmupMs, keys, distribution, valueBytes } = workload;
  return [
    ['Started', startedAt],
    ['Operation', op === 'mixed' ? `mixed, ${quantity(readShare, 'share')} reads` : op],
    ['Rate', `${quantity(rate, 'rate')}, ${arrival}`],
    ['Connections', quantity(connections, 'count')],
    ['Measured', quantity(durationMs / 1000, 'seconds')],
    ['Warm-up before', quantity(warmupMs / 1000, 'seconds')],
    ['Keys', `${quantity(keys, 'count')}, ${distribution}`],
    ['Value', quantity(valueBytes, 'bytes')],
    ['ack', workload.ack === null ? "the cluster's default" : String(workload.ack)],
    ['from', workload.from === null ? "the cluster's default" : String(workload.from)],
    ['Targets', workload.targets.join(' ')],
    ['Seed', String(workload.seed)],
    ['Engine', `${generator.engine} ${generator.version}`],
  ];
}
