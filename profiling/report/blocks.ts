/**
 * What a report says, apart from how it looks: sections, sentences, lists and tables are described once, and shown as a
 * page (`blocks-html.ts`), as Markdown (`markdown.ts`) and on a terminal (`cli/compare-table.ts`).
 *
 * A table has one unit to a column, named in its head, so that numbers stand under each other with the same digits behind
 * the point. Texts are written as for a terminal (`6,000/s`, `300 us`); a page sets them in its own way (`typeset`).
 */
import { grouped, notMeasured, type Unit } from '../result/quantity.ts';
import { Html } from './html.ts';

/** `Html` is for pages alone. Null, undefined and false are nothing; lists stand one after another. */
export type Block = Html | Piece | null | undefined | false | readonly Block[];

export type Piece = Section | Text | Note | KeyFigures | List | Details | Command | Table | Figure;

export interface Section {
  readonly kind: 'section';
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface Text {
  readonly kind: 'text';
  readonly text: string;
  /** Beside the point: smaller or paler where that can be shown. */
  readonly isQuiet: boolean;
}

/** What the reader must know before anything else: `CUT SHORT`, and what that means here. */
export interface Note {
  readonly kind: 'note';
  readonly word: string;
  readonly text: string;
}

/** The figures that people quote, large and side by side. */
export interface KeyFigures {
  readonly kind: 'key-figures';
  readonly figures: readonly KeyFigure[];
}

export type KeyFigure = readonly [name: string, value: string, note?: string];

export interface List {
  readonly kind: 'list';
  readonly items: readonly (string | Link)[];
}

export interface Link {
  /** A path from where the report lies. */
  readonly path: string;
  readonly text: string;
  readonly note?: string;
}

/** Closed until the reader opens it. */
export interface Details {
  readonly kind: 'details';
  readonly summary: string;
  readonly blocks: readonly Block[];
}

/** A command line to copy. */
export interface Command {
  readonly kind: 'command';
  readonly command: string;
}

export interface Table {
  readonly kind: 'table';
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of a row is its head. */
  readonly rows: readonly (readonly Cell[])[];
}

/** A picture on pages, its figures elsewhere. */
export interface Figure {
  readonly kind: 'figure';
  readonly picture: Html;
  readonly table: Table;
}

export interface Column {
  readonly title: string;
  /** `text`, or how its numbers are shown. */
  readonly unit: Unit | 'text';
  /** Digits behind the point where the unit's own do not fit. */
  readonly digits?: number | undefined;
}

/** A number, null where it was not measured, or text (also in a column of numbers: `none`). */
export type Cell = string | number | null;

/** A column, and what stands in it for each row. */
export type ColumnOf<Row> = readonly [
  title: string,
  unit: Unit | 'text',
  cell: (row: Row, index: number) => Cell,
  digits?: number | undefined,
];

export function section(title: string, ...blocks: readonly Block[]): Section {
  return { kind: 'section', title, blocks };
}

export function text(words: string): Text {
  return { kind: 'text', text: words, isQuiet: false };
}

export function quiet(words: string): Text {
  return { kind: 'text', text: words, isQuiet: true };
}

export function note(word: string, words: string): Note {
  return { kind: 'note', word, text: words };
}

export function keyFigures(figures: readonly KeyFigure[]): KeyFigures {
  return { kind: 'key-figures', figures };
}

/** Nothing where there are no items. */
export function list(items: List['items']): List | null {
  return items.length === 0 ? null : { kind: 'list', items };
}

export function details(summary: string, ...blocks: readonly Block[]): Details {
  return { kind: 'details', summary, blocks };
}

export function command(line: string): Command {
  return { kind: 'command', command: line };
}

export function table<Row>(caption: string, rows: readonly Row[], columns: readonly ColumnOf<Row>[]): Table {
  return {
    kind: 'table',
    caption,
    columns: columns.map(([title, unit, , digits]) => ({ title, unit, digits })),
    rows: rows.map((row, index) => columns.map(([, , cell]) => cell(row, index))),
  };
}

/** All that is not nothing, in one list. */
export function piecesOf(block: Block): (Html | Piece)[] {
  if (block === null || block === undefined || block === false) return [];
  if (block instanceof Html || 'kind' in block) return [block];
  return block.flatMap(piecesOf);
}

interface UnitInTables {
  /** Behind the column's title. */
  readonly name: string;
  readonly factor: number;
  readonly digits: number;
}

const unitsInTables: Readonly<Record<Unit | 'text', UnitInTables>> = {
  text: { name: '', factor: 1, digits: 0 },
  count: { name: '', factor: 1, digits: 0 },
  rate: { name: '/s', factor: 1, digits: 0 },
  latency: { name: 'ms', factor: 1e-3, digits: 3 },
  us: { name: 'µs', factor: 1, digits: 1 },
  ms: { name: 'ms', factor: 1, digits: 2 },
  seconds: { name: 's', factor: 1, digits: 0 },
  bytes: { name: 'MiB', factor: 1 / 1024 ** 2, digits: 2 },
  share: { name: '%', factor: 100, digits: 1 },
  cores: { name: 'cores', factor: 1, digits: 2 },
};

/** Behind the title of a column; empty where there is none to name. */
export function unitName({ unit }: Column): string {
  return unitsInTables[unit].name;
}

export function cellText(cell: Cell, column: Column | undefined): string {
  if (cell === null) return notMeasured;
  if (typeof cell === 'string') return cell;
  if (column === undefined || column.unit === 'text') return String(cell);
  const { factor, digits } = unitsInTables[column.unit];
  return grouped(cell * factor, column.digits ?? digits);
}
