/** Why replicas failed, as answers tell it: in words for people, by a name for programs. */
import type { Fault, FaultKind } from '../formats/faults.ts';

/** By index in the topology. */
export type NodeUrls = readonly string[];

/** A replica that failed, as a problem's member `replicas` has it. */
export interface ReplicaFault {
  readonly url: string;
  readonly reason: FaultKind;
  readonly detail: string;
}

/** What each did, to be read behind its URL. */
const words: Readonly<Record<FaultKind, string>> = {
  unreached: 'could not be asked',
  silent: 'did not answer in time',
  refused: 'did not do it',
  damaged: 'holds a damaged record',
  recovering: 'recovers what it has lost',
  full: 'has no room',
  clock: 'refuses the time of this node',
  superseded: 'holds something newer',
  restarted: 'has ended since it answered',
  stale: 'lacks the newest version and did not take it',
};

export function describeFaults(faults: readonly Fault[], nodes: NodeUrls): ReplicaFault[] {
  return faults.map(({ node, kind, detail }) => ({
    url: nodes[node] ?? `node ${node}`,
    reason: kind,
    detail: explainFault({ kind, detail }),
  }));
}

/** What a replica did, in words. */
export function explainFault({ kind, detail }: Pick<Fault, 'kind' | 'detail'>): string {
  return detail === '' ? words[kind] : `${words[kind]} (${detail})`;
}
