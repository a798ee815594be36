/**
 * Bars for a few things side by side: medians with the range of their rounds, or wholes made of parts. Plain elements
 * whose widths are the shares: they need no script, print well, and their figures are text beside them.
 */
import { rangeText } from '../compare/format.ts';
import type { Spread } from '../result/compare.ts';
import { table, type ColumnOf, type Figure, type Table } from './blocks.ts';
import { figureOf } from './figure.ts';
import { html, type Html } from './html.ts';
import { seriesColours } from './palette.ts';
import { quantity, type Unit } from '../result/quantity.ts';

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
  /** Those of a section follow each other. Empty: not measured. */
  readonly parts: readonly BarPart[];
}

export interface BarPart {
  /** Stands under its parts: `n1`. */
  readonly section: string;
  /** Parts of the same name have the same colour: `main`. */
  readonly name: string;
  readonly value: number;
}

export interface Bars<Bar> {
  readonly title: string;
  readonly summary?: string;
  readonly unit: Unit;
  readonly bars: readonly Bar[];
}

export interface PartColours {
  /** In the order of the legend. */
  readonly names: readonly string[];
  /** What `names` names: where sections are as many as there are colours, their parts look alike. */
  readonly colourBy?: 'name' | 'section';
  /** Each bar takes all the room there is: what is compared are shares. */
  readonly isOwnScale?: boolean;
}

/** Bars as long as the medians, with a bracket from the least to the greatest round. */
export function rangeBars({ title, summary, unit, bars }: Bars<RangeBar>): Figure {
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
  return figureOf(
    { title, summary },
    rows,
    table(title, bars, [
      ['', 'text', barName],
      ['Median', unit, ({ spread, none }) => spread?.median ?? none ?? null],
      ['Least', unit, ({ spread }) => spread?.min ?? null],
      ['Most', unit, ({ spread }) => spread?.max ?? null],
      ['Rounds', 'count', ({ spread }) => spread?.count ?? 0],
    ]),
  );
}

/** Bars of parts in the colours of a common legend; `behind` is the table of their figures. */
export function stackedBars(
  { title, summary, unit, bars, names, colourBy = 'name', isOwnScale = false }: Bars<StackedBar> & PartColours,
  behind: Table = partsTable(title, unit, bars),
): Figure {
  const colours = new Map(names.map((name, index) => [name, `var(--series-${(index % seriesColours) + 1})`]));
  const longest = Math.max(...bars.map(({ parts }) => total(parts))) || 1;
  const rows = inGroups(bars, ({ label, parts }) => {
    if (parts.length === 0) return row(label, null, html`<span class="quiet">${quantity(null, unit)}</span>`);
    const whole = isOwnScale ? total(parts) || 1 : longest;
    const percent = (value: number): string => `${((value / whole) * 100).toFixed(2)}%`;
    const pieces = placed(parts).map((part) => {
      const { section, name, value, from } = part;
      const place = `left:${percent(from)};width:${percent(value)};background:${colours.get(part[colourBy])}`;
      return html`<div class="part" style="${place}" title="${section} ${name}: ${quantity(value, unit)}"></div>`;
    });
    // The legend names the sections where it stands for them.
    const sections = colourBy === 'section' ? [] : sectionsOf(parts);
    const under = placed(sections).map(({ section, value, from }) => {
      return html`<span style="left:${percent(from)};width:${percent(value)}">${section}</span>`;
    });
    return row(label, html`${pieces}`, html`${quantity(total(parts), unit)}`, under);
  });
  const legend = names.map((name) => html`<li><i style="background:${colours.get(name)}"></i>${name}</li>`);
  return figureOf(
    { title, summary },
    html`<ul class="keys">
        ${legend}
      </ul>
      ${rows}`,
    behind,
  );
}

function partsTable(caption: string, unit: Unit, bars: readonly StackedBar[]): Table {
  const nameOf = ({ section, name }: BarPart): string => `${section} ${name}`;
  // Of the bar with most parts first, so that the others' stand in its order.
  const longest = bars.toSorted((left, right) => right.parts.length - left.parts.length);
  const names = [...new Set(longest.flatMap(({ parts }) => parts.map(nameOf)))];
  return table(caption, bars, [
    ['', 'text', barName],
    ['All', unit, ({ parts }) => (parts.length === 0 ? null : total(parts))],
    ...names.map((name): ColumnOf<StackedBar> => [
      name,
      unit,
      ({ parts }) => parts.find((part) => nameOf(part) === name)?.value ?? (parts.length === 0 ? null : '–'),
    ]),
  ]);
}

function barName({ group, label }: { readonly group?: string; readonly label: string }): string {
  return group === undefined ? label : `${group}: ${label}`;
}

function inGroups<Bar extends { readonly group?: string }>(bars: readonly Bar[], show: (bar: Bar) => Html): Html {
  const groups = [...new Set(bars.map(({ group }) => group))];
  return html`<div class="bars">
    ${groups.map((group) => html`${group === undefined ? null : html`<div class="group">${group}</div> `}${bars.filter((bar) => bar.group === group).map(show)}`)}
  </div> `;
}

function row(label: string, track: Html | null, figure: Html, sections: readonly Html[] = []): Html {
  return html`<div class="name">${label}</div>
    <div aria-hidden="true">
      <div class="track">${track}</div>
      ${sections.length > 0 && html`<div class="sections">${sections}</div>`}
    </div>
    <div class="figure">${figure}</div> `;
}

/** Each behind the one before it. */
function placed<Part extends { readonly value: number }>(parts: readonly Part[]): (Part & { readonly from: number })[] {
  let from = 0;
  return parts.map((part) => {
    from += part.value;
    return { ...part, from: from - part.value };
  });
}

function sectionsOf(parts: readonly BarPart[]): { readonly section: string; readonly value: number }[] {
  const sections = [...new Set(parts.map(({ section }) => section))];
  return sections.map((section) => ({ section, value: total(parts.filter((part) => part.section === section)) }));
}

function total(parts: readonly BarPart[]): number {
  return parts.reduce((sum, { value }) => sum + value, 0);
}
