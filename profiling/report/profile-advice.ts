/**
 * Two sentences on what to change, as clinic doctor gives them: each rule looks at one figure, says how much it weighs (a
 * share of CPU or of an operation's time) and what usually helps, and the two that weigh most are told. Pure. What was not
 * measured gives no advice; the largest part of CPU is always there to be named.
 */
import { categoryTitles } from '../attribution/categories.ts';
import { sumOfParts } from '../attribution/costs.ts';
import { threadLabel, type ProfileRun } from '../result/profile.ts';
import type { WaitRow } from '../result/waits.ts';
import { nativeCpuUs, replicationOf, requestCosts, showNumber, showShare, wholeCpuUs } from './profile-sentences.ts';

type Stage = WaitRow['stage'];

interface Advice {
  /** 0 to 1: how much of the whole it is about. */
  readonly weight: number;
  readonly sentence: string;
}

const sentencesMax = 2;
/** A thread this busy holds up what waits for it. */
const busyShare = 0.8;
/** Waiting for a core this long, relative to running. */
const coreWaitRatioLeast = 0.3;
const nativeShareLeast = 0.25;
const stageShareLeast = 0.2;
const collectorShareLeast = 0.05;
const lockShareLeast = 0.05;
const replicationShareLeast = 0.35;
/** The largest part of CPU says where to look, not what is wrong. */
const partWeight = 0.4;

export function adviceOf(run: ProfileRun): string[] {
  const rules = [busyThread, coreWaits, nativeThreads, longestStage, collector, locks, replication, largestPart];
  return rules
    .flatMap((rule) => rule(run) ?? [])
    .toSorted((one, other) => other.weight - one.weight)
    .slice(0, sentencesMax)
    .map(({ sentence }) => sentence);
}

function busyThread({ cpu }: ProfileRun): Advice | undefined {
  const [busiest] = (cpu?.threads ?? []).toSorted((one, other) => other.cpuUs - one.cpuUs);
  if (cpu === undefined || busiest === undefined || cpu.seconds === 0) return undefined;
  const share = busiest.cpuUs / (cpu.seconds * 1e6);
  if (share < busyShare) return undefined;
  const remedy =
    busiest.thread === 'main'
      ? 'spread the clients over all nodes (--targets all)'
      : 'give the nodes more workers (--workers)';
  const sentence = `${threadLabel(busiest)} is on a core ${showShare(share)} of the time, so it is what ends this rate: ${remedy}.`;
  return { weight: share, sentence };
}

function coreWaits({ cpu }: ProfileRun): Advice | undefined {
  const ratio = coreWaitRatio(cpu);
  if (ratio < coreWaitRatioLeast) return undefined;
  const sentence =
    `Threads that could run waited for a core ${timesText(ratio)} as long as they ran: latencies here are also the ` +
    "machine's; give nodes and load generator more cores before judging them.";
  return { weight: Math.min(1, ratio), sentence };
}

/** How long threads were ready and had no core, relative to how long they ran. */
function coreWaitRatio(cpu: ProfileRun['cpu']): number {
  const threads = cpu?.threads ?? [];
  const ranUs = sumOf(threads.map(({ cpuUs }) => cpuUs));
  return ranUs === 0 ? 0 : sumOf(threads.map(({ runQueueUs }) => runQueueUs)) / ranUs;
}

/** V8's compiler and collector, mostly: of nodes that are not warm, or that allocate much. */
function nativeThreads({ cpu }: ProfileRun): Advice | undefined {
  const whole = cpu === undefined ? 0 : wholeCpuUs(cpu);
  const share = cpu === undefined || whole === 0 ? 0 : nativeCpuUs(cpu) / whole;
  if (share < nativeShareLeast) return undefined;
  const sentence =
    `Threads without JavaScript (V8's compiler and collector, LMDB's) take ${showShare(share)} of CPU: the nodes were ` +
    'hardly warm, so give a longer --warmup and --duration before reading the rest.';
  return { weight: share, sentence };
}

const diskStages: readonly Stage[] = ['ownDurable', 'peerDurable'];
const networkStages: readonly Stage[] = ['network', 'peerBatch', 'peerConnection', 'peerReceive'];
const queueStages: readonly Stage[] = ['poolQueue', 'toWorker', 'toMain'];

/** What kind of waiting takes most of an operation's time. */
function longestStage({ waits, mode, cpu }: ProfileRun): Advice | undefined {
  const [all] = waits?.operations ?? [];
  if (waits === undefined || all === undefined || all.count === 0) return undefined;
  const shareOf = (stages: readonly Stage[]): number =>
    sumOf(all.rows.filter(({ stage }) => stages.includes(stage)).map(({ share }) => share));
  const disk = waits.durability === 'fsync' ? 'a disk that syncs faster, or --durability commit' : 'a faster disk';
  const kinds = [
    { share: shareOf(diskStages), what: 'until its write is on the disk', remedy: `${disk} shortens that` },
    {
      share: shareOf(networkStages),
      what: 'on the way to a peer and back, both event loops included',
      remedy: 'look whether the peers are busy, or their links slow',
    },
    {
      share: shareOf(queueStages),
      what: 'between threads',
      remedy: mode === 'batched' ? 'more workers (--workers) shorten that' : '--mode batched sends fewer messages',
    },
    {
      share: shareOf(['turn', 'ownTurn', 'peerTurn']),
      what: 'for the end of an event-loop turn',
      remedy: 'the turns are long, so look at what the threads do in them',
    },
  ];
  // Without a core every message is late, and neither more workers nor faster links would help.
  if (coreWaitRatio(cpu) >= coreWaitRatioLeast) kinds.splice(1);
  const [longest] = kinds.toSorted((one, other) => other.share - one.share);
  if (longest === undefined || longest.share < stageShareLeast) return undefined;
  const sentence = `An operation waits ${showShare(longest.share)} of its time ${longest.what}: ${longest.remedy}.`;
  return { weight: longest.share, sentence };
}

function collector(run: ProfileRun): Advice | undefined {
  const { gcUs, cpuUs } = requestCosts(run);
  if (gcUs === null || cpuUs === null || cpuUs === 0) return undefined;
  const share = gcUs / cpuUs;
  if (share < collectorShareLeast) return undefined;
  const [most] = [...sumOfParts(run.allocation?.threads ?? [])].sort((one, other) => other.self - one.self);
  const where = most === undefined ? '' : ` most is allocated by ${categoryTitles[most.part]};`;
  // Pauses come at once, and who waits through one waits for all of it: they weigh more than their share.
  const sentence = `Collections pause threads for ${showShare(share)} of the CPU that a request takes:${where} fewer objects there shorten the slowest answers.`;
  return { weight: Math.min(1, share * 3), sentence };
}

function locks({ locks: found, cpu }: ProfileRun): Advice | undefined {
  const [first] = found?.sites ?? [];
  if (found === undefined || first === undefined || found.durationMs === 0) return undefined;
  const threads = Math.max(1, cpu?.threads.length ?? 1);
  const share = found.contendedUs / 1000 / found.durationMs / threads;
  if (share < lockShareLeast) return undefined;
  return {
    weight: Math.min(1, share * 2),
    sentence: `Threads wait ${showShare(share)} of their time for mutexes, ${showShare(first.share)} of it for ${first.site}: that lock is worth a look.`,
  };
}

function replication({ cpu, mode }: ProfileRun): Advice | undefined {
  if (cpu === undefined) return undefined;
  const whole = wholeCpuUs(cpu);
  const share = whole === 0 ? 0 : replicationOf(sumOfParts(cpu.threads)) / whole;
  if (share < replicationShareLeast) return undefined;
  const remedy =
    mode === 'batched'
      ? 'fewer replicas (--replication-factor) cost less'
      : '--mode batched sends the operations of a turn together';
  return { weight: share, sentence: `Replication takes ${showShare(share)} of CPU: ${remedy}.` };
}

function largestPart({ cpu, op }: ProfileRun): Advice | undefined {
  if (cpu === undefined) return undefined;
  const whole = wholeCpuUs(cpu);
  const [largest] = [...sumOfParts(cpu.threads)].sort((one, other) => other.self - one.self);
  if (largest === undefined || whole === 0) return undefined;
  const share = largest.self / whole;
  const sentence = `The largest part of a ${op.toUpperCase()}'s CPU is ${categoryTitles[largest.part]}, ${showShare(share)}: its widest bars in the flame graph are where to begin.`;
  return { weight: share * partWeight, sentence };
}

/** `60%`, `2.6 times`. */
function timesText(ratio: number): string {
  return ratio < 1 ? showShare(ratio) : `${showNumber(ratio)} times`;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
