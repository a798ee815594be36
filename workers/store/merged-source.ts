/** The layers of the memtable and LMDB as one source: of the records under a key the newest. None of them ever waits. */
import { selectNext } from '../../src/domain/range-merge.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { Buffer } from 'node:buffer';
import type { RangeSource, SourceState } from '../ground/range-source.ts';

export class MergedSource implements RangeSource {
  state: SourceState = 'working';
  readonly error = undefined;
  readonly #sources: readonly [RangeSource, ...RangeSource[]];
  readonly #heads: (RangeEntry | undefined)[] = [];
  readonly #sameKey: number[] = [];
  #current: RangeSource;

  constructor(sources: readonly [RangeSource, ...RangeSource[]]) {
    this.#sources = sources;
    this.#current = sources[0];
  }

  get entry(): RangeEntry {
    return this.#current.entry;
  }

  get isLarge(): boolean {
    return this.#current.isLarge;
  }

  get hasValue(): boolean {
    return this.#current.hasValue;
  }

  takeValue(): Buffer | undefined {
    return this.#current.takeValue();
  }

  advance(): void {
    for (const index of this.#sameKey) this.#sources[index]?.advance();
    this.#choose();
  }

  work(): void {
    this.#sources.find(({ state }) => state === 'working')?.work();
    this.#choose();
  }

  close(): void {
    this.state = 'ended';
    for (const source of this.#sources) source.close();
  }

  #choose(): void {
    for (const [index, source] of this.#sources.entries()) {
      if (source.state === 'working') {
        this.state = 'working';
        this.#sameKey.length = 0;
        return;
      }
      this.#heads[index] = source.state === 'entry' ? source.entry : undefined;
    }
    const chosen = this.#sources[selectNext(this.#heads, this.#sameKey)];
    this.state = chosen === undefined ? 'ended' : 'entry';
    if (chosen !== undefined) this.#current = chosen;
  }
}
