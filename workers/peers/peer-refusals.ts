/**
 * What came from peers and was not taken: counted by kind, and told in the log, of each kind at most once in a while, since
 * a peer that is wrong is wrong often.
 */
import type { Labels, MetricFamily } from '../../src/metrics/metrics.ts';

/** An entry of a frame; a whole frame; a request to the replica port; a link's bytes; replies to a frame of ours. */
export const refusalKinds = ['entry', 'frame', 'request', 'link', 'reply'] as const;
export type RefusalKind = (typeof refusalKinds)[number];

/** Takes a line for the log: what was refused, why the last one was, and how many since the line before. */
export type LogRefusals = (fields: {
  readonly what: RefusalKind;
  readonly reason: string;
  readonly count: number;
}) => void;

const LOG_PAUSE_MS = 10_000;

interface Kind {
  total: number;
  logged: number;
  loggedAt: number;
}

export class PeerRefusals {
  readonly #log: LogRefusals;
  readonly #kinds: Record<RefusalKind, Kind>;

  constructor(log: LogRefusals) {
    const none = (): Kind => ({ total: 0, logged: 0, loggedAt: Number.NEGATIVE_INFINITY });
    this.#log = log;
    this.#kinds = { entry: none(), frame: none(), request: none(), link: none(), reply: none() };
  }

  /** Notes that something was refused at `now` (`performance.now()`). */
  note(what: RefusalKind, reason: string, now = performance.now()): void {
    const kind = this.#kinds[what];
    kind.total++;
    if (now - kind.loggedAt < LOG_PAUSE_MS) return;
    this.#log({ what, reason, count: kind.total - kind.logged });
    kind.logged = kind.total;
    kind.loggedAt = now;
  }

  family(labels: Labels): MetricFamily {
    const samples = refusalKinds.map((what) => ({ labels: { ...labels, what }, value: this.#kinds[what].total }));
    return {
      type: 'counter',
      name: 'kvorum_peer_refusals_total',
      help: 'What peers sent and this node did not take',
      samples,
    };
  }
}
