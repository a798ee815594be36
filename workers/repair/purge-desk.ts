/**
 * Has what was deleted go for good, now and then. The first worker decides below which version, from what it knows of all peers
 * (src/domain/purge.ts), and tells the others; each removes what it owns (store/purge.ts).
 *
 * All nodes do so at the same times of their clocks, and bounds are multiples of the interval: while one has removed what another
 * has not, their digests differ.
 */
import { Buffer } from 'node:buffer';
import { purgeBound, type Confirmed } from '../../src/domain/purge.ts';
import type { Version } from '../../src/formats/record.ts';
import type { WorkerSettings } from '../../src/settings/settings.ts';
import type { AnswerSibling, Siblings } from '../ground/siblings.ts';
import type { Standing } from '../ground/standing.ts';

export interface PurgeDeskOptions {
  readonly settings: Pick<WorkerSettings, 'timeoutMs' | 'clockDriftMsMax' | 'purgeIntervalMs' | 'workers'>;
  readonly index: number;
  readonly standing: Pick<Standing, 'isWhole'>;
  /** What is known of the peers and of hints now. */
  readonly confirmed: () => Confirmed;
  /** Removes what lies below a version and is this worker's. */
  readonly purge: (below: Version) => void;
  readonly siblings: Pick<Siblings, 'ask'>;
  readonly wallMs: () => number;
}

const BOUND_BYTES = 8;

export class PurgeDesk {
  readonly #options: PurgeDeskOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PurgeDeskOptions) {
    this.#options = options;
    if (options.index === 0) this.#wait();
  }

  /** Decides, and has all workers remove what may go now. */
  run(): void {
    const { settings, standing, confirmed, purge, siblings, index, wallMs } = this.#options;
    // What a node lacks that does not vote says nothing.
    if (!standing.isWhole) return;
    const { timeoutMs, clockDriftMsMax, purgeIntervalMs: stepMs, workers } = settings;
    const below = purgeBound(confirmed(), { nowMicros: wallMs() * 1000, stepMs, timeoutMs, clockDriftMsMax });
    if (below === 0) return;
    purge(below);
    for (let worker = 0; worker < workers; worker++) {
      if (worker !== index) siblings.ask(worker, 'purge', boundBytes(below), () => {});
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const { settings, wallMs } = this.#options;
    const { purgeIntervalMs } = settings;
    this.#timer = setTimeout(
      () => {
        this.run();
        this.#wait();
      },
      purgeIntervalMs - (wallMs() % purgeIntervalMs),
    ).unref();
  }
}

/** Answers the first worker's question `purge`. */
export function purgeForSibling(purge: (below: Version) => void): AnswerSibling {
  return (bytes, answer) => {
    purge(bytes.readDoubleLE(0));
    answer(Buffer.allocUnsafeSlow(1));
  };
}

function boundBytes(below: Version): Buffer {
  const bytes = Buffer.allocUnsafeSlow(BOUND_BYTES);
  bytes.writeDoubleLE(below);
  return bytes;
}
