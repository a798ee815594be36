/**
 * The books of a run by kind of operation and by stage, beside those of the ledger, which calls this for each operation.
 * An operation belongs to the stage in which it should have begun; the warm-up belongs to none.
 */
import { LatencyHistogram } from './histogram.ts';
import { spansOf, type OperationKind, type Stage, type StageSpan } from './load-shape.ts';
import type { BenchResult, KindResult } from './result.ts';

interface Begun {
  readonly kind: OperationKind;
  readonly intendedUs: number;
}

class Part {
  completed = 0;
  failed = 0;
  unanswered = 0;
  readonly #latency = new LatencyHistogram();

  answered(isFailure: boolean, latencyUs: number): void {
    this.completed++;
    if (isFailure) this.failed++;
    else this.#latency.record(latencyUs);
  }

  result(): Omit<KindResult, 'kind'> {
    const { completed, failed, unanswered } = this;
    return { completed, failed, unanswered, latency: this.#latency.snapshot() };
  }
}

interface StagePart {
  readonly span: StageSpan;
  readonly part: Part;
  due: number;
}

export class Breakdown {
  readonly #kinds: readonly OperationKind[];
  readonly #whole: ReadonlyMap<OperationKind, Part>;
  #second: ReadonlyMap<OperationKind, Part>;
  readonly #stages: readonly StagePart[] | undefined;

  constructor(kinds: readonly OperationKind[], stages: readonly Stage[] | undefined) {
    this.#kinds = kinds;
    this.#whole = partsOf(kinds);
    this.#second = partsOf(kinds);
    this.#stages = stages && spansOf(stages).map((span) => ({ span, part: new Part(), due: 0 }));
  }

  due(atUs: number): void {
    const stage = this.#stageAt(atUs);
    if (stage !== undefined) stage.due++;
  }

  answered({ kind, intendedUs }: Begun, isFailure: boolean, latencyUs: number): void {
    this.#second.get(kind)?.answered(isFailure, latencyUs);
    if (intendedUs < 0) return;
    this.#whole.get(kind)?.answered(isFailure, latencyUs);
    this.#stageAt(intendedUs)?.part.answered(isFailure, latencyUs);
  }

  lost({ kind, intendedUs }: Begun): void {
    const of = [this.#second.get(kind)];
    if (intendedUs >= 0) of.push(this.#whole.get(kind), this.#stageAt(intendedUs)?.part);
    for (const part of of) if (part !== undefined) part.unanswered++;
  }

  /** What came to pass since the last call, of the warm-up too. */
  takeSecond(): KindResult[] {
    const taken = resultsOf(this.#second);
    this.#second = partsOf(this.#kinds);
    return taken;
  }

  /** Kinds only where there are several: else they say what the totals say. */
  result(): Pick<BenchResult, 'kinds' | 'stages'> {
    const stages = this.#stages?.map(({ span, part, due }) => {
      const { fromRate, toRate, fromUs, toUs } = span;
      return { fromRate, toRate, durationMs: (toUs - fromUs) / 1000, due, ...part.result() };
    });
    return { ...(this.#kinds.length > 1 && { kinds: resultsOf(this.#whole) }), ...(stages && { stages }) };
  }

  #stageAt(atUs: number): StagePart | undefined {
    return atUs < 0 ? undefined : this.#stages?.find(({ span }) => atUs < span.toUs);
  }
}

function partsOf(kinds: readonly OperationKind[]): ReadonlyMap<OperationKind, Part> {
  return new Map(kinds.map((kind) => [kind, new Part()]));
}

function resultsOf(parts: ReadonlyMap<OperationKind, Part>): KindResult[] {
  return [...parts].map(([kind, part]) => ({ kind, ...part.result() }));
}
