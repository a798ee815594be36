/** The ways in which a node can work: the words that settings choose among. */

/** How replicas are asked: one after another, all at once, or all at once in batches of one event-loop turn. */
export const modes = ['sync', 'async', 'batched'] as const;
export type Mode = (typeof modes)[number];

/** When a write counts as acknowledged: after fdatasync, or after the commit into the operating system's memory. */
export const durabilities = ['fsync', 'commit'] as const;
export type Durability = (typeof durabilities)[number];

/**
 * Where the worker's task is called: in the threads of the Piscina pool, or inline on the main thread, which is for
 * profilers that see one isolate.
 */
export const dispatches = ['pool', 'inline'] as const;
export type Dispatch = (typeof dispatches)[number];

/**
 * What becomes of replicas that a read finds to hold less than others: the newest record is written to them before the read is
 * answered, so that no later one goes back in time; or after it; or not at all.
 */
export const readRepairs = ['blocking', 'background', 'off'] as const;
export type ReadRepair = (typeof readRepairs)[number];

/** What operations promise: an acknowledged write is seen by quorum reads; `strict`: linearizable for each key. */
export const consistencies = ['quorum', 'strict'] as const;
export type Consistency = (typeof consistencies)[number];

/** How operation frames reach a peer: over one link that both ends write to, or in an HTTP request each. */
export const peerProtocols = ['link', 'http'] as const;
export type PeerProtocol = (typeof peerProtocols)[number];
