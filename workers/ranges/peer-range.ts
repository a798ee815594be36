/**
 * A range of a peer's store as a source of a cluster scan: the peer streams its entries, and is paused while enough of
 * them wait here.
 *
 * It fails where the peer cannot be asked, breaks off, sends what does not parse, or sends nothing for the deadline
 * although somebody waits for it. A source that has failed is out; the scan decides whether it can do without.
 */
import type { Buffer } from 'node:buffer';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { RangeEntryReader } from '../../src/formats/range-entries.ts';
import type { RangeEntry } from '../../src/formats/range-format.ts';
import type { Version } from '../../src/formats/record.ts';
import type { PeerStream, PeerStreamHandler } from '../peers/question.ts';
import type { RangeSource, SourceState } from '../ground/range-source.ts';

export interface PeerRangeOptions {
  /** Asks the peer; undefined where it is down. */
  readonly open: (handler: PeerStreamHandler) => PeerStream | undefined;
  readonly url: string;
  /** How long the peer may send nothing while it is waited for. */
  readonly timeoutMs: number;
  /** Whether the peer was told that it may leave tombstones out. */
  readonly mayLeaveOut?: boolean;
  /** Whether entries without a record are shown, which tell of damaged ones. */
  readonly takesDamaged?: boolean;
  /** The source is not `waiting` any more. */
  readonly onChange: () => void;
}

/** Bytes that may wait here before the peer is paused, and below which it goes on. A socket read brings up to 64 KiB. */
const WAITING_BYTES_MAX = 192 * 1024;
const WAITING_BYTES_MIN = 64 * 1024;

export class PeerRange implements RangeSource {
  state: SourceState = 'waiting';
  error: string | undefined;
  lack: string | undefined;
  /** Below which version what is missing at the peer was deleted; 0 where it does not say. */
  floor: Version = 0;
  readonly #options: PeerRangeOptions;
  readonly #reader: RangeEntryReader;
  readonly #timer: NodeJS.Timeout;
  readonly #stream: PeerStream | undefined;
  #isPaused = false;
  #isWhole = false;

  constructor(options: PeerRangeOptions) {
    this.#options = options;
    this.#reader = new RangeEntryReader(options);
    this.#timer = setTimeout(() => this.#onSilence(), options.timeoutMs);
    this.#stream = options.open({
      onLoss: () => (this.lack = `${options.url} has lost data and has not got it back yet`),
      onFloor: (floor) => (this.floor = floor),
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#onEnd(),
      onError: (error) => this.#fail(messageOf(error)),
    });
    if (this.#stream === undefined) this.#fail('is down');
  }

  get entry(): RangeEntry {
    return this.#reader.entry;
  }

  get isLarge(): boolean {
    return this.#reader.isLarge;
  }

  get leavesOut(): boolean {
    return this.#reader.leavesOut;
  }

  get hasValue(): boolean {
    return this.state !== 'failed' && this.#reader.valueBytes > 0;
  }

  advance(): void {
    if (this.state === 'failed') return;
    try {
      if (this.#reader.next()) this.state = 'entry';
      else if (this.#isWhole) this.#end();
      else this.#wait();
    } catch (error) {
      this.#fail(messageOf(error));
    }
    this.#resumeIfLow();
  }

  work(): void {}

  takeValue(): Buffer | undefined {
    const piece = this.#reader.takeValue();
    if (piece === undefined && this.hasValue) this.#timer.refresh();
    this.#resumeIfLow();
    return piece;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.state = 'ended';
    this.#stream?.destroy();
  }

  #onData(bytes: Buffer): void {
    if (this.state === 'failed' || this.state === 'ended') return;
    this.#reader.push(bytes);
    if (this.#reader.waitingBytes > WAITING_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream?.pause();
    }
    this.#timer.refresh();
    if (this.state === 'waiting') this.advance();
    if (this.state !== 'waiting') this.#options.onChange();
  }

  #onEnd(): void {
    if (this.state === 'failed' || this.state === 'ended') return;
    this.#isWhole = true;
    if (this.state === 'waiting') this.advance();
    // Half of a value is no value: nothing more will come of it.
    else if (this.#reader.valueBytes > this.#reader.waitingBytes) this.#fail('sent half an entry');
    this.#options.onChange();
  }

  /** A head whose value is being streamed waits as well: it is the scan that knows. */
  #onSilence(): void {
    const isAwaited = this.state === 'waiting' || (this.hasValue && this.#reader.waitingBytes === 0);
    if (isAwaited && !this.#isPaused) this.#fail(`no bytes within ${this.#options.timeoutMs} ms`);
    else this.#timer.refresh();
  }

  #wait(): void {
    this.state = 'waiting';
    this.#timer.refresh();
  }

  #end(): void {
    if (!this.#reader.isEmpty) return this.#fail('sent half an entry');
    clearTimeout(this.#timer);
    this.state = 'ended';
    return undefined;
  }

  #fail(error: string): void {
    if (this.state === 'failed' || this.state === 'ended') return;
    clearTimeout(this.#timer);
    this.state = 'failed';
    this.error = `${this.#options.url} ${error}`;
    this.#stream?.destroy();
    this.#options.onChange();
  }

  #resumeIfLow(): void {
    // A long entry may need more than the lower bound.
    const isLow = this.state === 'waiting' || this.#reader.waitingBytes <= WAITING_BYTES_MIN;
    if (!this.#isPaused || !isLow) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }
}
