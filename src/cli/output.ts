/**
 * Results go to stdout, everything else to stderr, so that a pipe gets results only. Colour only on a terminal, and
 * never with NO_COLOR (no-color.org). What comes from the network never reaches a terminal as control characters.
 */
import { once } from 'node:events';
import { stripVTControlCharacters, styleText } from 'node:util';
import { codeOf, messageOf } from '../diagnostics/errors.ts';
import { exitCodes } from './exit-codes.ts';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type Style = 'bold' | 'green' | 'yellow' | 'red';

/** Lines without a terminal stay unwrapped; help is wrapped in any case. */
const widthMax = 120;

/** Whether what cannot be written is given up, since the process is there for more than its output. */
let isOutputOptional = false;

/**
 * From now on nothing that becomes of stdout and stderr ends the process: a reader that has gone (EPIPE), a full disk
 * (ENOSPC), a pipe that takes no more (EAGAIN). Lines are lost; later ones are written where that is possible again.
 */
export function outliveOutput(): void {
  isOutputOptional = true;
}

/** Writes to stdout; resolves when the reader keeps up. */
export async function writeResult(result: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(result) && !isOutputOptional) await once(process.stdout, 'drain');
}

/** One line of progress or trouble. */
export function writeNotice(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What becomes of output that cannot be written. A reader that has seen enough (`kvorum config | head -1`) is no error. */
export function watchOutput(): void {
  process.stderr.on('error', (error) => {
    if (!isOutputOptional && codeOf(error) === 'EPIPE') process.exit(exitCodes.ok);
  });
  process.stdout.on('error', (error) => {
    if (isOutputOptional) return;
    if (codeOf(error) === 'EPIPE') process.exit(exitCodes.ok);
    writeNotice(`kvorum: Cannot write the output: ${messageOf(error)}`);
    process.exit(exitCodes.failure);
  });
}

/** Columns aligned, the last one wrapped at the terminal's width. */
export function renderTable(table: Table): string {
  const head = table.head.map((cell) => paint('bold', cell));
  return renderColumns([head, ...table.rows], { indent: '', width: process.stdout.isTTY ? terminalWidth() : Infinity });
}

/** Rows in aligned columns, two spaces apart; the last column is wrapped at `width`. */
export function renderColumns(
  rows: readonly (readonly string[])[],
  { indent, width }: { readonly indent: string; readonly width: number },
): string {
  const widths = columnWidths(rows);
  const lines = rows.flatMap((row) => {
    const start =
      indent +
      row
        .slice(0, -1)
        .map((cell, column) => pad(cell, widths[column] ?? 0) + '  ')
        .join('');
    const [first = '', ...more] = wrap(row.at(-1) ?? '', width - displayWidth(start));
    const hanging = ' '.repeat(displayWidth(start));
    return [start + first, ...more.map((line) => hanging + line)];
  });
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Columns of text for stdout: the last one is wrapped where that is a terminal, and never elsewhere. */
export function fitted(cells: readonly string[], indent = ''): string {
  return renderColumns([cells], { indent, width: process.stdout.isTTY ? terminalWidth() : Infinity });
}

export function terminalWidth(): number {
  return Math.min(process.stdout.columns || widthMax, widthMax);
}

export function paint(style: Style, text: string): string {
  return isColoured() ? styleText(style, text) : text;
}

/** `text` with control characters spelled out, so that a stored value cannot drive the terminal that shows it. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    if (character === '\n' || character === '\t') return character;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function isColoured(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    }
  }
  return widths;
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));
}

function displayWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Lines of at most `width`, broken at spaces; never narrower than a word needs. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > Math.max(width, 24)) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
