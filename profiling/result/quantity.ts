/**
 * Figures as people read them: groups of three digits with a narrow space between, three significant digits, the unit behind.
 * Pure, since the renderers and the pages' own code (axes, values under the cursor) both use it. Null is what was not
 * measured, and says so: never 0.
 */

/**
 * `latency`: microseconds, shown in the unit that fits. `us`: microseconds shown as such, for costs a request. `share`: 0
 * to 1, shown in percent. `cores`: CPU seconds a second.
 */
export type Unit = 'count' | 'rate' | 'latency' | 'us' | 'ms' | 'seconds' | 'bytes' | 'share' | 'cores';

export const notMeasured = 'not measured';

/** Narrow no-break space: thinner than a space, and a figure never breaks at it. */
const thin = '\u202f';

const latencySteps = [
  [1e6, 's'],
  [1e3, 'ms'],
  [1, 'µs'],
] as const;

const byteSteps = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
] as const;

/** The figure with its unit: `6 000/s`, `1.24 ms`, `41.2%`. */
export function quantity(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return notMeasured;
  switch (unit) {
    case 'count':
      return significant(value);
    case 'rate':
      return `${significant(value)}/s`;
    case 'latency':
      return scaled(value, latencySteps);
    case 'us':
      return `${significant(value)}${thin}µs`;
    case 'ms':
      return `${significant(value)}${thin}ms`;
    case 'seconds':
      return `${significant(value)}${thin}s`;
    case 'bytes':
      return scaled(value, byteSteps);
    case 'share':
      return `${significant(value * 100)}%`;
    case 'cores':
      return significant(value);
    default:
      return unit satisfies never;
  }
}

/** Digits grouped by threes, `digits` of them behind the point. */
export function grouped(value: number, digits: number): string {
  const [whole = '', fraction] = Math.abs(value).toFixed(digits).split('.');
  const sign = value < 0 && Number(value.toFixed(digits)) !== 0 ? '−' : '';
  const groups = whole.replace(/\B(?=(?:\d{3})+$)/g, thin);
  return sign + groups + (fraction === undefined ? '' : `.${fraction}`);
}

/** Sentences that others wrote for the terminal, with the separators and units of the page: `6,000/s`, `300 us`. */
export function typeset(sentence: string): string {
  return sentence
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, thin)
    .replace(/(\d) us\b/g, `$1${thin}µs`)
    .replace(/(\d) (?=(?:ms|s|B|[KM]iB)\b)/g, `$1${thin}`);
}

/** The inverse, for terminals and Markdown: `6,000/s`, `300 us`. */
export function plain(text: string): string {
  return text
    .replace(/(?<=\d)\u202f(?=\d)/g, ',')
    .replace(/[\u202f\u00a0]/g, ' ')
    .replaceAll('µs', 'us')
    .replace(/−(?=\d)/g, '-');
}

/** Three significant digits where there is a fraction, all digits of a whole number, no zeros at the end. */
function significant(value: number): string {
  if (Number.isInteger(value)) return grouped(value, 0);
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const text = grouped(value, Math.min(Math.max(2 - magnitude, 0), 6));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  // The step is that of the rounded value, so that 999.7 us becomes 1 ms and not 1 000 us.
  const rounded = Number(value.toPrecision(3));
  const [divisor, name] = steps.find(([least]) => Math.abs(rounded) >= least) ?? steps.at(-1) ?? [1, ''];
  return value === 0 ? '0' : `${significant(value / divisor)}${thin}${name}`;
}
