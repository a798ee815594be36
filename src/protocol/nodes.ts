/** What nodes tell each other, besides frames: who they are, and the paths of the replica port. */

/** `GET /v0/node`: how peers find each other's replica ports, and see whether they fit together. */
export interface NodeDescription {
  readonly id: number;
  readonly url: string;
  readonly version: string;
  readonly protocol: number;
  readonly topology: string;
  /** By index of the worker. */
  readonly replicaPorts: readonly number[];
}

/** Version of the bytes between nodes; nodes of different protocols refuse each other. */
export const replicaProtocol = 4;

/**
 * Paths of the replica port: the one that takes an operation frame, the one that is upgraded to a link, the one by which a
 * starting peer asks to be probed, and the one that streams a range of the node's own records.
 */
export const replicaPaths = { operations: '/operations', link: '/link', hello: '/hello', range: '/range' } as const;
/** What `replicaPaths.link` is upgraded to (link-message.ts). */
export const linkProtocol = 'kvorum-link';
