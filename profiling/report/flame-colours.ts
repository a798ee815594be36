/**
 * The colours of flame graphs, light and dark: one for each part of the system, and the scale of a comparison. Letters
 * stand on all of them with a contrast of at least 4.5 to 1 (a test computes it). Parts that work together have colours
 * near each other: the client's side is blue, coordination green, peers and storage warm.
 */
import { categories, type Category } from '../attribution/categories.ts';

type Pair = readonly [light: string, dark: string];

const parts: Readonly<Record<Category, Pair>> = {
  'http-front': ['#8cc4f5', '#1f5a8c'],
  'parse-admit': ['#a9dcf0', '#1d6478'],
  dispatch: ['#b9b4f2', '#4b4596'],
  codec: ['#dcb8f0', '#6c3d85'],
  coordination: ['#95dba6', '#23693a'],
  'http-client': ['#f7c27d', '#80500f'],
  'replica-listener': ['#ecd970', '#665808'],
  storage: ['#f5a58e', '#8c3a22'],
  metrics: ['#f2b0cf', '#853a5e'],
  lifecycle: ['#c9c3b4', '#575040'],
  gc: ['#cfe07a', '#4f6010'],
  compiler: ['#d9c7a0', '#5f4b1c'],
  'node-internals': ['#c3ccd6', '#48525e'],
  unattributed: ['#e2e5ea', '#363c45'],
  profiler: ['#e2e5ea', '#363c45'],
  idle: ['#e2e5ea', '#363c45'],
};

const others = {
  ink: ['#15181c', '#f2f4f7'],
  neutral: ['#e4e6ea', '#3c424c'],
  grew: ['#ff8f7a', '#a8301c'],
  shrank: ['#79b4ff', '#1f5aa8'],
} as const satisfies Readonly<Record<string, Pair>>;

/** Name without dashes (`flame-storage`), its light and its dark value. */
export const flameColours: Readonly<Record<string, Pair>> = Object.fromEntries([
  ...categories.map((category) => [`flame-${category}`, parts[category]] as const),
  ...Object.entries(others).map(([name, pair]) => [`flame-${name}`, pair] as const),
]);

export function flameVariables(theme: 'light' | 'dark'): string {
  const index = theme === 'light' ? 0 : 1;
  return Object.entries(flameColours)
    .map(([name, pair]) => `--${name}:${pair[index]};`)
    .join('');
}
