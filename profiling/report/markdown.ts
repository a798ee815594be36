/** Blocks of a report as Markdown: what is for pages alone is left out. */
import { plain } from '../result/quantity.ts';
import {
  cellText,
  piecesOf,
  unitName,
  type Block,
  type KeyFigure,
  type List,
  type Piece,
  type Table,
} from './blocks.ts';
import { escapeHtml, Html } from './html.ts';

export function markdownOf(title: string, block: Block): string {
  return `${[`# ${title}`, ...blocksOf(block, 2)].join('\n\n')}\n`;
}

function blocksOf(block: Block, level: number): string[] {
  return piecesOf(block).flatMap((piece) => (piece instanceof Html ? [] : pieceBlocks(piece, level)));
}

function pieceBlocks(piece: Piece, level: number): string[] {
  switch (piece.kind) {
    case 'section':
      return [`${'#'.repeat(level)} ${piece.title}`, ...blocksOf(piece.blocks, level + 1)];
    case 'text':
      return [plain(piece.text)];
    case 'note':
      return [`**${piece.word}** ${piece.text}`];
    case 'key-figures':
      return [piece.figures.map(keyFigure).join('\n')];
    case 'list':
      return [piece.items.map(listItem).join('\n')];
    case 'details': {
      const inside = blocksOf(piece.blocks, level + 1);
      return [`<details><summary>${escapeHtml(piece.summary)}</summary>`, ...inside, '</details>'];
    }
    case 'command':
      return [`    ${piece.command}`];
    case 'table':
      return tableBlocks(piece);
    case 'figure':
      return tableBlocks(piece.table);
    default:
      return piece satisfies never;
  }
}

function keyFigure([name, value, beside]: KeyFigure): string {
  return `- ${name}: ${plain(value)}${beside === undefined ? '' : `, ${plain(beside)}`}`;
}

function listItem(item: List['items'][number]): string {
  if (typeof item === 'string') return `- ${plain(item)}`;
  return `- [${item.text}](${encodeURI(item.path)})${item.note === undefined ? '' : `: ${item.note}`}`;
}

/** Numbers stand to the right of their columns. */
function tableBlocks({ caption, columns, rows }: Table): string[] {
  const heads = columns.map((column) => column.title + (unitName(column) === '' ? '' : `, ${unitName(column)}`));
  const rule = columns.map(({ unit }) => (unit === 'text' ? '---' : '---:'));
  const lines = rows.map((cells) => cells.map((cell, index) => cellText(cell, columns[index])));
  return [`${caption}:`, [heads, rule, ...lines].map(line).join('\n')];
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => plain(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}
