/** A node's standing as its replica goes by it: set anew whenever the main thread says so, asked for each operation. */
import { floorOf, votingRule } from '../../src/domain/recovery.ts';
import type { ClusterList, Standing as NodeStanding } from '../../src/domain/node-claim.ts';
import type { Version } from '../../src/formats/record.ts';
import type { Standing } from '../ground/standing.ts';

export interface WorkerStandingOptions {
  readonly list: ClusterList;
  readonly self: string;
  readonly clockDriftMsMax: number;
  readonly nowMicros: () => Version;
}

export class WorkerStanding implements Standing {
  readonly #options: WorkerStandingOptions;
  #isWhole = false;
  #votes: (keyHash: number) => boolean = () => false;
  #floor: Version;

  /** Until it is told otherwise nothing is known of what the store is worth. */
  constructor(options: WorkerStandingOptions) {
    this.#options = options;
    this.#floor = options.nowMicros() + options.clockDriftMsMax * 1000;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  votes(keyHash: number): boolean {
    return this.#isWhole || this.#votes(keyHash);
  }

  floor(): Version {
    return this.#floor;
  }

  take(standing: NodeStanding): void {
    const { list, self, clockDriftMsMax } = this.#options;
    this.#isWhole = standing.kind === 'voting';
    const isRecovering = standing.kind === 'recovering';
    this.#votes = isRecovering ? votingRule(standing, list, self) : () => false;
    this.#floor = isRecovering ? floorOf(standing, list, self, clockDriftMsMax) : 0;
  }
}
