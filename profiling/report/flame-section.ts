/**
 * Flame graphs as a part of a report page. Without scripts the heaviest functions stand there as a table;
 * `profiling/browser/flame.ts` puts the graph and a table that can be asked in its place.
 */
import type { FlameData } from '../flame/flame-data.ts';
import { kindTitles, perRequestText, shareText, weightText } from '../flame/flame-text.ts';
import { functionsOf, treeOf } from '../flame/flame-tree.ts';
import { quiet, table, text, type Block } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { html } from './html.ts';

/** Rows of the table that stands there without scripts. */
const rowsShown = 15;

/**
 * Of a page with the script `flame`, whose data has `flames`: a record of the data of all its sections, by their keys.
 * `key` tells them apart: `put`.
 */
export function flameBlocks(key: string, data: FlameData, about: Block = null): Block {
  return [
    reading(data),
    about,
    html`<div class="flame" id="flame-${key}" data-flame="${key}">${htmlOf(heaviest(data))}</div>`,
  ];
}

/** How the graphs are read, in a few sentences. */
function reading({ baseline, graphs }: FlameData): Block {
  const normalised = graphs.find((graph) => graph.normalised !== null)?.normalised;
  const basis = normalised === 'requests' ? 'the same number of requests' : 'the same whole';
  return [
    text(
      'Each bar is a function, below the one that called it and as wide as what it cost with all that it called. Time ' +
        'in which a thread was idle is left out. Click a bar to see it alone; click a bar above it to go back.',
    ),
    baseline !== null &&
      text(
        `Compared with ${baseline}, taken for ${basis}: red bars cost more than there, blue ones less. What is gone is ` +
          "only seen when widths are the baseline's.",
      ),
  ];
}

function heaviest(data: FlameData): Block {
  const [graph] = data.graphs;
  if (graph === undefined) return quiet('Nothing was recorded.');
  const { kind, title, total } = graph;
  const rows = functionsOf(treeOf(graph, data), 0)
    .filter(({ name, self }) => self > 0 && name !== '(small frames)')
    .sort((one, other) => other.self - one.self)
    .slice(0, rowsShown);
  const share = (weight: number): string => shareText(weight, total[0] ?? 0);
  return table(`${kindTitles[kind]}, ${title}: the functions that cost most themselves`, rows, [
    ['Function', 'text', ({ name, place }) => `${name} ${place}`],
    ['Part', 'text', ({ category }) => data.categories[category]?.[1] ?? ''],
    ['Self', 'count', ({ self }) => weightText(self, kind)],
    ['Self, share', 'count', ({ self }) => share(self)],
    ['Total, share', 'count', (row) => share(row.total)],
    ['Self, each request', 'count', ({ self }) => perRequestText(self, graph)],
  ]);
}
