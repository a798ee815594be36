/** Where and how it was measured: without this a figure is an anecdote. */
import type { BenchEnvironment, BenchResult, Workload } from '../load/result.ts';
import { mixText, spansOf } from '../load/load-shape.ts';
import { perSecond } from '../load/verdict.ts';
import { notMeasured, quantity } from '../result/quantity.ts';
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
  const { bytes, fileSystem } = storeOf(environment);
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
    ['Store: keys', keysText(environment)],
    ['Store: bytes on disk', quantity(bytes, 'bytes')],
    ['Store: file system', fileSystem ?? notMeasured],
    ['Settings not at their defaults', changedText(environment)],
  ];
}

/** State of the cluster before the load, in one line: what it runs as, and what it holds. */
export function clusterSentence(environment: BenchEnvironment): string {
  const { cluster, nodeCount, changedSettings } = environment;
  const { bytes, fileSystem } = storeOf(environment);
  const isOne = nodeCount === 1;
  const named = ['store', 'mode', 'durability'].flatMap((name) =>
    cluster[name] === undefined ? [] : [String(cluster[name])],
  );
  const others = Object.entries(changedSettings ?? {}).filter(([flag]) => flag !== 'mode' && flag !== 'durability');
  const parts = [
    `${nodeCount} node${isOne ? '' : 's'}`,
    ...named,
    ...(bytes === null ? [] : [`n1: ${keysText(environment)}, ${quantity(bytes, 'bytes')} on ${fileSystem ?? 'disk'}`]),
    ...others.map(([flag, value]) => `${flag} ${value}`),
  ];
  return parts.join(', ');
}

/** What was sent, in one line. */
export function loadSentence({ workload, generator }: BenchResult): string {
  const { op, readShare, mix, rate, stages, keys, distribution, valueBytes, connections, durationMs } = workload;
  const engine = generator.engine === 'wrk2' ? ', wrk2' : '';
  return (
    `${mix === undefined ? describeOp(op, readShare) : mixText(mix)} at ${perSecond(rate)}` +
    `${stages === undefined ? '' : ` (mean of ${spansOf(stages).length} stages)`}, ${quantity(durationMs / 1000, 'seconds')}, ` +
    `${quantity(connections, 'count')} connections; ${quantity(keys, 'count')} keys ${distribution}, ` +
    `${quantity(valueBytes, 'bytes')}${engine}`
  );
}

function storeOf({ store }: BenchEnvironment): BenchEnvironment['store'] {
  // Files of earlier versions do not tell.
  return store ?? { records: null, loggedRecords: null, bytes: null, fileSystem: null };
}

function keysText(environment: BenchEnvironment): string {
  const { records, loggedRecords } = storeOf(environment);
  if (records === null) return notMeasured;
  const logged = quantity(loggedRecords, 'count');
  if (records === 0 && loggedRecords !== null) return `${logged} keys${loggedRecords === 0 ? '' : ' (in the log)'}`;
  return `${quantity(records, 'count')} keys${loggedRecords === null || loggedRecords === 0 ? '' : ` and ${logged} in the log`}`;
}

function changedText({ changedSettings }: BenchEnvironment): string {
  const entries = Object.entries(changedSettings ?? {});
  if (entries.length > 0) return entries.map(([flag, value]) => `--${flag} ${value}`).join(' ');
  // Neither do they tell this.
  return (changedSettings ?? null) === null ? notMeasured : 'none';
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
