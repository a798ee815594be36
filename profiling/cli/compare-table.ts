/** A comparison for the terminal: the tables of its report, and what each step bought in sentences. */
import { ruleSentence } from '../compare/sentences.ts';
import {
  cellText,
  list,
  note,
  piecesOf,
  quiet,
  section,
  table,
  unitName,
  type Block,
  type Piece,
  type Table,
} from '../report/blocks.ts';
import { maximumTable, measureTables, opsOf, stepsOf } from '../report/compare-tables.ts';
import { Html } from '../report/html.ts';
import type { CompareResult } from '../result/compare.ts';
import { plain } from '../result/quantity.ts';
import { paint, printable, renderTable } from '../../src/cli/output.ts';

export function compareText(result: CompareResult): string {
  const { summary, settings, cutShort, failures = [], profiles = [], profileSentences = [] } = result;
  const rule = ruleSentence(summary);
  const directories = [...new Set(profiles.map(({ directory }) => directory))];
  return terminalText([
    cutShort && note('CUT SHORT', 'The figures are of the part that ran.'),
    failures.map((failure) => note('FAILED', failure)),
    settings === null && filesTable(result),
    opsOf(result).map((op) => [maximumTable(result, op), measureTables(result, op, [])]),
    stepsOf(result).map(({ title, ops }) => section(title, list(ops.flatMap(({ sentences }) => sentences)))),
    rule !== undefined && quiet(rule),
    list(profileSentences),
    directories.length > 0 && quiet(`Reports of the profiles: ${directories.join(', ')}`),
  ]);
}

function filesTable({ subjects }: CompareResult): Table {
  return table('What is compared', subjects, [
    ['', 'text', ({ name }) => name],
    ['Mode', 'text', ({ environment }) => String(environment.cluster['mode'] ?? '–')],
    ['Commit', 'text', ({ environment }) => environment.commit ?? '–'],
    ['File', 'text', ({ source }) => source],
  ]);
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
