/** A range of a peer's, and what it waits for as a promise. */
import { encodeBounds, type RangeBounds } from '../../src/formats/range-bounds.ts';
import type { PeerClient } from '../peers/peer-client.ts';
import { PeerRange } from './peer-range.ts';

export class PeerRangeStream {
  readonly range: PeerRange;
  #onChange: () => void = () => {};

  constructor(peer: Pick<PeerClient, 'stream'>, url: string, bounds: RangeBounds, timeoutMs: number) {
    const body = encodeBounds(bounds);
    const takesDamaged = bounds.tellsDamaged === true;
    const open = (handler: Parameters<PeerClient['stream']>[1]): ReturnType<PeerClient['stream']> =>
      peer.stream(body, handler);
    this.range = new PeerRange({ open, url, timeoutMs, takesDamaged, onChange: () => this.#onChange() });
  }

  readonly change = (): Promise<void> => new Promise((resolve) => (this.#onChange = resolve));
}
