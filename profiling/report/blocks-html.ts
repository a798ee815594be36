/** Blocks of a report as HTML. */
import { typeset } from '../result/quantity.ts';
import {
  cellText,
  piecesOf,
  unitName,
  type Block,
  type Cell,
  type Column,
  type KeyFigure,
  type List,
  type Piece,
  type Table,
} from './blocks.ts';
import { html, Html } from './html.ts';

/** `level` is that of the headings: sections of level 2 are elements of their own. */
export function htmlOf(block: Block, level = 2): Html {
  return html`${piecesOf(block).map((piece) => (piece instanceof Html ? piece : pieceHtml(piece, level)))}`;
}

function pieceHtml(piece: Piece, level: number): Html {
  switch (piece.kind) {
    case 'section': {
      const [open, close] = [new Html(`<h${level}>`), new Html(`</h${level}>`)];
      const body = html`${open}${piece.title}${close} ${htmlOf(piece.blocks, level + 1)}`;
      return level === 2 ? html`<section>${body}</section> ` : body;
    }
    case 'text':
      return html`<p${piece.isQuiet && html` class="quiet"`}>${typeset(piece.text)}</p> `;
    case 'note':
      return html`<p class="note"><strong>${piece.word}</strong> ${piece.text}</p> `;
    case 'key-figures':
      return html`<dl class="key-figures" aria-label="Key figures">${piece.figures.map(keyFigureHtml)}</dl> `;
    case 'list':
      return html`<ul>
        ${piece.items.map(listItem)}
      </ul> `;
    case 'details':
      return html`<details>
        <summary>${piece.summary}</summary>
        ${htmlOf(piece.blocks, level + 1)}
      </details> `;
    case 'command':
      return html`<div class="copyable">
        <pre><code>${piece.command}</code></pre>
      </div> `;
    case 'table':
      return tableHtml(piece);
    case 'figure':
      return piece.picture;
    default:
      return piece satisfies never;
  }
}

function keyFigureHtml([name, value, beside]: KeyFigure): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
    ${beside !== undefined && html`<dd class="quiet">${beside}</dd>`}
  </div> `;
}

function listItem(item: List['items'][number]): Html {
  if (typeof item === 'string') return html`<li>${typeset(item)}</li> `;
  const { path, text, note } = item;
  return html`<li><a href="${pathAsLink(path)}">${text}</a>${note !== undefined && `: ${note}`}</li> `;
}

/** With nothing in it that a browser would take for a scheme, a host or a query. */
function pathAsLink(path: string): string {
  return path.replace(/^\/+/, '/').split('/').map(encodeURIComponent).join('/');
}

function tableHtml({ caption, columns, rows }: Table): Html {
  return html`<div class="table" tabindex="0" role="group" aria-label="${caption}">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(headHtml)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, index) => cellHtml(cell, columns[index], index === 0))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

function headHtml(column: Column): Html {
  const { title, unit } = column;
  const name = unitName(column);
  // The unit never starts a line of its own.
  const parts = name === '' ? title : [title, '\u00a0', html`<span class="quiet">${name}</span>`];
  return html`<th scope="col" ${unit !== 'text' && html` class="number"`}>${parts}</th>`;
}

function cellHtml(cell: Cell, column: Column | undefined, isHead: boolean): Html {
  const names = [cell === null && !isHead ? 'missing' : '', (column?.unit ?? 'text') === 'text' ? '' : 'number'];
  const classes = names.filter((name) => name !== '').join(' ');
  const attribute = classes !== '' && html` class="${classes}"`;
  const shown = cellText(cell, column);
  return isHead ? html`<th scope="row" ${attribute}>${shown}</th>` : html`<td${attribute}>${shown}</td>`;
}
