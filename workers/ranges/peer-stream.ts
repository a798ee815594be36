/** A range of a peer's, and what it waits for as a promise. */
import type { PeerClient } from '../peers/peer-client.ts';
import { PeerRange } from './peer-range.ts';

export class PeerRangeStream {
  readonly range: PeerRange;
  #onChange: () => void = () => {};

  constructor(peer: Pick<PeerClient, 'stream'>, url: string, body: string, timeoutMs: number) {
    const open = (handler: Parameters<PeerClient['stream']>[1]): ReturnType<PeerClient['stream']> =>
      peer.stream(body, handler);
    this.range = new PeerRange({ open, url, timeoutMs, onChange: () => this.#onChange() });
  }

  readonly change = (): Promise<void> => new Promise((resolve) => (this.#onChange = resolve));
}
