/** Other stores that get the same load, so that a reader can repeat a comparison: which they are and how they are asked. */

/** How requests are put: etcd's HTTP gateway of API v3, or Redis's own protocol. Absent: Kvorum's HTTP. */
export type PeerProtocol =
  | { readonly kind: 'etcd' }
  /** A SET is acknowledged once so many replicas have it (`WAIT`); 0: by the primary alone. */
  | { readonly kind: 'redis'; readonly waitReplicas: number };

export interface Peer {
  readonly protocol: PeerProtocol;
  /** `http://host:port` of the member or server that gets the load. */
  readonly url: string;
}

/** A WAIT that has not enough replicas by then is answered, and counts as 504. */
export const waitMsMax = 1000;
