/** What wrk (without a rate: a closed loop) prints, as figures; pure. */
export interface WrkRound {
  readonly program: 'wrk2' | 'wrk';
  readonly op: string;
  /** Requests a second; null where it was as fast as answers came. */
  readonly rateAsked: number | null;
  readonly rate: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

/** Null where it is not wrk's text. */
export function parseWrk(text: string): Pick<WrkRound, 'rate' | 'p50Us' | 'p99Us'> | null {
  const rate = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(text)?.[1] ?? NaN);
  if (!Number.isFinite(rate)) return null;
  return { rate, p50Us: percentile(text, 50), p99Us: percentile(text, 99) };
}

const unitUs: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1e6, m: 60e6 };

function percentile(text: string, share: number): number | null {
  const [, value, unit = ''] =
    new RegExp(`^\\s*${share}(?:\\.0+)?%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(text) ?? [];
  return value === undefined ? null : Number(value) * (unitUs[unit] ?? NaN);
}
