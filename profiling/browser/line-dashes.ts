/** Dashes as canvas and SVG write them: lengths in pixels of line and gap in turns. */
import type { Dash } from '../report/chart.ts';

export const dashPatterns: Readonly<Record<Dash, number[]>> = {
  solid: [],
  dashed: [6, 4],
  dotted: [2, 3],
  long: [12, 4],
};
