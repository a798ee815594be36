/**
 * The colours of all reports, each for the light and the dark page. Text on its ground has a contrast of at least 4.5 to 1
 * and lines at least 3 to 1 (WCAG 2.2 AA; a test computes them).
 *
 * The series' colours are Okabe and Ito's ("Color Universal Design", 2008), which people with any of the common colour
 * deficiencies tell apart, made darker or lighter for the contrast. Charts add dashes, so that colour never stands alone.
 */
import type { Dash } from './chart.ts';

/** Name of the CSS variable (`--text`), its light and its dark value. */
export const palette = {
  page: ['#ffffff', '#14171c'],
  panel: ['#f5f6f8', '#1d2128'],
  line: ['#d5d9e0', '#3a414d'],
  text: ['#1b1f24', '#e7eaee'],
  quiet: ['#545b66', '#a7b0bd'],
  link: ['#0b5cad', '#7db8f5'],
  grid: ['#e6e9ee', '#2a303a'],
  focus: ['#0b5cad', '#7db8f5'],
  good: ['#00664b', '#4fd1a5'],
  'good-ground': ['#e3f4ee', '#10332a'],
  warn: ['#7a4b00', '#f0b75a'],
  'warn-ground': ['#fdf1dc', '#3a2a0c'],
  bad: ['#a8200d', '#ff9c8a'],
  'bad-ground': ['#fde9e6', '#431a14'],
  'series-1': ['#0068b0', '#5ab4f0'],
  'series-2': ['#c44f00', '#f08a3c'],
  'series-3': ['#007a5a', '#2fc79a'],
  'series-4': ['#a8447f', '#e39ac4'],
  'series-5': ['#8a6500', '#e6b422'],
  'series-6': ['#1b8fc4', '#9adcff'],
  'series-7': ['#3c3c3c', '#f0f0f0'],
  'series-8': ['#7a5cc4', '#b7a3f0'],
} as const satisfies Readonly<Record<string, readonly [light: string, dark: string]>>;

export const seriesColours = 8;

/** In the order in which they are told apart best. */
export const dashes: readonly Dash[] = ['solid', 'long', 'dotted', 'dashed'];

/** The dash of the series with this index: `first` while colours last, another one for each further round of colours. */
export function dashOf(index: number, first: Dash): Dash {
  const round = Math.floor(index / seriesColours) % dashes.length;
  return round === 0 ? first : (dashes[round] ?? first);
}

/** Steps of a heat map from few to many, dark on light or light on dark: after viridis, which rises evenly in lightness. */
export const heatSteps = {
  light: ['#e4f1d9', '#a8dcb5', '#5cc0bd', '#2f93b5', '#2c62a0', '#3b3387', '#3a0a52'],
  dark: ['#2a2440', '#3b3c86', '#2f6a9c', '#20939a', '#3fbc85', '#98d856', '#fde725'],
} as const;

export function variables(theme: 'light' | 'dark'): string {
  const index = theme === 'light' ? 0 : 1;
  return Object.entries(palette)
    .map(([name, values]) => `--${name}:${values[index]};`)
    .join('');
}
