/** Why a node does not vote, and how far it has come. */
import { fieldOf, listFieldOf, numberFieldOf } from '../formats/foreign-json.ts';
import { textField, type StatusJson, type StatusSection } from './status-section.ts';

export const standingSection: StatusSection = {
  members: [],
  columns: [],
  notices: (status) => {
    const standing = standingOf(status);
    return standing === undefined ? [] : [standing];
  },
};

/** What a node that does not vote says of that; undefined of one that does. */
export function standingOf(status: StatusJson): string | undefined {
  const standing = fieldOf(status, 'standing');
  const refusal = textField(standing, 'refusal');
  if (refusal !== undefined) return `is refused: ${refusal}`;
  const state = textField(standing, 'state');
  if (state === undefined || state === 'voting') return undefined;
  if (state === 'forming') return `waits for ${listFieldOf(standing, 'awaited').join(', ')} to form a cluster`;
  const peers = listFieldOf(standing, 'peers');
  const merged = peers.filter((peer) => fieldOf(peer, 'isMerged') === true);
  const records = peers.reduce<number>((sum, peer) => sum + (numberFieldOf(peer, 'records') ?? 0), 0);
  return `recovers (${textField(standing, 'reason')}): has merged ${merged.length} of ${peers.length} nodes, read ${records} records`;
}
