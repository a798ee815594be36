/** Times as the flags of load runs take them. */
const timeMsMax = 24 * 3_600_000;
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `3m` in milliseconds; undefined where it is no time, or one over 24 hours. */
export function parseTime(given: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(given) ?? [];
  const timeMs = Math.round(Number(digits) * (unitMs[unit] ?? NaN));
  return timeMs <= timeMsMax ? timeMs : undefined;
}
