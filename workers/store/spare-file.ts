/**
 * The file that is to be a log's next segment, ready before it is needed: one that a checkpoint has set free, or a new one,
 * whose zeros take a while to write.
 *
 *   none ── make ──> making ──> ready ── take ──> none
 *     │                └──> full, tried again ──> making
 *     └──── recycle ──────────> ready
 */
import { codeOf } from '../../src/diagnostics/errors.ts';
import { logFileName, type LogFile, type LogFiles } from './log-files.ts';

type State =
  | { readonly name: 'none' | 'making' }
  | { readonly name: 'ready'; readonly file: LogFile }
  /** The disk has no room for it. */
  | { readonly name: 'full'; readonly retry: NodeJS.Timeout | undefined };

export interface SpareFileOptions {
  readonly files: LogFiles;
  readonly owner: number;
  /** Length of a file. */
  readonly bytes: number;
  /** The greatest number that a file of the owner has. */
  readonly fileNumber: number;
  /** It is ready, or the disk is full. */
  readonly onChange: () => void;
  readonly onFatal: (error: unknown) => void;
}

/** Time after which a file is tried again that a full disk had no room for, milliseconds. */
const RETRY_MS = 500;

export class SpareFile {
  readonly #options: SpareFileOptions;
  #state: State = { name: 'none' };
  #fileNumber: number;
  #isEnding = false;
  /** Settles when no file is being made. */
  making: Promise<void> = Promise.resolve();

  constructor(options: SpareFileOptions) {
    this.#options = options;
    this.#fileNumber = options.fileNumber;
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  /** The file, without letting go of it. */
  get file(): LogFile | undefined {
    return this.#state.name === 'ready' ? this.#state.file : undefined;
  }

  /** The file is in use from now on. */
  taken(): void {
    this.#state = { name: 'none' };
  }

  /** Takes a file that nothing is needed of; a second one goes. */
  recycle(file: LogFile): void {
    if (this.#state.name === 'none' || this.#state.name === 'full') return this.#got(file);
    file.close();
    return this.#options.files.remove(file.name);
  }

  /** Starts to make a file if there is none. */
  make(): void {
    if (this.#state.name !== 'none' || this.#isEnding) return;
    this.#state = { name: 'making' };
    const { files, owner, bytes } = this.#options;
    this.making = files.create(logFileName(owner, ++this.#fileNumber), bytes).then(
      (file) => this.#got(file),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Nothing is made any more; resolves when that is so. */
  async end(): Promise<void> {
    this.#isEnding = true;
    if (this.#state.name === 'full') clearTimeout(this.#state.retry);
    await this.making;
  }

  #got(file: LogFile): void {
    if (this.#state.name === 'full') clearTimeout(this.#state.retry);
    this.#state = { name: 'ready', file };
    this.#options.onChange();
  }

  #failed(error: unknown): void {
    if (!isFull(error)) return this.#options.onFatal(error);
    this.#state = {
      name: 'full',
      retry: this.#isEnding ? undefined : setTimeout(() => this.#tryAgain(), RETRY_MS).unref(),
    };
    return this.#options.onChange();
  }

  #tryAgain(): void {
    this.#state = { name: 'none' };
    this.make();
  }
}

/** Whether the system says that the disk, or what its quota allows, is full. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
