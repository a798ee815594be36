/**
 * Watches this node's clock: has the peers' clocks measured once a second and after a jump, judges by them (`clock-offsets.ts`)
 * whether this node may stamp writes, and says so to the clock, the log, `/v0/status` and `/metrics`.
 *
 * What was measured of a peer is kept while the peer is down: its clock goes on, and a node that was found wrong by two
 * others must not take writes as soon as one of them is gone.
 */
import type { NodeClock } from './dispatch/clock.ts';
import {
  afterJump,
  bestOffset,
  bestOffsets,
  describeOff,
  judgeClock,
  withOffset,
  type ClockVerdict,
  type Offset,
} from './domain/clock-offsets.ts';
import type { Log } from './diagnostics/log.ts';
import type { Version } from './formats/record.ts';
import { family, type MetricFamily } from './metrics/metrics.ts';
import type { PeerOffset } from './protocol/workers.ts';

export interface ClockWatchOptions {
  readonly clock: NodeClock;
  readonly clockDriftMsMax: number;
  /** Measures the peers' clocks, as far as they answer in time, and tells them the newest version that this node has seen. */
  readonly measure: (newest: Version) => Promise<readonly PeerOffset[]>;
  /** Milliseconds that only pass. */
  readonly now: () => number;
  readonly log: Log;
  /** This node may stamp writes from now on, or may not. */
  readonly onChange: (isSkewed: boolean) => void;
}

/** What the node's status says of its clock. */
export interface ClockStatus {
  readonly verdict: ClockVerdict['kind'];
  /** Clocks compared, this node's included. */
  readonly measured: number;
  /** How far this node's clock is ahead of the others; negative: behind. */
  readonly offMs: number | undefined;
  /** How far the newest version is ahead of this node's clock. */
  readonly aheadMs: number;
  /** Why the node takes no writes, in words. */
  readonly skew: string | undefined;
}

export const measurePauseMs = 1000;
/** A clock that is doubtful for long is told of so often, milliseconds. */
const WARN_PAUSE_MS = 60_000;

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #offsets = new Map<string, readonly Offset[]>();
  #verdict: ClockVerdict = { kind: 'unmeasured' };
  /** Jumps of this node's clock so far: what was measured across one is of no use. */
  #jumps = 0;
  /** What they amount to while the clock is being compared again. */
  #jumpedMicros = 0;
  #isSettling = false;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  /** Measures for the first time, lets the clock stamp if it is right, and goes on measuring. Resolves when it has measured. */
  async start(): Promise<void> {
    await this.#settle();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** This node's clock was put forward by so many microseconds; it gives no stamps until it was compared again. */
  jumped(micros: number): void {
    this.#jumps++;
    for (const [url, offsets] of this.#offsets) this.#offsets.set(url, afterJump(offsets, micros));
    this.#jumpedMicros += micros;
    void this.#settle();
  }

  /** What was measured of a peer; undefined where nothing was. */
  offsetOf(url: string): Offset | undefined {
    return bestOffset(this.#offsets.get(url) ?? []);
  }

  get status(): ClockStatus {
    const { aheadMicros, skew } = this.#options.clock;
    const verdict = this.#verdict;
    const isMeasured = verdict.kind !== 'unmeasured';
    return {
      verdict: verdict.kind,
      measured: isMeasured ? verdict.measured : 1,
      offMs: isMeasured ? verdict.offMicros / 1000 : undefined,
      aheadMs: aheadMicros / 1000,
      skew,
    };
  }

  families(): MetricFamily[] {
    const measured = [...this.#offsets.keys()].flatMap((peer) => {
      const offset = this.offsetOf(peer);
      return offset === undefined ? [] : [{ labels: { peer }, ...offset }];
    });
    const ahead = this.#options.clock.aheadMicros / 1e6;
    return [
      {
        type: 'gauge',
        name: 'kvorum_clock_offset_seconds',
        help: "How far the peer's clock is ahead of this node's",
        samples: measured.map(({ labels, micros }) => ({ labels, value: micros / 1e6 })),
      },
      {
        type: 'gauge',
        name: 'kvorum_clock_offset_error_seconds',
        help: 'By how much the measured offset can be wrong',
        samples: measured.map(({ labels, errorMicros }) => ({ labels, value: errorMicros / 1e6 })),
      },
      family(
        'gauge',
        'kvorum_clock_skewed',
        "1 where this node's clock is too far from the others for it to take writes",
        this.#verdict.kind === 'skewed' ? 1 : 0,
      ),
      family(
        'gauge',
        'kvorum_clock_ahead_seconds',
        'How far the newest version that this node has seen is ahead of its clock',
        ahead,
      ),
    ];
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#options.clock.look();
      void this.#measure().then(() => this.#schedule());
    }, measurePauseMs);
    this.#timer.unref();
  }

  /** Compares the clock with the others' until it does not jump meanwhile; then it may stamp, if it is right. */
  async #settle(): Promise<void> {
    if (this.#isSettling) return;
    this.#isSettling = true;
    for (let jumps = -1; jumps !== this.#jumps && !this.#isStopped;) {
      jumps = this.#jumps;
      await this.#measure();
    }
    this.#isSettling = false;
    const bySeconds = this.#jumpedMicros / 1e6;
    this.#jumpedMicros = 0;
    if (bySeconds !== 0) this.#options.log.warn('the clock of this machine was set', { bySeconds });
    this.#options.clock.measured();
  }

  async #measure(): Promise<void> {
    const { clock, measure } = this.#options;
    const jumps = this.#jumps;
    const measured = await measure(clock.newest);
    clock.look();
    if (jumps === this.#jumps) {
      for (const { url, offset } of measured) {
        this.#offsets.set(url, withOffset(this.#offsets.get(url) ?? [], offset));
      }
    }
    this.#judge();
  }

  #judge(): void {
    const { clock, clockDriftMsMax, onChange } = this.#options;
    const before = this.#verdict;
    this.#verdict = judgeClock(bestOffsets(this.#offsets.values()), { clockDriftMsMax });
    const wasSkewed = before.kind === 'skewed';
    const isSkewed = this.#verdict.kind === 'skewed';
    clock.skew = this.#verdict.kind === 'skewed' ? describe(this.#verdict, clockDriftMsMax) : undefined;
    this.#tell(before.kind);
    if (wasSkewed !== isSkewed) onChange(isSkewed);
  }

  /** Says at once what has changed, and from time to time what is still wrong. */
  #tell(before: ClockVerdict['kind']): void {
    const { log, now, clock } = this.#options;
    const verdict = this.#verdict;
    if (verdict.kind === 'unmeasured') return;
    const fields = { offSeconds: Math.round(verdict.offMicros / 1000) / 1000, clocks: verdict.measured };
    if (verdict.kind === 'good') {
      this.#warnedAt = Number.NEGATIVE_INFINITY;
      if (before === 'skewed') log.info('the clock of this node agrees with the others again', fields);
      return;
    }
    if (before === verdict.kind && now() - this.#warnedAt < WARN_PAUSE_MS) return;
    this.#warnedAt = now();
    if (verdict.kind === 'skewed')
      log.error('the clock of this node is wrong: it takes no writes', { why: clock.skew });
    else log.warn('the clock of this node differs from the others', fields);
  }
}

function describe(verdict: ClockVerdict & { kind: 'skewed' }, clockDriftMsMax: number): string {
  const { offMicros, against, measured } = verdict;
  const others = `${against} of the ${measured - 1} other nodes' clocks`;
  return `This node's clock is ${describeOff(offMicros)} by ${others}, more than --clock-drift-ms-max ${clockDriftMsMax}`;
}
