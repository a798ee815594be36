/**
 * How far a cluster is from not reaching quorums any more, by what one node sees of the others. Pure arithmetic: whoever calls
 * says how many nodes do not count.
 *
 * It is about the worst key: nodes that are lost may all be among the replicas of one.
 */

/**
 * `whole`: no node is lost. `reduced`: some are, and one more may be. `at-risk`: one more loss stops it, for some key at
 * least. `stopped`: it is out of reach for some key.
 */
export type HealthState = 'whole' | 'reduced' | 'at-risk' | 'stopped';

/** How reads or writes stand. */
export interface Health {
  readonly state: HealthState;
  /** Nodes that do not count. */
  readonly lost: number;
  /** How many more nodes may be lost; negative: so many too many are. */
  readonly margin: number;
}

/** Which quorum it is about: `acksRequired` of `replicaCount`. */
export interface DefaultQuorum {
  readonly replicaCount: number;
  readonly acksRequired: number;
}

/** The health of what needs `acksRequired` of each key's `replicaCount` replicas while `lost` nodes do not count. */
export function quorumHealth({ replicaCount, acksRequired }: DefaultQuorum, lost: number): Health {
  const margin = replicaCount - acksRequired - Math.min(lost, replicaCount);
  return { state: healthState(lost, margin), lost, margin };
}

function healthState(lost: number, margin: number): HealthState {
  if (margin < 0) return 'stopped';
  if (lost === 0) return 'whole';
  return margin === 0 ? 'at-risk' : 'reduced';
}

/** What follows from the health of `what` ("reads", "writes"), in words; undefined where nothing is lost. */
export function explainHealth(what: string, { state, lost, margin }: Health): string | undefined {
  const nodes = lost === 1 ? '1 node does not count' : `${lost} nodes do not count`;
  switch (state) {
    case 'whole':
      return undefined;
    case 'reduced':
      return `${nodes} for ${what}; ${margin} more may be lost`;
    case 'at-risk':
      return `${nodes} for ${what}; any one more loss stops ${what}`;
    case 'stopped':
      return `${nodes} for ${what}; ${what} of some keys, or of all, are stopped`;
    default:
      return state satisfies never;
  }
}
