/** How far a run is, on stderr: a line that is written over on a terminal, a line every ten seconds elsewhere. */
import type { LoadProgress } from '../load/engine.ts';
import { fillLine, type FillProgress } from '../load/fill-progress.ts';
import { milliseconds, perSecond } from '../load/verdict.ts';
import type { Workload } from '../load/result.ts';

const quietSeconds = 10;
const barWidth = 30;

export class BenchProgress {
  readonly #workload: Workload;
  #isOpen = false;

  constructor(workload: Workload, engine: 'built-in' | 'wrk2') {
    this.#workload = workload;
    const totalMs = workload.durationMs + workload.warmupMs;
    if (engine === 'wrk2') this.#line(`wrk2 runs at ${perSecond(workload.rate)}; it says nothing until its end`);
    else if (!process.stderr.isTTY && totalMs >= quietSeconds * 1000) {
      this.#line(`Running at ${perSecond(workload.rate)} for ${Math.ceil(totalMs / 1000)} s`);
    }
  }

  show({ second, completed, failed, pending, p99Us }: LoadProgress): void {
    if (!process.stderr.isTTY && (second < 0 || (second + 1) % quietSeconds !== 0)) return;
    const seconds = Math.ceil(this.#workload.durationMs / 1000);
    const where = second < 0 ? `warm-up ${-second}` : `${second + 1}/${seconds} s`;
    const errors = failed === 0 ? '' : `, ${failed} failed`;
    this.#line(`${where}: ${perSecond(completed)}, p99 ${milliseconds(p99Us)}, ${pending} waiting${errors}`);
  }

  showFill(progress: FillProgress): void {
    const { filled, keys } = progress;
    if (filled === keys) return this.#line(`Filled ${keys} keys`);
    const done = Math.round((filled / keys) * barWidth);
    const bar = process.stderr.isTTY ? `[${'#'.repeat(done)}${' '.repeat(barWidth - done)}] ` : '';
    this.#line(`${bar}${fillLine(progress)}`);
  }

  /** What follows stands on a line of its own. */
  end(): void {
    if (this.#isOpen) process.stderr.write('\r\x1b[K');
    this.#isOpen = false;
  }

  #line(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    else process.stderr.write(`${text}\n`);
    this.#isOpen = process.stderr.isTTY;
  }
}
