/**
 * Digests of all that this node holds: each worker says what it owns, and whoever is asked adds them up. All are asked in one
 * turn and take their part as of the moment that they hear of it.
 */
import { Buffer } from 'node:buffer';
import { addDigests, Buckets, newDigests, type Digests } from '../../src/domain/digests.ts';
import { allocateFrame } from '../../src/formats/frame.ts';
import { fieldOf, numberFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import type { Version } from '../../src/formats/record.ts';
import type { AnswerSibling, Siblings } from '../ground/siblings.ts';
import type { DigestsWanted, HeldDigests } from '../store/held-digests.ts';
import { decodeSums } from '../store/stored-digests.ts';
import type { GivingWay } from './giving-way.ts';

export interface DigestDeskOptions {
  readonly held: HeldDigests;
  readonly siblings: Siblings;
  readonly index: number;
  readonly workers: number;
  readonly givingWay: GivingWay;
  /** Another worker has stored a repair of this version. */
  readonly onLate: (version: Version) => void;
}

/** Digests that are added up at a time; each keeps a snapshot of the store, and what the memtable holds. */
const AT_ONCE_MAX = 16;

export class DigestDesk {
  readonly #options: DigestDeskOptions;
  #underWay = 0;

  constructor(options: DigestDeskOptions) {
    this.#options = options;
  }

  /** Whether what is asked now is refused. */
  get isBusy(): boolean {
    return this.#underWay >= AT_ONCE_MAX;
  }

  /** The node's digests as of now; undefined where some are being built, or a worker is gone. */
  async node(wanted: DigestsWanted): Promise<Digests | undefined> {
    const { siblings, index, workers, held } = this.#options;
    const others = Array.from({ length: workers }, (_, worker) => worker).filter((worker) => worker !== index);
    const asked = others.map(
      (worker) =>
        new Promise<Digests | undefined>((resolve) => {
          siblings.ask(worker, 'repair', encodeWanted(wanted), (bytes) =>
            resolve(
              bytes === undefined || bytes.length === 0 ? undefined : decodeSums(bytes, newDigests(held.buckets)),
            ),
          );
        }),
    );
    const total = await this.own(wanted);
    for (const more of await Promise.all(asked)) {
      if (more === undefined || total === undefined) return undefined;
      addDigests(total, more);
    }
    return total;
  }

  /** Those of what this worker owns. */
  async own(wanted: DigestsWanted): Promise<Digests | undefined> {
    if (this.isBusy) return undefined;
    this.#underWay++;
    try {
      return await this.#options.givingWay.run(this.#options.held.asOfNow(wanted));
    } finally {
      this.#underWay--;
    }
  }

  /** Tells the first worker that a repair of this version was stored here. */
  tellLate(version: Version): void {
    const { siblings, index, onLate } = this.#options;
    if (index === 0) onLate(version);
    else siblings.ask(0, 'repair', owned(JSON.stringify({ late: version })), () => {});
  }

  /** Answers a sibling's question `repair`. */
  readonly answer: AnswerSibling = (bytes, answer) => {
    const question = parseJson(bytes.toString());
    const late = numberFieldOf(question, 'late');
    if (late !== undefined) {
      this.#options.onLate(late);
      return answer(allocateFrame(0));
    }
    const wanted = decodeWanted(question, this.#options.held.buckets);
    this.own(wanted).then(
      (digests) => answer(digests === undefined ? allocateFrame(0) : encodeDigests(digests)),
      () => answer(allocateFrame(0)),
    );
    return undefined;
  };
}

function encodeWanted({ group, buckets }: DigestsWanted): Buffer {
  const bits = buckets === undefined ? null : Buffer.from(buckets.bits).toString('base64');
  return owned(JSON.stringify({ group, buckets: bits }));
}

function decodeWanted(question: unknown, bucketCount: number): DigestsWanted {
  const bits = textFieldOf(question, 'buckets');
  const buckets = bits === undefined ? undefined : new Buckets(bucketCount, Buffer.from(bits, 'base64'));
  return { group: Number(fieldOf(question, 'group')), buckets };
}

/** Text alone in its memory, so that it can be transferred. */
function owned(text: string): Buffer {
  const bytes = allocateFrame(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

function encodeDigests(digests: Digests): Buffer {
  const bytes = allocateFrame(digests.byteLength);
  for (let at = 0; at < digests.length; at++) bytes.writeUInt32LE(digests[at] as number, 4 * at);
  return bytes;
}
