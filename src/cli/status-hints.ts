/** For whom a node keeps writes that were missed. */
import { listFieldOf, numberFieldOf } from '../formats/foreign-json.ts';
import { textField, type StatusSection } from './status-section.ts';

export const hintsSection: StatusSection = {
  members: ['hints'],
  columns: [],
  notices: (status) =>
    listFieldOf(status, 'hints').map(
      (kept) => `keeps ${numberFieldOf(kept, 'count')} writes for ${textField(kept, 'target')}`,
    ),
};
