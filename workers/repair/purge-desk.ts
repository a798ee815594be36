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
  /** This worker's floor under the list of now, and how it takes one from peers. */
  readonly floors: Floors;
  readonly siblings: Pick<Siblings, 'ask'>;
  readonly wallMs: () => number;
}

export interface Floors {
  readonly ownFloor: Version;
  readonly takeFloor: (below: Version) => Promise<void>;
}

/** What the first worker asks of the others, a byte, and a version behind it. Each answers with its floor. */
const purgeKinds = { purge: 1, take: 2, tell: 3 } as const;
type PurgeKind = keyof typeof purgeKinds;

export class PurgeDesk {
  readonly #options: PurgeDeskOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PurgeDeskOptions) {
    this.#options = options;
    if (options.index === 0) this.#wait();
  }

  /** Decides, and has all workers remove what may go now. */
  run(): void {
    const { settings, standing, confirmed, purge, wallMs } = this.#options;
    // What a node lacks that does not vote says nothing.
    if (!standing.isWhole) return;
    const { timeoutMs, clockDriftMsMax, purgeIntervalMs: stepMs } = settings;
    const below = purgeBound(confirmed(), { nowMicros: wallMs() * 1000, stepMs, timeoutMs, clockDriftMsMax });
    if (below === 0) return;
    purge(below);
    void this.#askAll('purge', below);
  }

  /** The floor of the whole node under the list of now; 0 where a worker has none, or does not answer. */
  async floor(): Promise<Version> {
    return Math.min(this.#options.floors.ownFloor, ...(await this.#askAll('tell', 0)));
  }

  /** All workers take a floor from peers (`Purge.takeFloor`). */
  takeFloor(below: Version): void {
    void this.#options.floors.takeFloor(below);
    void this.#askAll('take', below);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Resolves to the floors of the other workers. */
  #askAll(kind: PurgeKind, version: Version): Promise<Version[]> {
    const { siblings, settings, index } = this.#options;
    const others = Array.from({ length: settings.workers }, (_, worker) => worker).filter((worker) => worker !== index);
    return Promise.all(
      others.map(
        (worker) =>
          new Promise<Version>((resolve) => {
            siblings.ask(worker, 'purge', question(kind, version), (bytes) => resolve(bytes?.readDoubleLE(0) ?? 0));
          }),
      ),
    );
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

/** Answers a sibling's question `purge`. */
export function purgeForSibling(purge: (below: Version) => void, floors: Floors): AnswerSibling {
  return (bytes, answer) => {
    const version = bytes.readDoubleLE(1);
    if (bytes[0] === purgeKinds.purge) purge(version);
    if (bytes[0] === purgeKinds.take) void floors.takeFloor(version);
    const floor = Buffer.allocUnsafeSlow(8);
    floor.writeDoubleLE(floors.ownFloor);
    answer(floor);
  };
}

function question(kind: PurgeKind, version: Version): Buffer {
  const bytes = Buffer.allocUnsafeSlow(9);
  bytes[0] = purgeKinds[kind];
  bytes.writeDoubleLE(version, 1);
  return bytes;
}
