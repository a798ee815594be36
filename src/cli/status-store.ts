/** A node's store on its disk: how much it takes, its log, and what the disk has left. */
import { fieldAt, sizeCell, type StatusSection } from './status-section.ts';

export const storeSection: StatusSection = {
  members: ['store'],
  columns: [
    { head: 'STORE', cell: (status) => sizeCell(fieldAt(status, 'store', 'bytes')) },
    { head: 'LOG', cell: (status) => sizeCell(fieldAt(status, 'store', 'logBytes')) },
    { head: 'FREE', cell: (status) => sizeCell(fieldAt(status, 'store', 'freeBytes')) },
  ],
  notices: () => [],
};
