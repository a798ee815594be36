/**
 * Latencies counted in buckets, after HdrHistogram (G. Tene): linear up to 2,048 us, from there 1,024 buckets to every
 * doubling, so a bucket is never wider than 0.1% of what stands in it.
 *
 * Own code, since the counts themselves travel (from the generator's process, into result files, from run to run when
 * they are added up), which `perf_hooks` does not allow, and since it stands on the generator's hot path.
 */

/** Sparse and ready for JSON: `buckets` holds index and count in turns, in rising order of the index. */
export interface LatencyCounts {
  readonly count: number;
  readonly minUs: number;
  readonly maxUs: number;
  readonly sumUs: number;
  readonly buckets: readonly number[];
}

const subBuckets = 2048;
const half = subBuckets / 2;
/** 2^36 us are 19 hours; longer latencies count as that. */
const microsMax = 2 ** 36 - 1;
const bucketCount = bucketOf(microsMax) + 1;

export class LatencyHistogram {
  #counts = new Float64Array(subBuckets);
  #count = 0;
  #min = Infinity;
  #max = 0;
  #sum = 0;

  get count(): number {
    return this.#count;
  }

  /** Counts one latency in microseconds; negative ones, which a clock step could give, count as 0. */
  record(micros: number): void {
    const value = micros <= 0 ? 0 : Math.min(Math.round(micros), microsMax);
    this.#add(bucketOf(value), 1);
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  add(other: LatencyCounts): void {
    for (let at = 0; at < other.buckets.length; at += 2) {
      this.#add(other.buckets[at] as number, other.buckets[at + 1] as number);
    }
    this.#count += other.count;
    this.#sum += other.sumUs;
    if (other.count === 0) return;
    this.#min = Math.min(this.#min, other.minUs);
    this.#max = Math.max(this.#max, other.maxUs);
  }

  snapshot(): LatencyCounts {
    const buckets: number[] = [];
    for (let index = 0; index < this.#counts.length; index++) {
      const count = this.#counts[index] as number;
      if (count > 0) buckets.push(index, count);
    }
    return {
      count: this.#count,
      minUs: this.#count === 0 ? 0 : this.#min,
      maxUs: this.#max,
      sumUs: this.#sum,
      buckets,
    };
  }

  #add(index: number, count: number): void {
    if (index >= this.#counts.length) this.#grow(index);
    this.#counts[index] = (this.#counts[index] as number) + count;
  }

  /** Most runs stay under a second, so the buckets above are made when they are needed. */
  #grow(index: number): void {
    const grown = new Float64Array(
      Math.min(Math.max(index + 1, this.#counts.length * 2), Math.max(bucketCount, index + 1)),
    );
    grown.set(this.#counts);
    this.#counts = grown;
  }
}

/** The counts of all of them together. */
export function sumOf(parts: Iterable<LatencyCounts>): LatencyCounts {
  const sum = new LatencyHistogram();
  for (const part of parts) sum.add(part);
  return sum.snapshot();
}

/**
 * The latency in microseconds that `percentile` (0 to 100) of the counted ones do not exceed: the upper end of the bucket,
 * at most the greatest latency counted. 0 where nothing was counted.
 */
export function percentileUs(counts: LatencyCounts, percentile: number): number {
  if (counts.count === 0) return 0;
  const wanted = Math.max(1, Math.ceil((Math.min(percentile, 100) / 100) * counts.count - 1e-9));
  let seen = 0;
  for (let at = 0; at < counts.buckets.length; at += 2) {
    seen += counts.buckets[at + 1] as number;
    if (seen >= wanted) return Math.min(upperUs(counts.buckets[at] as number), counts.maxUs);
  }
  return counts.maxUs;
}

export function meanUs({ count, sumUs }: LatencyCounts): number {
  return count === 0 ? 0 : sumUs / count;
}

/** The least latency that falls into the bucket. */
export function lowerUs(bucket: number): number {
  if (bucket < subBuckets) return bucket;
  const doublings = Math.floor(bucket / half) - 1;
  return (bucket - doublings * half) * 2 ** doublings;
}

/** The greatest latency that falls into the bucket. */
export function upperUs(bucket: number): number {
  return lowerUs(bucket + 1) - 1;
}

/** The bucket of a whole number of microseconds from 0 to `microsMax`. */
export function bucketOf(micros: number): number {
  if (micros < subBuckets) return micros;
  const doublings = 31 - Math.clz32(Math.floor(micros / half));
  return doublings * half + Math.floor(micros / 2 ** doublings);
}
