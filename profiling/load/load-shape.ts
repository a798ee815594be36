/**
 * The shape of a load: how its rate changes, which operations it mixes, and how large its values are. Pure.
 *
 * A stage is k6's: the rate goes in a straight line from where the stage before it ended (0 before the first) to the
 * stage's own. A stage without length is a jump. Requests are placed by the integral of the rate: request i is due when
 * the area under the line is i.
 */
export interface Stage {
  /** Requests a second at its end. */
  readonly rate: number;
  readonly durationMs: number;
}

/** One operation may be two requests: `modify` is a GET and then a PUT of the same key. `insert` is a PUT of a new key. */
export const operationKinds = ['get', 'put', 'insert', 'modify', 'delete', 'range'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** Weights; what stands in it is sent that often in proportion. */
export type Mix = Readonly<Partial<Record<OperationKind, number>>>;

export interface ValueSize {
  readonly bytes: number;
  readonly weight: number;
}

/** A stage that has a length, with the rates and the requests at both of its ends. */
export interface StageSpan {
  readonly fromUs: number;
  readonly toUs: number;
  readonly fromRate: number;
  readonly toRate: number;
  readonly fromCount: number;
  readonly toCount: number;
}

export function spansOf(stages: readonly Stage[]): StageSpan[] {
  const spans: StageSpan[] = [];
  let [fromUs, fromRate, fromCount] = [0, 0, 0];
  for (const { rate, durationMs } of stages) {
    const toUs = fromUs + durationMs * 1000;
    const toCount = fromCount + ((fromRate + rate) / 2) * (durationMs / 1000);
    if (durationMs > 0) spans.push({ fromUs, toUs, fromRate, toRate: rate, fromCount, toCount });
    [fromUs, fromRate, fromCount] = [toUs, rate, toCount];
  }
  return spans;
}

/** When so many requests are due, microseconds from the start; the count is one of the span. */
export function timeWithin({ fromUs, toUs, fromRate, toRate, fromCount }: StageSpan, count: number): number {
  const wanted = count - fromCount;
  if (wanted <= 0) return fromUs;
  const rate = fromRate / 1e6;
  const slope = (toRate - fromRate) / 1e6 / (toUs - fromUs);
  // The root of slope / 2 x^2 + rate x = wanted in the form that keeps its digits where the slope is 0 or small.
  return fromUs + (2 * wanted) / (rate + Math.sqrt(Math.max(0, rate * rate + 2 * slope * wanted)));
}

/** The rate at the very start, where a warm-up can run. */
export function rateAtStart(stages: readonly Stage[]): number {
  return spansOf(stages)[0]?.fromRate ?? 0;
}

/** The rate that is planned for a moment. */
export function plannedRate(
  { rate, stages }: { readonly rate: number; readonly stages?: readonly Stage[] },
  atUs: number,
): number {
  if (stages === undefined) return rate;
  const span = spansOf(stages).find(({ toUs }) => atUs < toUs);
  if (span === undefined) return 0;
  const share = Math.max(0, atUs - span.fromUs) / (span.toUs - span.fromUs);
  return span.fromRate + share * (span.toRate - span.fromRate);
}

/** Requests a second over all stages. */
export function meanRate(stages: readonly Stage[]): number {
  const last = spansOf(stages).at(-1);
  return last === undefined ? 0 : last.toCount / (last.toUs / 1e6);
}

/** `1000:30s,6000:2m`, as a command line takes it. */
export function stagesText(stages: readonly Stage[]): string {
  return stages
    .map(({ rate, durationMs }) => `${rate}:${durationMs % 1000 === 0 ? `${durationMs / 1000}s` : `${durationMs}ms`}`)
    .join();
}

/** The kinds of a mix with their shares of 1, in the order of `operationKinds`. */
export function sharesOf(mix: Mix): { readonly kind: OperationKind; readonly share: number }[] {
  const total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
  return operationKinds.flatMap((kind) => {
    const weight = mix[kind] ?? 0;
    return weight > 0 ? [{ kind, share: weight / total }] : [];
  });
}

/** Share of operations that begin with a GET of a key. */
export function readShareOf(mix: Mix): number {
  return sharesOf(mix).reduce((sum, { kind, share }) => sum + (kind === 'get' || kind === 'modify' ? share : 0), 0);
}

/** `get=80,put=15`, as a command line takes it. */
export function mixText(mix: Mix): string {
  return operationKinds.flatMap((kind) => (mix[kind] === undefined ? [] : [`${kind}=${mix[kind]}`])).join();
}

/** `100:80,1024:15`, as a command line takes it. */
export function valueSizesText(sizes: readonly ValueSize[]): string {
  return sizes.map(({ bytes, weight }) => `${bytes}:${weight}`).join();
}

export function meanBytes(sizes: readonly ValueSize[]): number {
  const total = sizes.reduce((sum, { weight }) => sum + weight, 0);
  return Math.round(sizes.reduce((sum, { bytes, weight }) => sum + bytes * weight, 0) / total);
}

export interface NamedWorkload {
  readonly mix: Mix;
  readonly distribution: 'zipfian' | 'latest';
}

/** YCSB's core workloads (Cooper et al., SoCC 2010), with values of 1,000 bytes as its ten fields of 100 have. */
export const namedWorkloads: Readonly<Record<string, NamedWorkload>> = {
  a: { mix: { get: 50, put: 50 }, distribution: 'zipfian' },
  b: { mix: { get: 95, put: 5 }, distribution: 'zipfian' },
  c: { mix: { get: 100 }, distribution: 'zipfian' },
  d: { mix: { get: 95, insert: 5 }, distribution: 'latest' },
  e: { mix: { range: 95, insert: 5 }, distribution: 'zipfian' },
  f: { mix: { get: 50, modify: 50 }, distribution: 'zipfian' },
};
export const namedWorkloadValueBytes = 1000;
/** As YCSB's `maxscanlength`. */
export const rangeRecordsMaxDefault = 100;
