/**
 * A node's time: its clock (`dispatch/clock.ts`), the bound of its stamps on the disk (`version-bound.ts`), and the watch over it
 * (`clock-watch.ts`), which need each other.
 */
import { ClockWatch } from './clock-watch.ts';
import { NodeClock, systemClock } from './dispatch/clock.ts';
import { KvorumError, messageOf } from './diagnostics/errors.ts';
import type { Log } from './diagnostics/log.ts';
import type { Version } from './formats/record.ts';
import type { PeerOffset } from './protocol/workers.ts';
import { VersionBound } from './version-bound.ts';

export interface NodeTimeOptions {
  readonly dataDirectory: string;
  readonly clockDriftMsMax: number;
  /** See `ClockWatchOptions`. */
  readonly measure: (newest: Version) => Promise<readonly PeerOffset[]>;
  readonly log: Log;
  /** This node may stamp writes again. */
  readonly onRight: () => void;
}

export class NodeTime {
  readonly clock: NodeClock;
  readonly watch: ClockWatch;
  readonly #options: NodeTimeOptions;
  /** Open from `begin` on. */
  #bound: VersionBound | undefined;

  constructor(options: NodeTimeOptions) {
    const { clockDriftMsMax, measure, log, onRight } = options;
    this.#options = options;
    this.clock = new NodeClock({
      source: systemClock,
      reserve: (bound) => this.#bound?.write(bound) ?? Promise.resolve('failed'),
      onJump: (micros) => this.watch.jumped(micros),
    });
    this.watch = new ClockWatch({
      clock: this.clock,
      clockDriftMsMax,
      measure,
      now: () => performance.now(),
      log,
      onChange: (isSkewed) => {
        if (!isSkewed) onRight();
      },
    });
  }

  /**
   * Begins above all that was stamped and stored before. The store is open, so no other process has the directory. `onFatal` is
   * called when the disk fails. Throws `store-unusable`.
   */
  begin(newestStored: Version, onFatal: (error: KvorumError) => void): void {
    const { dataDirectory, log } = this.#options;
    this.#bound = VersionBound.open(dataDirectory, (cause) => {
      onFatal(new KvorumError('store-failed', `Storage failed: ${messageOf(cause)}`, { cause }));
    });
    const { found } = this.#bound;
    if (found === undefined) log.warn('the file of reserved versions was damaged; it is made anew');
    this.clock.begin({ bound: found, newestStored });
  }

  /** Nothing is stamped any more. */
  async end(): Promise<void> {
    this.watch.stop();
    await this.clock.end();
    await this.#bound?.close();
  }
}
