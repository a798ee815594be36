/** A source that shows what another one has there, but for what its kind does otherwise. */
import type { Buffer } from 'node:buffer';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';

/** Entries that one step passes over: about 50 us. */
const STEP_ENTRIES = 128;

export abstract class WrappedSource<Source extends RangeSource = RangeSource> implements RangeSource {
  protected source: Source;

  constructor(source: Source) {
    this.source = source;
  }

  get state(): SourceState {
    return this.source.state;
  }

  get error(): string | undefined {
    return this.source.error;
  }

  get entry(): RangeEntry {
    return this.source.entry;
  }

  get isLarge(): boolean {
    return this.source.isLarge;
  }

  get hasValue(): boolean {
    return this.source.hasValue;
  }

  advance(): void {
    this.source.advance();
  }

  work(): void {
    this.source.work();
  }

  takeValue(): Buffer | undefined {
    return this.source.takeValue();
  }

  close(): void {
    this.source.close();
  }
}

/** Shows only some entries, and passes over the others in short steps. */
export abstract class ChoosingSource<Source extends RangeSource = RangeSource> extends WrappedSource<Source> {
  /** Whether the head is shown. */
  protected abstract get isShown(): boolean;

  /** Called before a head that is not shown is passed over. */
  protected onPassed(): void {}

  override get state(): SourceState {
    const { state } = this.source;
    return state === 'entry' && !this.isShown ? 'working' : state;
  }

  override work(): void {
    if (this.source.state !== 'entry') return this.source.work();
    for (let step = 0; step < STEP_ENTRIES && this.source.state === 'entry' && !this.isShown; step++) {
      this.onPassed();
      this.advance();
    }
    return undefined;
  }
}
