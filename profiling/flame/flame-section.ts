/**
 * Flame graphs as a part of a report page. Without scripts the heaviest functions stand there as a table;
 * `profiling/browser/flame.ts` puts the graph and a table that can be asked in its place.
 */
import { html, type Html } from '../report/html.ts';
import type { FlameData } from './flame-data.ts';
import { flameStylesheet } from './flame-style.ts';
import { kindTitles, perRequestText, shareText, weightText } from './flame-text.ts';
import { functionsOf, treeOf } from './flame-tree.ts';

/**
 * What a page with flame graphs needs. Several sections share scripts and styles (`renderPage` must get each once), and
 * the page's data holds all their `flames` in one record: `{ ...own, flames: { ...put.flames, ...get.flames } }`.
 */
export interface FlameSection {
  readonly body: Html;
  readonly scripts: readonly string[];
  readonly styles: readonly string[];
  readonly flames: Readonly<Record<string, FlameData>>;
}

/** Rows of the table that stands there without scripts. */
const rowsShown = 15;

/** `key` tells the sections of a page apart: `put`. */
export function flameSection(key: string, data: FlameData): FlameSection {
  const body = html`<div class="flame" data-flame="${key}">${fallback(data)}</div>`;
  return { body, scripts: ['flame'], styles: [flameStylesheet()], flames: { [key]: data } };
}

/** How the graphs are read, in a few sentences. */
export function reading({ baseline, graphs }: FlameData): Html {
  const normalised = graphs.find((graph) => graph.normalised !== null)?.normalised;
  const basis = normalised === 'requests' ? 'the same number of requests' : 'the same whole';
  return html`<p>
      Each bar is a function, below the one that called it and as wide as what it cost with all that it called. Time in
      which a thread was idle is left out. Click a bar to see it alone; click a bar above it to go back.
    </p>
    ${
      baseline !== null &&
      html`<p>
        Compared with ${baseline}, taken for ${basis}: red bars cost more than there, blue ones less. What is gone is
        only seen when widths are the baseline's.
      </p>`
    }`;
}

function fallback(data: FlameData): Html {
  const [graph] = data.graphs;
  if (graph === undefined) return html`<p class="quiet">Nothing was recorded.</p>`;
  const rows = functionsOf(treeOf(graph, data), 0)
    .filter(({ name, self }) => self > 0 && name !== '(small frames)')
    .sort((one, other) => other.self - one.self)
    .slice(0, rowsShown);
  const whole = graph.total[0] ?? 0;
  const row = ({ name, place, self, total, category }: (typeof rows)[number]): Html =>
    html`<tr>
      <th scope="row">${name} <span class="quiet">${place}</span></th>
      <td>${data.categories[category]?.[1]}</td>
      <td class="number">${weightText(self, graph.kind)}</td>
      <td class="number">${shareText(self, whole)}</td>
      <td class="number">${shareText(total, whole)}</td>
      <td class="number">${perRequestText(self, graph)}</td>
    </tr>`;
  return html`<div class="table">
    <table>
      <caption>
        ${kindTitles[graph.kind]}, ${graph.title}: the functions that cost most themselves
      </caption>
      <thead>
        <tr>
          <th scope="col">Function</th>
          <th scope="col">Part</th>
          <th scope="col" class="number" colspan="2">Self</th>
          <th scope="col" class="number">Total</th>
          <th scope="col" class="number">Self, each request</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(row)}
      </tbody>
    </table>
  </div>`;
}
