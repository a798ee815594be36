/**
 * Bars for a few things side by side: medians with the range of their rounds, or wholes made of parts. Plain elements
 * whose widths are the shares: they need no script, print well, and their figures are text beside them.
 */
import type { Spread } from '../compare/result.ts';
import { html, type Html } from './html.ts';
import { seriesColours } from './palette.ts';
import { quantity, type Unit } from './quantity.ts';
import { tableBehind, type Cell } from './table.ts';

export interface RangeBar {
  /** Bars of the same group stand together under its name. */
  readonly group?: string;
  readonly label: string;
  /** Null: not measured, or `none` says what it was instead. */
  readonly spread: Spread | null;
  readonly none?: string;
  /** 1 to 8: `--series-1` and so on. */
  readonly colour: number;
}

export interface StackedBar {
  readonly group?: string;
  readonly label: string;
  /** By the name of the part. */
  readonly parts: ReadonlyMap<string, number>;
}

export interface Bars<Bar> {
  readonly title: string;
  readonly summary?: string;
  readonly unit: Unit;
  readonly bars: readonly Bar[];
}

/** Bars as long as the medians, with a bracket from the least to the greatest round. */
export function rangeBars({ title, summary, unit, bars }: Bars<RangeBar>): Html {
  const longest = Math.max(...bars.map(({ spread }) => spread?.max ?? 0)) || 1;
  const percent = (value: number): string => `${((value / longest) * 100).toFixed(2)}%`;
  const rows = inGroups(bars, ({ label, spread, colour, none }) => {
    if (spread === null) return row(label, null, html`<span class="quiet">${none ?? quantity(null, unit)}</span>`);
    const { median, min, max, count } = spread;
    const bracket =
      count > 1 && html`<div class="range" style="left:${percent(min)};width:${percent(max - min)}"></div>`;
    const bar = html`<div class="bar" style="width:${percent(median)};background:var(--series-${colour})"></div>`;
    const range = max > min && html`<span class="quiet">${rangeText(spread, unit)}</span>`;
    return row(label, html`${bar}${bracket}`, html`${quantity(median, unit)}${range}`);
  });
  const head = ['Median', 'Least', 'Most'].map((name) => ({ title: name, unit }));
  return drawn(title, summary, {
    body: rows,
    behind: tableBehind('Table', {
      caption: title,
      columns: [{ title: '', unit: 'text' }, ...head, { title: 'Rounds', unit: 'count' }],
      rows: bars.map(({ group, label, spread, none }): Cell[] => {
        const name = group === undefined ? label : `${group}: ${label}`;
        if (spread === null) return [name, none ?? null, null, null, 0];
        return [name, spread.median, spread.min, spread.max, spread.count];
      }),
    }),
  });
}

/** Bars of parts in the colours of a common legend. */
export function stackedBars({ title, summary, unit, bars }: Bars<StackedBar>): Html {
  const names = [...new Set(bars.flatMap(({ parts }) => [...parts.keys()]))];
  const colours = new Map(names.map((name, index) => [name, `var(--series-${(index % seriesColours) + 1})`]));
  const longest = Math.max(...bars.map(({ parts }) => total(parts))) || 1;
  const rows = inGroups(bars, ({ label, parts }) => {
    if (parts.size === 0) return row(label, null, html`<span class="quiet">${quantity(null, unit)}</span>`);
    let from = 0;
    const pieces = names.flatMap((name) => {
      const value = parts.get(name) ?? 0;
      if (value === 0) return [];
      const left = from;
      from += value;
      const place = `left:${((left / longest) * 100).toFixed(2)}%;width:${((value / longest) * 100).toFixed(2)}%`;
      return [
        html`<div
          class="part"
          style="${place};background:${colours.get(name)}"
          title="${name}: ${quantity(value, unit)}"
        ></div>`,
      ];
    });
    return row(label, html`${pieces}`, html`${quantity(total(parts), unit)}`);
  });
  const legend = names.map((name) => html`<li><i style="background:${colours.get(name)}"></i>${name}</li>`);
  return drawn(title, summary, {
    body: html`<ul class="keys">
        ${legend}
      </ul>
      ${rows}`,
    behind: tableBehind('Table', {
      caption: title,
      columns: [{ title: '', unit: 'text' }, ...names.map((name) => ({ title: name, unit })), { title: 'All', unit }],
      rows: bars.map(({ group, label, parts }): Cell[] => [
        group === undefined ? label : `${group}: ${label}`,
        ...names.map((name) => parts.get(name) ?? (parts.size === 0 ? null : '–')),
        parts.size === 0 ? null : total(parts),
      ]),
    }),
  });
}

/** `3.9 to 4.4 ms`, `980 µs to 1.2 ms`. */
export function rangeText({ min, max }: Spread, unit: Unit): string {
  const [low, high] = [quantity(min, unit), quantity(max, unit)];
  if (low === high) return low;
  const unitName = /[^\d.]*$/;
  const isSameUnit = unitName.exec(low)?.[0] === unitName.exec(high)?.[0];
  return `${isSameUnit ? low.replace(unitName, '') : low} to ${high}`;
}

interface Drawn {
  readonly body: Html;
  readonly behind: Html;
}

function drawn(title: string, summary: string | undefined, { body, behind }: Drawn): Html {
  return html`<figure>
    <figcaption>${title}${summary === undefined ? null : html` <span class="quiet">${summary}</span>`}</figcaption>
    ${body}${behind}
  </figure> `;
}

function inGroups<Bar extends { readonly group?: string }>(bars: readonly Bar[], show: (bar: Bar) => Html): Html {
  const groups = [...new Set(bars.map(({ group }) => group))];
  return html`<div class="bars">
    ${groups.map((group) => html`${group === undefined ? null : html`<div class="group">${group}</div> `}${bars.filter((bar) => bar.group === group).map(show)}`)}
  </div> `;
}

function row(label: string, track: Html | null, figure: Html): Html {
  return html`<div>${label}</div>
    <div class="track" aria-hidden="true">${track}</div>
    <div class="figure">${figure}</div> `;
}

function total(parts: ReadonlyMap<string, number>): number {
  return [...parts.values()].reduce((sum, value) => sum + value, 0);
}
