/**
 * What a profile says in words, as the study said it: "replication takes 26% of CPU, network between nodes 2.3%, the HTTP
 * client 10%; asynchrony costs 28% more allocations and 36% of lock time". Every figure comes from the measurements; what
 * was not measured is not said.
 */
import type { CpuMeasurement, ProfileRun, RequestCosts, Window } from '../result/profile.ts';
import { categoryTitles, replicationParts, type Category } from '../attribution/categories.ts';
import { sumOfParts, type PartCost } from '../attribution/costs.ts';

/** `lockUs` is of a lock profile, which whoever made one gives. */
export function requestCosts(run: ProfileRun, lockUs: number | null = null): RequestCosts {
  const { cpu, collections, promises } = run;
  const gc = collections?.threads ?? [];
  const pausesUs = sumOf(gc.flatMap(({ pauses }) => pauses.map((one) => one.totalUs)));
  return {
    cpuUs: cpu === undefined ? null : perRequest(wholeCpuUs(cpu), cpu),
    heapBytes: heapBytesOf(run),
    offHeapBytes: collections ? perRequest(sumOf(gc.map((one) => one.offHeapBytes)), collections) : null,
    promises: promises ? perRequest(sumOf(promises.threads.map((one) => one.promises)), promises) : null,
    gcUs: collections ? perRequest(pausesUs, collections) : null,
    lockUs,
  };
}

/** What the collections count is exact, so it goes before the samples, which say whose it is. */
function heapBytesOf({ allocation, collections }: ProfileRun): number | null {
  if (collections !== undefined) return perRequest(sumOf(collections.threads.map((one) => one.heapBytes)), collections);
  return allocation === undefined ? null : perRequest(sumOf(allocation.threads.map(({ bytes }) => bytes)), allocation);
}

/** One mode under one load. */
export function profileSentences(run: ProfileRun): string[] {
  return [...cpuSentences(run), ...allocationSentences(run), ...perfSentences(run)];
}

/** A mode and its costs under the same load as the others it is compared with. */
export interface ModeCosts {
  readonly mode: string;
  readonly op: string;
  readonly costs: RequestCosts;
}

/** Each mode against the first one. */
export function comparisonSentences(modes: readonly ModeCosts[]): string[] {
  const [first, ...others] = modes;
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const said = differences.flatMap(({ key, noun, show }) => {
      const [was, is] = [first.costs[key], other.costs[key]];
      if (was === null || is === null || was === 0) return [];
      return [`${change(is / was - 1)} ${noun} (${show(is)} against ${show(was)})`];
    });
    if (said.length === 0) return [];
    return [`A ${other.op.toUpperCase()} in mode ${other.mode} costs, against ${first.mode}: ${listOf(said)}`];
  });
}

const differences: readonly {
  readonly key: keyof RequestCosts;
  readonly noun: string;
  readonly show: (value: number) => string;
}[] = [
  { key: 'cpuUs', noun: 'CPU', show: showMicros },
  { key: 'heapBytes', noun: 'allocations on the heap', show: showBytes },
  { key: 'offHeapBytes', noun: 'memory off the heap', show: showBytes },
  { key: 'promises', noun: 'promises', show: (value) => showNumber(value) },
  { key: 'gcUs', noun: 'collection pauses', show: showMicros },
  { key: 'lockUs', noun: 'lock time', show: showMicros },
];

/** CPU of all threads, native ones included where they are known. */
export function wholeCpuUs(cpu: CpuMeasurement): number {
  return sumOf(cpu.threads.map(({ cpuUs }) => cpuUs)) + nativeCpuUs(cpu);
}

export function nativeCpuUs({ native }: CpuMeasurement): number {
  return sumOf((native ?? []).map(({ cpuUs }) => cpuUs));
}

/** What of the parts' own cost is replication. */
export function replicationOf(parts: readonly PartCost[]): number {
  return sumOf(replicationParts.map((part) => selfOf(parts, part)));
}

export function showMicros(us: number): string {
  return `${showNumber(us)} us`;
}

export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${showNumber(bytes)} B`;
  return bytes < 1024 * 1024 ? `${showNumber(bytes / 1024)} KiB` : `${showNumber(bytes / 1024 / 1024)} MiB`;
}

/** One decimal below ten, for differences that matter there; none above. */
export function showNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
}

export function showShare(share: number): string {
  const percent = share * 100;
  return `${percent.toLocaleString('en-US', { maximumFractionDigits: percent < 10 ? 1 : 0 })}%`;
}

function cpuSentences({ op, cpu }: ProfileRun): string[] {
  if (cpu === undefined || cpu.requests === 0) return [];
  const name = op.toUpperCase();
  const whole = wholeCpuUs(cpu);
  if (whole === 0) return [];
  const parts = sumOfParts(cpu.threads);
  const share = (part: Category): number => selfOf(parts, part) / whole;
  const network = sumOf(cpu.threads.map(({ networkUs }) => networkUs)) / whole;
  const replication = replicationOf(parts) / whole;
  const others = rest(parts, whole);
  const main = sumOf(cpu.threads.filter(({ thread }) => thread === 'main').map(({ cpuUs }) => cpuUs));
  const workers = whole - main - nativeCpuUs(cpu);
  const native = cpu.native === null ? '' : `, native threads ${showMicros(nativeCpuUs(cpu) / cpu.requests)}`;
  return [
    `Under ${name} replication takes ${showShare(replication)} of CPU (coordination ${showShare(share('coordination'))}, ` +
      `the client between nodes ${showShare(share('http-client'))}, the replica listener ` +
      `${showShare(share('replica-listener'))}); of that, network between nodes, the sockets below the client and the ` +
      `listener, is ${showShare(network)}`,
    `The rest of ${name}: ${listOf(others)}`,
    `A ${name} costs the cluster ${showMicros(whole / cpu.requests)} of CPU: main threads ` +
      `${showMicros(main / cpu.requests)}, workers ${showMicros(workers / cpu.requests)}${native}`,
    ...nativeSentence(cpu, whole),
  ];
}

/** What is not replication, the greatest first; below half a percent is not worth a word. */
function rest(parts: readonly PartCost[], whole: number): string[] {
  return parts
    .filter(({ part, self }) => !replicationParts.includes(part) && self / whole >= 0.005)
    .toSorted((one, other) => other.self - one.self)
    .map(({ part, self }) => `${categoryTitles[part]} ${showShare(self / whole)}`);
}

function nativeSentence(cpu: CpuMeasurement, whole: number): string[] {
  if (cpu.native === null) return [];
  const share = nativeCpuUs(cpu) / whole;
  return [
    `Threads without JavaScript (V8's compiler and collector, libuv's, LMDB's), which V8's profiler does not see, take ` +
      `${showShare(share)} of CPU`,
  ];
}

function allocationSentences(run: ProfileRun): string[] {
  const { op, allocation } = run;
  const { heapBytes, offHeapBytes, promises, gcUs } = requestCosts(run);
  const figures = [
    heapBytes === null ? [] : [`allocates ${showBytes(heapBytes)} on V8's heaps`],
    offHeapBytes === null ? [] : [`at least ${showBytes(offHeapBytes)} off them`],
    promises === null ? [] : [`makes ${showNumber(promises)} promises`],
    gcUs === null ? [] : [`pauses threads for collection ${showMicros(gcUs)}`],
  ].flat();
  const said = figures.length === 0 ? [] : [`A ${op.toUpperCase()} ${listOf(figures)}`];
  if (allocation === undefined) return said;
  const bytes = sumOf(allocation.threads.map((thread) => thread.bytes));
  if (bytes === 0) return said;
  const parts = sumOfParts(allocation.threads);
  const shares = [...parts]
    .sort((one, other) => other.self - one.self)
    .slice(0, 5)
    .map(({ part, self }) => `${categoryTitles[part]} ${showShare(self / bytes)}`);
  return [...said, `Most of what a ${op.toUpperCase()} allocates on the heaps is by ${listOf(shares)}`];
}

function perfSentences({ op, perf }: ProfileRun): string[] {
  if (perf === undefined) return [];
  const whole = sumOf(perf.threads.map(({ cpuUs }) => cpuUs));
  if (whole === 0) return [];
  const parts = sumOfParts(perf.threads);
  const replication = replicationOf(parts) / whole;
  const shares = [`replication ${showShare(replication)}`, ...rest(parts, whole)];
  const native = perf.threads.filter(({ thread }) => thread === 'native');
  const nativeUs = sumOf(native.map(({ cpuUs }) => cpuUs));
  const nativeShares = rest(sumOfParts(native), nativeUs);
  return [
    `By perf, with native threads and the kernel, the CPU of a ${op.toUpperCase()} is: ${listOf(shares)}`,
    ...(nativeUs === 0
      ? []
      : [`Of it ${showShare(nativeUs / whole)} is of threads without JavaScript: ${listOf(nativeShares)}`]),
  ];
}

function perRequest(amount: number, { requests }: Window): number | null {
  return requests === 0 ? null : amount / requests;
}

function selfOf(parts: readonly PartCost[], part: Category): number {
  return parts.find((one) => one.part === part)?.self ?? 0;
}

function change(difference: number): string {
  if (Math.abs(difference) < 0.005) return 'the same';
  return `${showShare(Math.abs(difference))} ${difference > 0 ? 'more' : 'less'}`;
}

function listOf(texts: readonly string[]): string {
  if (texts.length < 2) return texts.join('');
  return `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
