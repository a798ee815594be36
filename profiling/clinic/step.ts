/**
 * One step of a clinic run: a process in a group of its own, with a deadline. Clinic's tools hang where they find no data
 * or meet a signal that they do not expect, so nothing here waits without an end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { withoutSettings } from '../../src/cli/child-environment.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';

export interface StepOptions {
  /** What the step does, for refusals: `clinic flame collects`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** What a step may say; the rest is dropped. */
const outputCharactersMax = 64 * 1024;

export class Step {
  readonly name: string;
  /** The end of what the processes have written. */
  output = '';
  readonly #child: ChildProcess;
  /** Resolves when the process that was started has ended, however. */
  readonly ended: Promise<unknown>;
  readonly #kill = (): void => this.#signalGroup('SIGKILL');
  readonly #abort: AbortSignal | undefined;

  /** Starts `node` with these arguments. */
  constructor({ name, args, directory, signal }: StepOptions) {
    this.name = name;
    this.#abort = signal;
    this.#child = spawn(process.execPath, [...args], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group, so that a node that clinic has started can be signalled and never outlives the step.
      detached: true,
      env: environment(),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-outputCharactersMax);
      });
    }
    this.ended = once(this.#child, 'close').catch(() => {});
    process.once('exit', this.#kill);
    signal?.addEventListener('abort', this.#kill, { once: true });
    void this.ended.then(() => {
      process.off('exit', this.#kill);
      signal?.removeEventListener('abort', this.#kill);
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As Ctrl-C in a terminal does: every process of the step is told. */
  interruptAll(): void {
    this.#signalGroup('SIGINT');
  }

  /** Tells the process that was started, which tells the others if it likes. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** Ends the step and all its processes at once. */
  async end(): Promise<void> {
    this.#kill();
    await this.ended;
  }

  /** Resolves when the step has ended well. Throws what it said where it has not, or has not in time. */
  async finish(deadlineMs: number): Promise<void> {
    const late = Symbol('late');
    const stop = new AbortController();
    const timer = new Promise<typeof late>((resolve) => {
      const timeout = setTimeout(() => resolve(late), deadlineMs);
      stop.signal.addEventListener('abort', () => clearTimeout(timeout));
    });
    const first = await Promise.race([this.ended, timer]);
    stop.abort();
    if (first === late) {
      await this.end();
      throw this.failure(`did not end within ${deadlineMs} ms`);
    }
    this.#abort?.throwIfAborted();
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== 0) throw this.failure(signalCode === null ? `exit code ${exitCode}` : `ended by ${signalCode}`);
  }

  failure(reason: string): KvorumError {
    const said = this.output.trim().split('\n').slice(-6).join('\n').trim();
    return new KvorumError('profile-failed', `${this.name}: ${reason}${said === '' ? '' : `; it said: ${said}`}`);
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || !this.isRunning) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // The group has ended in between.
    }
  }
}

/** Without NO_INSIGHT clinic asks a question off a terminal, does nothing and exits 0. */
function environment(): Record<string, string | undefined> {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...kept } = withoutSettings(process.env);
  return { ...kept, NO_INSIGHT: '1', NO_UPDATE_NOTIFIER: '1' };
}
