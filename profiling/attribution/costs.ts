/**
 * What each part costs: the CPU that the system accounts to a thread, split by the shares of its samples, and the bytes
 * that a thread allocated, split likewise. Pure.
 *
 * V8 samples wall time. Idle samples are left out; but a thread that stands in fdatasync or waits for LMDB's writer lock
 * looks as busy as one that works. Storage is the one part that blocks its thread, and only in native code, so what the
 * samples call busy and the system neither ran (`cpuUs`) nor kept waiting for a core (`runQueueUs`) is taken out of there.
 */
import type { ThreadAccount } from '../cluster/process-accounts.ts';
import { attribute, unattributedShare, weightOf, type Attribution } from './attribute.ts';
import { isOutsideWork, type Category } from './categories.ts';
import type { StackTree } from './stack-tree.ts';

export interface PartCost {
  readonly part: Category;
  /** In the unit of the whole: CPU microseconds, or bytes. */
  readonly self: number;
  /** With all that the part calls. */
  readonly total: number;
}

/** CPU of one thread during a window. */
export interface CpuCosts {
  /** As the system accounts it; where it does not, the busy samples' time, which `isWallTime` says. */
  readonly cpuUs: number;
  readonly isWallTime: boolean;
  readonly runQueueUs: number;
  /** By the samples. */
  readonly busyUs: number;
  readonly idleUs: number;
  /** Of the busy time: in native storage code, neither running nor ready. */
  readonly blockedUs: number;
  /** What the profiler itself took, by the samples; in `cpuUs` and in no part. */
  readonly profilerUs: number;
  /** Add up to `cpuUs`. */
  readonly parts: readonly PartCost[];
  /** Of the HTTP client and the replica listener: sockets. */
  readonly networkUs: number;
  readonly unattributedShare: number;
  readonly unknown: readonly string[];
}

export interface CpuWindow {
  readonly recordedMs: number;
  /** What the account is of; within the recording. */
  readonly windowMs: number;
  readonly account: Pick<ThreadAccount, 'cpuUs' | 'runQueueUs'> | undefined;
}

export function cpuCosts(tree: StackTree, { recordedMs, windowMs, account }: CpuWindow): CpuCosts {
  const scale = recordedMs === 0 ? 0 : windowMs / recordedMs;
  const seen = attribute(tree);
  const busyUs = seen.work * scale;
  const blockedUs = account === undefined ? 0 : blockedTime(seen, scale, account);
  const nativeStorageFactor = blockedUs === 0 ? 1 : 1 - blockedUs / (seen.nativeStorage * scale);
  const running = attribute(tree, { nativeStorageFactor });
  const cpuUs = account?.cpuUs ?? busyUs;
  const perSample = running.work === 0 ? 0 : cpuUs / running.work;
  return {
    cpuUs,
    isWallTime: account === undefined,
    runQueueUs: account?.runQueueUs ?? 0,
    busyUs,
    idleUs: weightOf(seen, 'idle').self * scale,
    blockedUs,
    profilerUs: weightOf(seen, 'profiler').self * scale,
    parts: partsOf(running, perSample),
    networkUs: running.network * perSample,
    unattributedShare: unattributedShare(running),
    unknown: running.unknown.map(({ label }) => label),
  };
}

/** Bytes allocated on V8's heap by one thread. */
export interface AllocationCosts {
  readonly bytes: number;
  readonly parts: readonly PartCost[];
  readonly unattributedShare: number;
  readonly unknown: readonly string[];
}

/** What of a recording falls into the window: allocation is taken to be even. */
export function allocationCosts(tree: StackTree, recordedMs: number, windowMs: number): AllocationCosts {
  const scale = recordedMs === 0 ? 0 : windowMs / recordedMs;
  const seen = attribute(tree);
  return {
    bytes: seen.work * scale,
    parts: partsOf(seen, scale),
    unattributedShare: unattributedShare(seen),
    unknown: seen.unknown.map(({ label }) => label),
  };
}

/** A thread, by what its parts cost. */
export interface WithParts {
  readonly parts: readonly PartCost[];
}

/** The parts of several threads together. */
export function sumOfParts(threads: readonly WithParts[]): PartCost[] {
  const sums = new Map<Category, { self: number; total: number }>();
  for (const { part, self, total } of threads.flatMap(({ parts }) => parts)) {
    const sum = sums.get(part) ?? { self: 0, total: 0 };
    sums.set(part, { self: sum.self + self, total: sum.total + total });
  }
  return [...sums].map(([part, sum]) => ({ part, ...sum }));
}

function blockedTime(seen: Attribution, scale: number, account: NonNullable<CpuWindow['account']>): number {
  const neither = seen.work * scale - account.cpuUs - account.runQueueUs;
  return Math.max(0, Math.min(neither, seen.nativeStorage * scale));
}

/** All but what is no work of the node's. */
export function partsOf({ categories }: Attribution, factor: number): PartCost[] {
  return categories
    .filter(({ category, total }) => total > 0 && !isOutsideWork(category))
    .map(({ category, self, total }) => ({ part: category, self: self * factor, total: total * factor }));
}
