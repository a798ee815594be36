/**
 * The removal of tombstones in a simulated node: the real rules, told by an oracle what anti-entropy could know at best, so that as
 * much is removed as ever could be. What was once known of a peer is kept until this process ends, whatever became of the peer.
 */
import { oldestHintOf, purgeBound } from '../../src/domain/purge.ts';
import { readVersion, type Version } from '../../src/formats/record.ts';
import type { LifeView, NodeView } from './parts.ts';

const PURGE_MS = 150;
/** What a write of now can be older than, beyond its timeout and the clocks, milliseconds. */
const GRACE_MS = 100;

export class SimPurge {
  readonly #life: LifeView;
  readonly #node: NodeView;
  readonly #confirmed = new Map<number, Version>();

  constructor(life: LifeView, node: NodeView) {
    [this.#life, this.#node] = [life, node];
    if (life.world.plan.purges) this.#wait();
  }

  #wait(): void {
    this.#life.after(PURGE_MS, () => {
      this.#run();
      this.#wait();
    });
  }

  #run(): void {
    const { world, index, standing, clock, store, timeoutMs } = this.#life;
    const { clockDriftMsMax } = world.plan;
    // Not where this node's clock is known to be wrong.
    if (standing.standing.kind !== 'voting' || clock.skew !== undefined) return;
    const others = world.nodes.filter((node) => node.index !== index);
    for (const other of others) this.#compare(other);
    const peers = others.map((other) => this.#confirmed.get(other.index) ?? 0);
    const oldestHint = oldestHintOf(this.#hints());
    const rule = { nowMicros: this.#node.wallMicros(), stepMs: 1, timeoutMs, clockDriftMsMax };
    store.purge(purgeBound({ peers, oldestHint }, rule));
  }

  #hints(): { readonly oldest: Version | undefined }[] {
    return [...this.#node.disk.hints.values()].map(({ key, record }) => {
      const held = record ?? this.#node.disk.records.get(key);
      return { oldest: held === undefined ? undefined : readVersion(held, 0) };
    });
  }

  /** Below which version both hold the same, safely; nothing new is known where the other does not answer or does not vote. */
  #compare(other: NodeView): void {
    const { world, index, timeoutMs } = this.#life;
    const { life } = other;
    const isThere = life?.isAlive === true && !other.isPaused && life.standing.standing.kind === 'voting';
    if (!isThere || !world.network.isOpen(index, other.index) || !world.network.isOpen(other.index, index)) return;
    const graceMs = timeoutMs + world.plan.clockDriftMsMax + GRACE_MS;
    // By the clock that is behind: a write of now is stamped by either.
    let same = Math.min(this.#node.wallMicros(), other.wallMicros()) - graceMs * 1000;
    const [own, theirs] = [this.#life.store, life.store];
    // What one has removed and the other has not yet counts for neither.
    const removedBelow = Math.max(own.purgedBelow, theirs.purgedBelow);
    for (const [one, two] of [[own, theirs] as const, [theirs, own] as const]) {
      for (const [key, record] of one.records) {
        if (!world.isOwn(index, key) || !world.isOwn(other.index, key)) continue;
        if (two.records.get(key)?.equals(record) === true || own.isRemovable(record, removedBelow)) continue;
        same = Math.min(same, readVersion(record, 0));
      }
    }
    same = Math.min(same, own.oldestUnsafe, theirs.oldestUnsafe);
    this.#confirmed.set(other.index, Math.max(0, same));
  }
}
