/**
 * `--watch`: the same again and again, until q or Ctrl-C. On a terminal a screen that is drawn anew; elsewhere lines, with
 * nothing that drives a terminal.
 */
import { setTimeout } from 'node:timers/promises';
import type { ExitCode } from './exit-codes.ts';
import { writeResult } from './output.ts';
import { stopSignal } from './signals.ts';

/** What one round shows. */
export interface Shown {
  /** Lines for a screen. */
  readonly screen: string;
  /** The same for a file or a pipe. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** From the end of one round to the next, milliseconds. */
const PAUSE_MS = 2000;
const CTRL_C = '\u0003';
/** Another screen, no cursor, and lines that are too long are cut instead of wrapped; and back. */
const BEGIN = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const END = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
/** From the cursor to the end of the line, and of the screen. */
const CLEAR_LINE = '\u001b[K';
const CLEAR_REST = '\u001b[J';

/** Shows round after round; resolves to the exit code of the last one. */
export async function watch(round: () => Promise<Shown>): Promise<ExitCode> {
  const stopped = new AbortController();
  void stopSignal(leaveScreen).then(() => stopped.abort());
  const letGo = process.stdout.isTTY ? takeScreen(() => stopped.abort()) : () => {};
  try {
    for (;;) {
      const shown = await round();
      await writeResult(process.stdout.isTTY ? drawn(shown.screen) : shown.lines.map((line) => `${line}\n`).join(''));
      await setTimeout(PAUSE_MS, undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return shown.exitCode;
    }
  } finally {
    letGo();
  }
}

/** Takes the terminal: its screen and its keys; returns what gives both back. */
function takeScreen(onQuit: () => void): () => void {
  const { stdin, stdout } = process;
  stdout.write(BEGIN);
  const onKey = (key: Buffer): void => {
    if (['q', 'Q', CTRL_C].includes(key.toString())) onQuit();
  };
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey);
  return () => {
    if (stdin.isTTY) stdin.setRawMode(false).off('data', onKey).pause();
    leaveScreen();
  };
}

function leaveScreen(): void {
  if (process.stdout.isTTY) process.stdout.write(END);
}

/** As many lines as the screen has, each drawn over what stood there. */
function drawn(screen: string): string {
  const rows = process.stdout.rows || 24;
  const lines = screen.trimEnd().split('\n');
  const rest = lines.length - (rows - 2);
  const kept = rest > 0 ? [...lines.slice(0, rows - 3), `and ${rest + 1} lines more`] : lines;
  return `${HOME}${[...kept, '', 'q ends'].map((line) => `${line}${CLEAR_LINE}`).join('\n')}${CLEAR_REST}`;
}
