/** How a node is, and how the cluster is, in a word and its reasons, out of what the nodes say of themselves and each other. Pure. */
import type { NodeStatus } from './seen.ts';

/** `unknown`: nobody has been asked yet. */
export type Tone = 'good' | 'warn' | 'bad' | 'unknown';

export interface Health {
  readonly tone: Tone;
  readonly word: string;
  readonly reasons: readonly string[];
}

/** A node as the page has it. */
export interface NodeSeen {
  readonly url: string;
  /** What it said last; it may be silent since. */
  readonly status: NodeStatus | undefined;
  /** Why its last answer is none. */
  readonly silence: string | undefined;
  /** Whether that was before the page's node went silent, so that nobody could be asked since. */
  readonly isStale: boolean;
}

/** What is said of a state that is not `ready`. */
const tones: Readonly<Record<string, Tone>> = {
  starting: 'warn',
  draining: 'warn',
  recovering: 'warn',
  'clock-skew': 'bad',
  refused: 'bad',
};

const words: Readonly<Record<string, string>> = { draining: 'stopping', 'clock-skew': 'clock is wrong' };

export function healthOf(node: NodeSeen, all: readonly NodeSeen[]): Health {
  const { status, silence, isStale } = node;
  if (isStale) return { tone: 'unknown', word: 'not known', reasons: [`it was ${status?.state ?? 'not asked yet'}`] };
  if (silence !== undefined) return silent(silence, views(node, all));
  if (status === undefined) return { tone: 'unknown', word: 'not asked yet', reasons: [] };
  const { state, reasons } = status;
  if (state !== 'ready') return { tone: tones[state] ?? 'warn', word: words[state] ?? state, reasons };
  const doubt = status.clock.verdict === 'doubtful' ? ['its clock differs from the others'] : [];
  const lost = views(node, all).flatMap(({ by, state: seen, error }) =>
    seen === 'up' ? [] : [`${by} does not reach it${error === undefined ? '' : `: ${error}`}`],
  );
  const reasonsNow = [...reasons, ...doubt, ...lost];
  return { tone: reasonsNow.length === 0 ? 'good' : 'warn', word: 'ready', reasons: reasonsNow };
}

/** The cluster in one sentence, and what follows for quorums where a node says so. */
export function clusterHealth(nodes: readonly NodeSeen[]): Health {
  const healths = nodes.map((node) => healthOf(node, nodes));
  const ready = healths.filter(({ word }) => word === 'ready').length;
  const notes = new Set(
    nodes.flatMap(({ status, silence }) => (silence === undefined ? (status?.quorumNotes ?? []) : [])),
  );
  if (healths.every(({ tone }) => tone === 'unknown')) return { tone: 'unknown', word: 'Asking the node', reasons: [] };
  const word = ready === nodes.length ? allReady(nodes.length) : `${ready} of ${nodes.length} nodes ready`;
  return { tone: worst(healths), word, reasons: [...notes] };
}

function allReady(count: number): string {
  return count === 1 ? 'The node is ready' : `All ${count} nodes ready`;
}

/** A node that does not answer the page may still answer the others. */
function silent(why: string, seen: readonly View[]): Health {
  const up = seen.filter(({ state }) => state === 'up').map(({ by }) => by);
  if (up.length === 0) return { tone: 'bad', word: 'down', reasons: [why] };
  return {
    tone: 'warn',
    word: 'no answer',
    reasons: [why, `${up.join(', ')} ${up.length === 1 ? 'has' : 'have'} it up`],
  };
}

interface View {
  readonly by: string;
  readonly state: string;
  readonly error: string | undefined;
}

/** How the nodes that answer have this one. */
function views({ url }: NodeSeen, all: readonly NodeSeen[]): View[] {
  return all.flatMap(({ url: by, status, silence, isStale }) => {
    const peer = status?.nodes.find((one) => one.url === url);
    if (by === url || silence !== undefined || isStale || peer === undefined) return [];
    return [{ by, state: peer.state, error: peer.error }];
  });
}

const order: readonly Tone[] = ['bad', 'warn', 'unknown', 'good'];

function worst(healths: readonly Health[]): Tone {
  return order.find((tone) => healths.some((health) => health.tone === tone)) ?? 'unknown';
}
