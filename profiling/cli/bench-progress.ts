/** How far a run is, on stderr: a screen that is drawn over itself on a terminal, a line every ten seconds elsewhere. */
import type { LoadProgress } from '../load/engine.ts';
import { fillLine, type FillProgress } from '../load/fill-progress.ts';
import { LiveFigures } from '../load/live-figures.ts';
import { perSecond } from '../load/verdict.ts';
import type { Workload } from '../load/result.ts';
import { liveLine, liveScreen } from './live-screen.ts';

const quietSeconds = 10;
const barWidth = 30;

export class BenchProgress {
  readonly #workload: Workload;
  readonly #figures = new LiveFigures();
  /** Lines on the terminal that the next ones replace. */
  #drawn = 0;

  constructor(workload: Workload, engine: 'built-in' | 'wrk2') {
    this.#workload = workload;
    const totalMs = workload.durationMs + workload.warmupMs;
    if (engine === 'wrk2') this.#draw([`wrk2 runs at ${perSecond(workload.rate)}; it says nothing until its end`]);
    else if (!process.stderr.isTTY && totalMs >= quietSeconds * 1000) {
      this.#draw([`Running at ${perSecond(workload.rate)} for ${Math.ceil(totalMs / 1000)} s`]);
    }
  }

  show(progress: LoadProgress): void {
    this.#figures.add(progress);
    if (process.stderr.isTTY) {
      const lines = liveScreen(this.#workload, this.#figures, (process.stderr.columns || 80) - 1);
      return this.#draw(lines.slice(0, (process.stderr.rows || 24) - 1));
    }
    const { second } = progress;
    if (second < 0 || (second + 1) % quietSeconds !== 0) return;
    this.#draw([liveLine(this.#workload, this.#figures)]);
  }

  showFill(progress: FillProgress): void {
    const { filled, keys } = progress;
    if (filled === keys) return this.#draw([`Filled ${keys} keys`]);
    const done = Math.round((filled / keys) * barWidth);
    const bar = process.stderr.isTTY ? `[${'#'.repeat(done)}${' '.repeat(barWidth - done)}] ` : '';
    this.#draw([`${bar}${fillLine(progress)}`]);
  }

  /** What was drawn goes, and what follows stands in its place. */
  end(): void {
    if (this.#drawn > 0) process.stderr.write(this.#over());
    this.#drawn = 0;
  }

  #draw(lines: readonly string[]): void {
    if (!process.stderr.isTTY) {
      for (const line of lines) process.stderr.write(`${line}\n`);
      return;
    }
    process.stderr.write(this.#over() + lines.join('\n'));
    this.#drawn = lines.length;
  }

  /** To the beginning of what was drawn, and all below it cleared. */
  #over(): string {
    return `\r${this.#drawn > 1 ? `\x1b[${this.#drawn - 1}A` : ''}\x1b[J`;
  }
}
