/** Dashes beside colours: what is told apart by colour is told apart without it too. */
import type { Dash } from './chart.ts';
import { seriesColours } from './palette.ts';

const further: readonly Dash[] = ['solid', 'long', 'dotted', 'dashed'];

/** The dash of the series with this index: `first` while colours last, another one for each further round of colours. */
export function dashOf(index: number, first: Dash): Dash {
  const round = Math.floor(index / seriesColours) % further.length;
  return round === 0 ? first : (further[round] ?? first);
}
