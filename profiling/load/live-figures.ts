/**
 * What a run has done so far, added up from what the generator says once a second: for the terminal and for Prometheus. It
 * goes on over the runs of a search. The warm-up is in it, since it is load, too.
 */
import { latencyBounds, type HistogramSnapshot } from '../../src/metrics/metrics.ts';
import type { LoadProgress } from './engine.ts';
import { LatencyHistogram, upperUs, type LatencyCounts } from './histogram.ts';
import { operationKinds, type OperationKind } from './load-shape.ts';
import type { KindResult } from './result.ts';

export interface KindSoFar extends Omit<KindResult, 'latency'> {
  /** Seconds, by the bounds of the nodes' own metrics. */
  readonly seconds: HistogramSnapshot;
}

export interface LiveSecond {
  readonly completed: number;
  readonly p99Us: number;
}

const secondsKept = 120;

class Kind {
  completed = 0;
  failed = 0;
  unanswered = 0;
  sumUs = 0;
  readonly counts = Array.from({ length: latencyBounds.length + 1 }, () => 0);

  add({ completed, failed, unanswered, latency }: KindResult): void {
    this.completed += completed;
    this.failed += failed;
    this.unanswered += unanswered;
    this.sumUs += latency.sumUs;
    for (let at = 0; at < latency.buckets.length; at += 2) {
      const seconds = upperUs(latency.buckets[at] as number) / 1e6;
      const bound = latencyBounds.findIndex((one) => seconds <= one);
      const index = bound < 0 ? latencyBounds.length : bound;
      this.counts[index] = (this.counts[index] as number) + (latency.buckets[at + 1] as number);
    }
  }
}

export class LiveFigures {
  due = 0;
  last: LoadProgress | undefined;
  readonly #kinds = new Map<OperationKind, Kind>();
  readonly #latency = new LatencyHistogram();
  readonly #seconds: LiveSecond[] = [];

  add(progress: LoadProgress): void {
    this.last = progress;
    this.due += progress.due;
    for (const kind of progress.kinds) {
      const known = this.#kinds.get(kind.kind) ?? new Kind();
      this.#kinds.set(kind.kind, known);
      known.add(kind);
      this.#latency.add(kind.latency);
    }
    this.#seconds.push({ completed: progress.completed, p99Us: progress.p99Us });
    if (this.#seconds.length > secondsKept) this.#seconds.shift();
  }

  kinds(): KindSoFar[] {
    return operationKinds.flatMap((kind) => {
      const known = this.#kinds.get(kind);
      if (known === undefined) return [];
      const { completed, failed, unanswered, counts, sumUs } = known;
      const seconds = { bounds: latencyBounds, counts: [...counts], sum: sumUs / 1e6 };
      return [{ kind, completed, failed, unanswered, seconds }];
    });
  }

  /** Of all answers that did not fail. */
  latency(): LatencyCounts {
    return this.#latency.snapshot();
  }

  /** The last two minutes at most, the newest last. */
  seconds(): readonly LiveSecond[] {
    return this.#seconds;
  }
}
