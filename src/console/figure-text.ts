/** Figures of the page as people read them: three significant digits, the unit behind a narrow space. Pure. */

/** `latency`: seconds in the unit that fits; `offset`: the same with its sign, of milliseconds; `share`: 0 to 1, in percent. */
export type Unit = 'rate' | 'count' | 'latency' | 'offset' | 'bytes' | 'share' | 'duration';

/** Narrow no-break space: a figure never breaks at it. */
const thin = '\u202f';
/** What is not known, or did not come to pass. */
export const nothing = '–';

const timeSteps = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
] as const;

const byteSteps = [
  [1024 ** 4, 'TiB'],
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
] as const;

const durationSteps = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

export function figureText(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return nothing;
  switch (unit) {
    case 'rate':
      return `${digits(Math.abs(value) < 10 ? Number(value.toPrecision(2)) : value)}/s`;
    case 'count':
      return digits(value);
    case 'latency':
      return scaled(value, timeSteps);
    case 'offset':
      return `${value < 0 ? '−' : '+'}${scaled(Math.abs(value) / 1000, timeSteps)}`;
    case 'bytes':
      return scaled(value, byteSteps);
    case 'share':
      return `${digits(value * 100)}%`;
    case 'duration':
      return duration(value);
    default:
      return unit satisfies never;
  }
}

/** Three significant digits, all of a whole number; groups of three, no zeros behind the point. */
function digits(value: number): string {
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  const [whole = '', fraction] = String(Math.abs(rounded) < 1e-6 ? 0 : rounded).split('.');
  const groups = whole.replace(/\B(?=(?:\d{3})+$)/g, thin);
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  if (value === 0) return '0';
  // The step is that of the rounded value, so that 999.7 µs becomes 1 ms.
  const rounded = Number(value.toPrecision(3));
  const [size, name] = steps.find(([least]) => rounded >= least) ?? steps.at(-1) ?? [1, ''];
  return `${digits(value / size)}${thin}${name}`;
}

/** The two largest units: `3 d 4 h`. */
function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const first = durationSteps.findIndex(([size]) => whole >= size);
  if (first < 0) return `0${thin}s`;
  const [size, name] = durationSteps[first] ?? [1, 's'];
  const [nextSize, nextName] = durationSteps[first + 1] ?? [1, ''];
  const rest = Math.floor((whole % size) / nextSize);
  const more = nextName === '' || rest === 0 || size === 60 ? '' : ` ${rest}${thin}${nextName}`;
  return `${Math.floor(whole / size)}${thin}${name}${more}`;
}
