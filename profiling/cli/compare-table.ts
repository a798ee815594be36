/** Blocks of a report on a terminal: a comparison's tables, and what each step bought in sentences. */
import { cellText, piecesOf, unitName, type Block, type Piece, type Table } from '../report/blocks.ts';
import { compareBlocks } from '../report/compare-text.ts';
import { Html } from '../report/html.ts';
import type { CompareResult } from '../result/compare.ts';
import { plain } from '../result/quantity.ts';
import { paint, printable, renderTable } from '../../src/cli/output.ts';

export function compareText(result: CompareResult): string {
  return terminalText(compareBlocks(result));
}

function terminalText(block: Block): string {
  return linesOf(block).join('\n');
}

/** Each ends its last line. */
function linesOf(block: Block): string[] {
  return piecesOf(block).flatMap((piece) => (piece instanceof Html ? [] : pieceLines(piece)));
}

function pieceLines(piece: Piece): string[] {
  switch (piece.kind) {
    case 'section':
      return [`${paint('bold', printable(piece.title))}\n${linesOf(piece.blocks).join('\n')}`];
    case 'text':
      return [said(piece.text)];
    case 'note':
      return [`${paint('yellow', piece.word)}: ${said(piece.text)}`];
    case 'key-figures':
      return [piece.figures.map(([name, value]) => said(`${name}: ${value}`)).join('')];
    case 'list':
      return [piece.items.map((item) => said(typeof item === 'string' ? item : item.path)).join('')];
    case 'details':
      return linesOf(piece.blocks);
    case 'command':
      return [said(piece.command)];
    case 'table':
      return [tableText(piece)];
    case 'figure':
      return [tableText(piece.table)];
    default:
      return piece satisfies never;
  }
}

/** The caption stands above the table, or in its corner where that is empty. */
function tableText({ caption, columns, rows }: Table): string {
  const heads = columns.map((column) => [column.title, unitName(column)].filter((part) => part !== '').join(', '));
  const [corner = '', ...others] = heads.map((head) => printable(plain(head)));
  const shown = rows.map((cells) => cells.map((cell, at) => printable(plain(cellText(cell, columns[at])))));
  return `${said(caption)}${renderTable({ head: [corner, ...others], rows: shown })}`;
}

function said(text: string): string {
  return `${printable(plain(text))}\n`;
}
