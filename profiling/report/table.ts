/** Tables of figures: one unit to a column, named in its head; numbers to the right with the same digits behind the point. */
import { html, type Html } from './html.ts';
import { grouped, notMeasured, type Unit } from './quantity.ts';

export interface Column {
  readonly title: string;
  /** `text`, or how its numbers are shown. */
  readonly unit: Unit | 'text';
  /** Digits behind the point where the unit's own do not fit. */
  readonly digits?: number;
}

/** A number, null where it was not measured, or text (also in a column of numbers: `none`). */
export type Cell = string | number | null;

export interface TableOptions {
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of a row is its head. */
  readonly rows: readonly (readonly Cell[])[];
}

interface UnitInTables {
  /** Behind the column's title. */
  readonly name: string;
  readonly factor: number;
  readonly digits: number;
}

const unitsInTables: Readonly<Record<Unit, UnitInTables>> = {
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

export function table({ caption, columns, rows }: TableOptions): Html {
  return html`<div class="table" tabindex="0" role="group" aria-label="${caption}">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(head)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, index) => body(cell, columns[index], index === 0))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

/** A closed table under a chart. */
export function tableBehind(summary: string, options: TableOptions): Html {
  return html`<details>
    <summary>${summary}</summary>
    ${table(options)}
  </details> `;
}

function head({ title, unit }: Column): Html {
  if (unit === 'text') return html`<th scope="col">${title}</th>`;
  const { name } = unitsInTables[unit];
  if (name === '') return html`<th scope="col" class="number">${title}</th>`;
  // The unit never starts a line of its own.
  const parts = [title, '\u00a0', html`<span class="quiet">${name}</span>`];
  return html`<th scope="col" class="number">${parts}</th>`;
}

function body(cell: Cell, column: Column | undefined, isHead: boolean): Html {
  const unit = column?.unit ?? 'text';
  const text = cellText(cell, column);
  if (isHead) return html`<th scope="row" ${unit === 'text' ? null : html` class="number"`}>${text}</th>`;
  if (cell === null) return html`<td class="missing${unit === 'text' ? '' : ' number'}">${text}</td>`;
  return html`<td${unit === 'text' ? null : html` class="number"`}>${text}</td>`;
}

function cellText(cell: Cell, column: Column | undefined): string {
  if (cell === null) return notMeasured;
  if (typeof cell === 'string') return cell;
  if (column === undefined || column.unit === 'text') return String(cell);
  const { factor, digits } = unitsInTables[column.unit];
  return grouped(cell * factor, column.digits ?? digits);
}
