/**
 * A flame graph in small: boxes whose widths are shares, without a script, leading to the graph itself. Frames too narrow to
 * be seen are left out, and what calls them stands there.
 */
import type { FlameData } from '../flame/flame-data.ts';
import { kindTitles } from '../flame/flame-text.ts';
import { startsOf, treeOf } from '../flame/flame-tree.ts';
import { html, type Html } from './html.ts';

/** Of the whole: narrower ones are no pixel wide on a phone. */
const shareLeast = 0.004;
const rowsMax = 16;
const rowPixels = 6;

/** `key` is that of the section with the graph (`flameBlocks`). Null where nothing was recorded. */
export function flameThumbnail(key: string, data: FlameData): Html | null {
  const [graph] = data.graphs;
  const whole = graph?.total[0] ?? 0;
  if (graph === undefined || whole === 0) return null;
  const starts = startsOf(treeOf(graph, data), 'total');
  const percent = (weight: number): string => ((weight / whole) * 100).toFixed(2);
  let deepest = 0;
  const boxes = graph.depth.flatMap((depth, index) => {
    const weight = graph.total[index] ?? 0;
    if (depth >= rowsMax || weight / whole < shareLeast) return [];
    deepest = Math.max(deepest, depth);
    const [category = ''] = data.categories[graph.category[index] ?? 0] ?? [];
    const place = `left:${percent(starts[index] ?? 0)}%;width:${percent(weight)}%;top:${depth * rowPixels}px`;
    return [html`<i style="${place};background:var(--flame-${category})"></i>`];
  });
  return html`<a class="thumbnail" href="#flame-${key}">
    <span>${kindTitles[graph.kind]}, ${graph.title}: open the flame graph</span>
    <span class="boxes" aria-hidden="true" style="height:${(deepest + 1) * rowPixels}px">${boxes}</span>
  </a> `;
}
