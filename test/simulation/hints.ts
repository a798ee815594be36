/**
 * The hints of a simulated node: what it keeps for others on its disk, and brings to them while they are connected, sooner or
 * later, once or twice. What is kept, and what an answer means, are the real rules.
 */
import { Buffer } from 'node:buffer';
import { judgeDelivery } from '../../src/domain/hints.ts';
import { allocateFrame, ENTRY_HEADER_BYTES, keyOf, recordOf, writeHint, type Entry } from '../../src/formats/frame.ts';
import type { SimHint } from './disk.ts';
import type { SimPeer } from './network.ts';
import type { LifeView } from './parts.ts';

/** Between a miss, or a meeting, and the delivery, milliseconds; no random number, so that histories without hints stay as they are. */
const SOON_MS = 7;
/** After a delivery that was lost or not taken. */
const AGAIN_MS = 90;

export class SimHints {
  readonly #life: LifeView;
  /** Outlives the process. */
  readonly #kept: Map<string, SimHint>;
  readonly #peers: readonly (SimPeer | undefined)[];

  constructor(life: LifeView, kept: Map<string, SimHint>, peers: readonly (SimPeer | undefined)[]) {
    this.#life = life;
    this.#kept = kept;
    this.#peers = peers;
  }

  keep(write: Entry, nodes: readonly number[], isHere: boolean): void {
    if (!this.#life.world.plan.keepsHints) return;
    const key = keyOf(write).toString('latin1');
    const record = isHere ? undefined : Buffer.from(recordOf(write));
    for (const node of nodes) {
      if (node === this.#life.index) continue;
      this.#kept.set(`${node} ${key}`, { node, key, record });
      this.deliverSoon(node);
    }
  }

  deliverSoon(node: number, ms = SOON_MS): void {
    this.#life.after(ms, () => {
      for (const [name, hint] of this.#kept) if (hint.node === node) this.#deliver(name, hint);
    });
  }

  #deliver(name: string, hint: SimHint): void {
    const { node, key, record = this.#life.store.records.get(key) } = hint;
    const letGo = (): void => {
      // What was missed meanwhile is another one.
      if (this.#kept.get(name) === hint) this.#kept.delete(name);
    };
    if (record === undefined) return letGo();
    if (!this.#life.isConnected(node)) return undefined;
    const bytes = allocateFrame(ENTRY_HEADER_BYTES + key.length + record.length);
    writeHint(bytes, 0, Buffer.from(key, 'latin1'), record);
    this.#peers[node]?.submit({
      bytes,
      count: 1,
      onReplies: (replies, at) => {
        const codes = replies.slice(at, at + 1).map(({ code }) => code);
        if (judgeDelivery(codes, 0).do === 'advance') letGo();
        else this.deliverSoon(node, AGAIN_MS);
      },
      onFailed: () => this.deliverSoon(node, AGAIN_MS),
    });
    return this.#peers[node]?.flush();
  }
}
