/** What `/v0/inspect` tells of a key, as rows for people. A node that knows no such path says so. Pure. */
import { fieldOf, listFieldOf, numberFieldOf, textFieldOf } from '../formats/foreign-json.ts';
import type { Tone } from './health.ts';

export interface ReplicaRow {
  readonly url: string;
  readonly tone: Tone;
  /** What it holds, in a word or two. */
  readonly word: string;
  readonly version: string | undefined;
  readonly time: string | undefined;
  readonly bytes: number | undefined;
  readonly expires: string | undefined;
  /** Why it does not say, or does not vote. */
  readonly why: string;
}

export interface KeyFound {
  readonly rows: readonly ReplicaRow[];
  /** What they amount to, in one sentence. */
  readonly verdict: { readonly tone: Tone; readonly word: string };
}

/** The answer, or why there is none. */
export function readInspection(status: number, json: unknown): KeyFound | string {
  const code = textFieldOf(json, 'code');
  if (code === 'unknown-path') return 'This node’s version does not tell where a key lives';
  if (status !== 200) return textFieldOf(json, 'detail') ?? `The node answers ${status}`;
  const rows = listFieldOf(json, 'replicas').map(readRow);
  return { rows, verdict: verdictOf(rows) };
}

function readRow(replica: unknown): ReplicaRow {
  const holds = textFieldOf(replica, 'holds') ?? 'unknown';
  const lacks = fieldOf(replica, 'lacksNewest') === true;
  const isVote = fieldOf(replica, 'isVote') !== false;
  const version = numberFieldOf(replica, 'version') ?? textFieldOf(replica, 'version');
  const why = [textFieldOf(replica, 'detail') ?? textFieldOf(replica, 'reason'), isVote ? undefined : 'no vote'];
  return {
    url: textFieldOf(replica, 'url') ?? '?',
    ...stateOf(holds, lacks),
    version: version === undefined ? undefined : String(version),
    time: textFieldOf(replica, 'time'),
    bytes: numberFieldOf(replica, 'bytes'),
    expires: expiryOf(replica),
    why: why.filter((text) => text !== undefined).join('; '),
  };
}

function expiryOf(replica: unknown): string | undefined {
  const at = textFieldOf(replica, 'expires');
  return at === undefined ? undefined : `${fieldOf(replica, 'isExpired') === true ? 'expired' : 'expires'} ${at}`;
}

function stateOf(holds: string, lacks: boolean): { readonly tone: Tone; readonly word: string } {
  if (holds === 'unknown') return { tone: 'unknown', word: 'does not say' };
  if (holds === 'damaged') return { tone: 'bad', word: 'damaged' };
  if (lacks) return { tone: 'warn', word: holds === 'nothing' ? 'lacks it' : `older ${holds}` };
  return { tone: 'good', word: holds };
}

function verdictOf(rows: readonly ReplicaRow[]): KeyFound['verdict'] {
  const agreeing = rows.filter(({ tone }) => tone === 'good').length;
  if (agreeing === rows.length) return { tone: 'good', word: `all ${rows.length} replicas agree` };
  const tone = rows.some((row) => row.tone === 'bad') ? 'bad' : 'warn';
  return { tone, word: `${agreeing} of ${rows.length} replicas have the newest` };
}
