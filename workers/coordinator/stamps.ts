/**
 * Stamps for second rounds. They are given by the node's one clock, in the main thread, as all its stamps are: two workers, or a
 * worker and the main thread, would give one twice. A round trip between the threads costs far less than the round that
 * follows it.
 */
import { runInSteps } from '../../src/domain/steps.ts';
import { recordOf, stampAgain, type Entry } from '../../src/formats/frame.ts';
import { isLargeRecord, type Stamp, type Version } from '../../src/formats/record.ts';
import type { StampWish } from '../../src/protocol/workers.ts';

type Give = (version: Version | undefined) => void;

export class Stamps {
  readonly #wish: (wish: StampWish) => void;
  readonly #waiting = new Map<number, Give>();
  #asked = 0;

  /** `wish` asks the main thread, whose answer is to be given to `take`. */
  constructor(wish: (wish: StampWish) => void) {
    this.#wish = wish;
  }

  /** Gives a stamp above a version, later; undefined where there is none now. */
  above(version: Version, give: Give): void {
    const id = ++this.#asked;
    this.#waiting.set(id, give);
    this.#wish({ kind: 'stamp-above', id, above: version });
  }

  take(id: number, version: Version | undefined): void {
    const give = this.#waiting.get(id);
    this.#waiting.delete(id);
    give?.(version);
  }
}

/** Gives a write's entry with another stamp to `give`: at once, but for a large value, which is sealed in steps. */
export function sealAgain(
  entry: Entry,
  stamp: Omit<Stamp, 'kind'>,
  pause: () => Promise<unknown>,
  give: (entry: Entry) => void,
): void {
  const sealing = stampAgain(entry, stamp);
  if (isLargeRecord(recordOf(entry).length)) {
    runInSteps(sealing, pause).then(give, () => undefined);
    return;
  }
  let step = sealing.next();
  while (step.done !== true) step = sealing.next();
  give(step.value);
}
