/** One slice of `kvorum profile --follow`, as `slices.json` has it. What was not measured is null. */
export interface FollowedSlice {
  /** ISO 8601. */
  readonly startedAt: string;
  /** From the directory of the ring: a profile of its own; null where nothing was recorded. */
  readonly directory: string | null;
  /** Why nothing was recorded; null where it was. */
  readonly failure: string | null;
  readonly seconds: number;
  /** Entity requests that all nodes answered. */
  readonly requests: number;
  readonly rate: number | null;
  /** By the nodes' own histograms: upper ends of their buckets. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** CPU of all nodes a request. */
  readonly cpuUs: number | null;
  /** The JavaScript thread that used the most of a core, 0 to 1. */
  readonly busiest: { readonly thread: string; readonly share: number } | null;
}
