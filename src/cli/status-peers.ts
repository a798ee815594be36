/** Which peers a node does not have up and why, and why its clock is wrong. */
import { fieldOf, listFieldOf } from '../formats/foreign-json.ts';
import { textField, type StatusJson, type StatusSection } from './status-section.ts';

export interface PeerView {
  readonly url: string;
  readonly state: string;
  /** Why it is not up. */
  readonly error?: string | undefined;
}

export const peersSection: StatusSection = {
  members: [],
  columns: [],
  notices: (status) => {
    const skew = textField(fieldOf(status, 'clock'), 'skew');
    const down = peersOf(status).filter((peer) => !isUp(peer));
    const lines = down.map(({ url, state, error }) => `has ${url} ${state}${error === undefined ? '' : `: ${error}`}`);
    return skew === undefined ? lines : [...lines, `says: ${skew}`];
  },
};

/** The other nodes as a node sees them. */
export function peersOf(status: StatusJson): readonly PeerView[] {
  return listFieldOf(status, 'cluster')
    .filter((entry) => fieldOf(entry, 'self') !== true)
    .flatMap((entry) => {
      const url = textField(entry, 'url');
      if (url === undefined) return [];
      return [{ url, state: textField(entry, 'state') ?? 'unknown', error: textField(entry, 'error') }];
    });
}

export function isUp({ state }: PeerView): boolean {
  return state === 'up';
}
