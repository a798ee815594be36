/** How many losses reads and writes still bear, as a node sees it. */
import { listFieldOf } from '../formats/foreign-json.ts';
import { fieldAt, textField, type StatusJson, type StatusSection } from './status-section.ts';

/** From the best to the worst (src/domain/quorum-health.ts). */
const states: readonly string[] = ['whole', 'reduced', 'at-risk', 'stopped'];

export const quorumSection: StatusSection = {
  members: ['quorum'],
  columns: [{ head: 'QUORUM', cell: (status) => states[worst(status)] ?? '-' }],
  notices: (status) => listFieldOf(fieldAt(status, 'quorum'), 'notes').map((note) => `says: ${String(note)}`),
};

/** Whether one more loss would stop reads or writes, or they are stopped already. */
export function isQuorumAtRisk(status: StatusJson): boolean {
  return worst(status) >= states.indexOf('at-risk');
}

/** The worse of both; -1 of a node that says nothing of it. */
function worst(status: StatusJson): number {
  const found = ['reads', 'writes'].map((lane) => textField(fieldAt(status, 'quorum', lane), 'state') ?? '');
  return Math.max(...found.map((state) => states.indexOf(state)));
}
