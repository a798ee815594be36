/**
 * One peer as repair sees it: what is known of it, and the passes that bring this node up to what it holds
 * (src/domain/comparison.ts). Passes with several peers run beside each other, but one of them pulls at a time, so that what two
 * peers have is pulled once.
 */
import { differing, type Buckets } from '../../src/domain/digests.ts';
import {
  afterComparison,
  begun,
  bySlowerClock,
  cameLate,
  foundIdentical,
  havePulled,
  identicalSince,
  type Known,
  nextPassMs,
  pulled,
  told,
  unknown,
} from '../../src/domain/comparison.ts';
import { decodeDigestAnswer, digestAnswerBytes, encodeDigestQuestion } from '../../src/formats/digest-messages.ts';
import type { NodeId, Version } from '../../src/formats/record.ts';
import { replicaPaths } from '../../src/protocol/nodes.ts';
import type { PeerRepairStatus } from '../../src/protocol/repair.ts';
import type { Semaphore } from '../ground/semaphore.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import type { DigestDesk } from './digest-desk.ts';
import { pull, type PullOptions } from './pull.ts';

export interface PeerRepairOptions extends Omit<PullOptions, 'peer' | 'onPulled'> {
  readonly peer: Pick<PeerClient, 'ask' | 'stream' | 'submit' | 'flush'>;
  readonly group: number;
  readonly bucketCount: number;
  readonly selfId: NodeId;
  readonly desk: Pick<DigestDesk, 'node'>;
  readonly pulling: Semaphore;
  /** Whether this node votes: until then its store is brought up by recovery, and nobody is to go by what it lacks. */
  readonly isWhole: () => boolean;
  /** 0: a pass begins when it is asked for only. */
  readonly intervalMs: number;
  /** How old a write of now can be, microseconds. */
  readonly graceMicros: number;
  readonly nowMicros: () => Version;
}

/** A peer that is busy sums up what its memtables hold. */
const ANSWER_MS_MAX = 30_000;

const alike = { here: 0, there: 0 };

export class PeerRepair {
  passes = 0;
  bucketsCompared = 0;
  recordsPulled = 0;
  bytesPulled = 0;
  known: Known = unknown;
  readonly #options: PeerRepairOptions;
  #state: PeerRepairStatus['state'] = 'waiting';
  #error: string | undefined;
  #differing = 0;
  #comparedAt: Version = 0;
  #identicalAt: Version = 0;
  #failures = 0;
  /** Both clocks at the moment of this pass at which this node's was furthest ahead of the peer's. */
  #clocks = alike;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  /** A pass was asked for while one ran. */
  #isAskedAgain = false;
  #isClosed = false;

  constructor(options: PeerRepairOptions) {
    this.#options = options;
  }

  get status(): PeerRepairStatus {
    const { url } = this.#options;
    return {
      url,
      state: this.#state,
      error: this.#error,
      identicalSince: timeOf(identicalSince(this.known)),
      identicalAt: timeOf(this.#identicalAt),
      comparedAt: timeOf(this.#comparedAt),
      passes: this.passes,
      bucketsDiffering: this.#differing,
      bucketsCompared: this.bucketsCompared,
      recordsPulled: this.recordsPulled,
      bytesPulled: this.bytesPulled,
    };
  }

  /** When both were last found the same, microseconds; 0: never. */
  get identicalAt(): Version {
    return this.#identicalAt;
  }

  /** Begins a pass now, or another one when the one that runs has ended. */
  begin(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#isAskedAgain = true;
    else void this.#run();
  }

  /** The peer has come up: what it missed it pulls itself; what it has written meanwhile is to be pulled. */
  cameUp(): void {
    if (this.#options.intervalMs > 0) this.begin();
  }

  /** A repair of this version was stored here. */
  cameLate(version: Version): void {
    const { nowMicros, graceMicros } = this.#options;
    const now = nowMicros();
    // What is younger is older than nothing that could be known.
    if (version < now - graceMicros) this.known = cameLate(this.known, version, now);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const { intervalMs } = this.#options;
    const pass = new OnePass();
    const isIdentical = await this.#pass(pass).catch(() => false);
    this.#isRunning = false;
    this.passes++;
    this.#failures = isIdentical ? 0 : this.#failures + 1;
    if (this.#isClosed) return;
    const isAskedAgain = this.#isAskedAgain;
    this.#isAskedAgain = false;
    if (isAskedAgain) return this.begin();
    if (intervalMs === 0) return;
    const afterMs = nextPassMs({ intervalMs, failures: this.#failures, workMs: pass.workMs });
    // A tenth more or less, so that nodes do not all compare together.
    this.#timer = setTimeout(() => this.begin(), afterMs * (0.9 + Math.random() / 5)).unref();
  }

  /** Resolves to whether both were found the same, and nothing old has come meanwhile. */
  async #pass(run: OnePass): Promise<boolean> {
    const { isWhole, nowMicros, graceMicros, pulling } = this.#options;
    if (!isWhole()) return this.#cannot('this node does not vote yet');
    const startedAt = nowMicros();
    this.#clocks = alike;
    let pass = begun;
    let buckets: Buckets | undefined;
    for (;;) {
      const found = await run.measure(() => this.#compare(buckets), isAnswer);
      if (typeof found === 'string') return this.#cannot(found);
      buckets = found;
      const step = afterComparison(pass, found.size);
      switch (step.kind) {
        case 'end':
          if (step.isIdentical) {
            this.known = foundIdentical(this.known, bySlowerClock(startedAt, this.#clocks), graceMicros);
            this.#identicalAt = startedAt;
          }
          this.#state = step.isIdentical ? 'identical' : 'differing';
          // What was pulled, from this peer or another one, came after the first look: the next pass looks at it, too.
          return step.isIdentical && this.known.lateAt < startedAt;
        case 'compare':
          pass = step.pass;
          await new Promise((resolve) => setTimeout(resolve, step.afterMs).unref());
          break;
        case 'pull': {
          this.#state = 'pulling';
          const isPulled = await pulling.run(() => run.measure(() => this.#pull(found, startedAt)));
          if (!isPulled) return this.#cannot('what it holds could not all be read');
          this.known = havePulled(this.known, bySlowerClock(startedAt, this.#clocks), graceMicros);
          pass = pulled;
          break;
        }
        default:
          return step satisfies never;
      }
      if (this.#isClosed) return false;
    }
  }

  #cannot(reason: string): false {
    this.#state = 'unavailable';
    this.#error = reason;
    return false;
  }

  /** The buckets that differ, among those named; or why that is not known. */
  async #compare(buckets: Buckets | undefined): Promise<Buckets | string> {
    const { peer, selfId, group, bucketCount, desk, nowMicros } = this.#options;
    if (this.#state !== 'pulling') this.#state = 'comparing';
    const asked = peer.ask({
      path: replicaPaths.digests,
      body: encodeDigestQuestion({ askerId: selfId, buckets: buckets?.bits }),
      bytesMax: digestAnswerBytes(bucketCount),
      msMax: ANSWER_MS_MAX,
    });
    const [own, bytes] = await Promise.all([desk.node({ group, buckets }), asked]);
    if (typeof bytes === 'string') return bytes;
    const answer = decodeDigestAnswer(bytes, bucketCount);
    if (answer === undefined) return 'answers what are no digests';
    if (own === undefined) return 'this node builds its digests';
    this.known = told(this.known, answer.heldHere);
    const now = nowMicros();
    const clocks = { here: now, there: answer.nowMicros };
    if (clocks.here - clocks.there > this.#clocks.here - this.#clocks.there) this.#clocks = clocks;
    const found = differing(own, answer.digests, buckets);
    this.bucketsCompared += buckets?.size ?? bucketCount;
    this.#error = undefined;
    this.#differing = found.size;
    this.#comparedAt = now;
    return found;
  }

  #pull(buckets: Buckets, before: Version): Promise<boolean> {
    const onPulled = (records: number, bytes: number): void => {
      this.recordsPulled += records;
      this.bytesPulled += bytes;
    };
    return pull(buckets.bits, before, { ...this.#options, onPulled });
  }
}

/** A peer that says nothing, as one that stands still, has been waited for: that is no work, after which a pass would have to rest. */
function isAnswer(found: Buckets | string): boolean {
  return typeof found !== 'string';
}

/** How long a pass has worked. */
class OnePass {
  workMs = 0;

  /** `counts`: whether that was work, by what came of it. */
  async measure<Result>(
    work: () => Promise<Result>,
    counts: (result: Result) => boolean = () => true,
  ): Promise<Result> {
    const started = performance.now();
    const result = await work();
    if (counts(result)) this.workMs += performance.now() - started;
    return result;
  }
}

function timeOf(micros: Version): string | null {
  return micros <= 0 ? null : new Date(micros / 1000).toISOString();
}
