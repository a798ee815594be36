/** Measures the clocks of all peers that are up, by one question to each (clock-offsets.ts). */
import { offsetOf } from '../../src/domain/clock-offsets.ts';
import type { Version } from '../../src/formats/record.ts';
import type { PeerOffset } from '../../src/protocol/workers.ts';
import type { PeerClient } from './peer-client.ts';

/** A peer, as far as its clock goes. */
export type PeerWithClock = Pick<PeerClient, 'status' | 'askClock'>;

export interface PeerClocksOptions {
  /** The newest version that this node has seen, for the peers. */
  readonly newest: Version;
  /** Takes the newest version that a peer has seen. */
  readonly onNewest: (newest: Version) => void;
  /** This machine's time, microseconds, and milliseconds that only pass. */
  readonly wallMicros: () => number;
  readonly now: () => number;
}

/** Resolves to what was measured, of those peers that answered in time. */
export async function measurePeerClocks(
  peers: readonly (PeerWithClock | undefined)[],
  options: PeerClocksOptions,
): Promise<PeerOffset[]> {
  const measures = await Promise.all(peers.map((peer) => measure(peer, options)));
  return measures.flatMap((measured) => measured ?? []);
}

async function measure(
  peer: PeerWithClock | undefined,
  { newest, onNewest, wallMicros, now }: PeerClocksOptions,
): Promise<PeerOffset | undefined> {
  const askedAt = wallMicros();
  const started = now();
  const answer = await peer?.askClock(newest);
  if (peer === undefined || answer === undefined) return undefined;
  // Not by the wall clock, which may have been set meanwhile.
  const returnedAt = askedAt + Math.round((now() - started) * 1000);
  onNewest(answer.newest);
  return { url: peer.status.url, offset: offsetOf({ askedAt, returnedAt, ...answer }) };
}
