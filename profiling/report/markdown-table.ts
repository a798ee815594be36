/** Tables in Markdown. */

type Row = readonly string[];

/** All columns to the left. */
export function markdownTable(head: Row, rows: readonly Row[]): string {
  return lines(
    head,
    head.map(() => '---'),
    rows,
  );
}

/** The first column says of what; the others are figures, to the right. */
export function figureTable(head: Row, rows: readonly Row[]): string {
  return lines(
    head,
    head.map((_, index) => (index === 0 ? '---' : '---:')),
    rows,
  );
}

function lines(head: Row, rule: Row, rows: readonly Row[]): string {
  return [head, rule, ...rows].map(line).join('\n');
}

function line(cells: Row): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
