/** Whether a node holds the same as its peers: when they were last found so, and what one of them still lacks. */
import { fieldOf, listFieldOf, numberFieldOf } from '../formats/foreign-json.ts';
import { textField, type StatusJson, type StatusSection } from './status-section.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** What a peer's state means; nothing is said of the others. */
const news: Readonly<Record<string, (peer: string) => string>> = {
  pulling: (peer) => `pulls what it lacks from ${peer}`,
  differing: (peer) => `has what ${peer} lacks`,
};

export const convergenceSection: StatusSection = {
  members: ['repair'],
  columns: [{ head: 'IDENTICAL', cell: (status) => identicalCell(status, Date.now()) }],
  notices: (status) => [
    ...peersOf(status).flatMap((peer) => {
      const say = news[textField(peer, 'state') ?? ''];
      return say === undefined ? [] : [say(textField(peer, 'url') ?? 'a peer')];
    }),
    ...surplusNotices(fieldOf(fieldOf(status, 'repair'), 'surplus')),
  ],
};

/** What it says while the node has copies that a former list needed. */
function surplusNotices(surplus: unknown): string[] {
  const state = textField(surplus, 'state') ?? 'none';
  if (state === 'none') return [];
  const [left, removed] = [numberFieldOf(surplus, 'left') ?? 0, numberFieldOf(surplus, 'removed') ?? 0];
  const doing = state === 'removing' ? 'removes' : 'is to remove';
  return [`${doing} copies that the former list needed: ${removed} have gone, ${left} were left the last time`];
}

/** How long ago the node was last found identical to the peer of which that is longest ago; `-` without peers. */
export function identicalCell(status: StatusJson, nowMs: number): string {
  const peers = peersOf(status);
  if (peers.length === 0) return '-';
  const times = peers.map((peer) => Date.parse(textField(peer, 'identicalAt') ?? ''));
  const oldest = Math.min(...times);
  return Number.isNaN(oldest) ? 'not yet' : `${ago(Math.max(0, nowMs - oldest))} ago`;
}

function peersOf(status: StatusJson): readonly unknown[] {
  return listFieldOf(fieldOf(status, 'repair'), 'peers');
}

function ago(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.round(ms / SECOND_MS)}s`;
  return ms < HOUR_MS ? `${Math.round(ms / MINUTE_MS)}m` : `${Math.round(ms / HOUR_MS)}h`;
}
