/**
 * Since when this coordinator knows which replicas' records are damaged. A replica takes a repair in the place of a damaged record
 * only from a read that began after that was known (`entryFlags.vouched`): the votes of an earlier one may be older than what
 * the replica acknowledged before the damage.
 *
 * Bounded: what is forgotten is found again by the next read, and repaired by the one after it.
 */
import type { Buffer } from 'node:buffer';

const KEYS_MAX = 10_000;

export class DamagedKeys {
  /** By node and key: milliseconds of the coordinator's time. */
  readonly #since = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#since.size === 0;
  }

  /** A replica has said, at `now`, whether its record is damaged. */
  note(node: number, key: Buffer, isDamaged: boolean, now: number): void {
    const name = nameOf(node, key);
    if (!isDamaged) this.#since.delete(name);
    else if (!this.#since.has(name)) this.#add(name, now);
  }

  /** Whether the damage was known when something began. */
  wasKnown(node: number, key: Buffer, beganAt: number): boolean {
    const since = this.#since.get(nameOf(node, key));
    return since !== undefined && since <= beganAt;
  }

  #add(name: string, now: number): void {
    const [oldest] = this.#since.keys();
    if (this.#since.size >= KEYS_MAX && oldest !== undefined) this.#since.delete(oldest);
    this.#since.set(name, now);
  }
}

function nameOf(node: number, key: Buffer): string {
  return `${node}:${key.toString('latin1')}`;
}
