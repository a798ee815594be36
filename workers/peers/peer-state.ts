/**
 * What a worker knows of one peer, as one value, and what each event does to it. Pure: `peer-client.ts` does what `next`
 * returns.
 *
 *   ┌────────────┐  unreachable   ┌──────┐ ──┐
 *   │ connecting │ ─────────────► │ down │   │ unreachable
 *   └────────────┘                └──────┘ ◄─┘
 *          │                       │    ▲
 *          │ reached       reached │    │ failed, silent, doubted, restarted
 *          ▼                       ▼    │
 *   ┌──────────────────────────────────────┐
 *   │                  up                  │         from each of them: close ──► closed, for good
 *   └──────────────────────────────────────┘
 *
 * While a peer is `connecting` (never reached yet) its operations wait; while it is `down` they fail at once. In both,
 * one probe at a time looks for it, and each failure doubles the pause before the next. Probing a peer that was never
 * asked for begins with the first `wake`.
 */
import type { PeerStatus } from '../../src/protocol/workers.ts';

export type PeerState<Connection> =
  | { readonly kind: 'connecting'; readonly probing: Probing }
  | { readonly kind: 'up'; readonly connection: Connection }
  | { readonly kind: 'down'; readonly why: string; readonly probing: Probing }
  | { readonly kind: 'closed' };

export interface Probing {
  /** A probe is under way. */
  readonly isRunning: boolean;
  /** How long to wait after the next one that fails, milliseconds. */
  readonly pauseMs: number;
}

export type PeerEvent<Connection> =
  /** Somebody wants the peer looked for now. */
  | { readonly kind: 'wake' }
  /** The pause before the next probe is over. */
  | { readonly kind: 'pause-over' }
  /** The probe found the peer, and connected to it. */
  | { readonly kind: 'reached'; readonly connection: Connection }
  /** The probe did not find it, or it refuses us. */
  | { readonly kind: 'unreachable'; readonly why: string }
  /** A request or a socket of this connection failed. */
  | { readonly kind: 'failed'; readonly connection: Connection; readonly error: Error }
  /** A request has been under way for longer than the deadline. */
  | { readonly kind: 'silent'; readonly timeoutMs: number }
  /** Another worker of this node has found the peer silent; the probe tells whether it hangs. */
  | { readonly kind: 'doubted' }
  /** The peer's process is not the one that this connection leads to. */
  | { readonly kind: 'restarted'; readonly connection: Connection }
  /** The node stops. */
  | { readonly kind: 'close' };

export type PeerAction<Connection> =
  | { readonly kind: 'send-waiting' }
  | { readonly kind: 'fail-waiting' }
  | { readonly kind: 'probe-now' }
  /** After about this long; 0: when what is being done now is done. */
  | { readonly kind: 'probe-later'; readonly pauseMs: number }
  /** Ends the connection, and every request on it with this error. */
  | { readonly kind: 'end'; readonly connection: Connection; readonly error: Error }
  /** Has this node's other workers doubt the peer: they need not each wait for it. */
  | { readonly kind: 'tell-of-silence' };

/** The state after an event, and what to do about it, in order. */
export interface Step<Connection> {
  readonly state: PeerState<Connection>;
  readonly actions: readonly PeerAction<Connection>[];
}

export const probePauseMsMin = 100;
export const probePauseMsMax = 1000;

/** Before anybody has asked for the peer. */
export const neverReached = {
  kind: 'connecting',
  probing: { isRunning: false, pauseMs: probePauseMsMin },
} as const satisfies PeerState<unknown>;

export function next<Connection>(state: PeerState<Connection>, event: PeerEvent<Connection>): Step<Connection> {
  switch (event.kind) {
    case 'wake':
      return probe(state, probePauseMsMin);
    case 'pause-over':
      return probe(state, undefined);
    case 'reached':
      return reach(state, event.connection);
    case 'unreachable':
      return stayDown(state, event.why);
    case 'failed':
      return lose(state, event.connection, event.error);
    case 'silent':
      return loseSilent(state, event.timeoutMs);
    case 'doubted':
      return lose(state, undefined, new Error('no reply to another worker of this node'));
    case 'restarted':
      return lose(state, event.connection, new Error('the peer has restarted'));
    case 'close':
      return stop(state);
    default:
      return event satisfies never;
  }
}

/** The state as `/v0/status` shows it. */
export function statusOf(state: PeerState<unknown>): Pick<PeerStatus, 'state' | 'error'> {
  if (state.kind === 'closed') return { state: 'down', error: 'this node stops' };
  return { state: state.kind, error: state.kind === 'down' ? state.why : undefined };
}

/** One at a time: who asks while a probe is under way gets its result. */
function probe<Connection>(state: PeerState<Connection>, pauseMs: number | undefined): Step<Connection> {
  if (state.kind === 'up' || state.kind === 'closed') return unchanged(state);
  const { isRunning } = state.probing;
  const probing = { isRunning: true, pauseMs: pauseMs ?? state.probing.pauseMs };
  return { state: { ...state, probing }, actions: isRunning ? [] : [{ kind: 'probe-now' }] };
}

function reach<Connection>(state: PeerState<Connection>, connection: Connection): Step<Connection> {
  if (state.kind === 'up' || state.kind === 'closed') {
    return { state, actions: [{ kind: 'end', connection, error: new Error('nobody needs this connection') }] };
  }
  return { state: { kind: 'up', connection }, actions: [{ kind: 'send-waiting' }] };
}

function stayDown<Connection>(state: PeerState<Connection>, why: string): Step<Connection> {
  if (state.kind === 'up' || state.kind === 'closed') return unchanged(state);
  const { pauseMs } = state.probing;
  const probing = { isRunning: false, pauseMs: Math.min(pauseMs * 2, probePauseMsMax) };
  return {
    state: { kind: 'down', why, probing },
    actions: [{ kind: 'fail-waiting' }, { kind: 'probe-later', pauseMs }],
  };
}

/** The peer is down at once; only this connection counts, where one is given: an earlier one says nothing of the peer now. */
function lose<Connection>(
  state: PeerState<Connection>,
  connection: Connection | undefined,
  error: Error,
): Step<Connection> {
  if (state.kind !== 'up' || (connection !== undefined && connection !== state.connection)) return unchanged(state);
  return {
    state: { kind: 'down', why: error.message, probing: { isRunning: false, pauseMs: probePauseMsMin } },
    actions: [
      { kind: 'end', connection: state.connection, error },
      { kind: 'fail-waiting' },
      { kind: 'probe-later', pauseMs: 0 },
    ],
  };
}

function loseSilent<Connection>(state: PeerState<Connection>, timeoutMs: number): Step<Connection> {
  const { state: after, actions } = lose(state, undefined, new Error(`no reply within ${timeoutMs} ms`));
  return { state: after, actions: after === state ? [] : [...actions, { kind: 'tell-of-silence' }] };
}

function stop<Connection>(state: PeerState<Connection>): Step<Connection> {
  const actions: PeerAction<Connection>[] = [{ kind: 'fail-waiting' }];
  if (state.kind === 'up') {
    actions.unshift({ kind: 'end', connection: state.connection, error: new Error('the node stops') });
  }
  return { state: { kind: 'closed' }, actions };
}

function unchanged<Connection>(state: PeerState<Connection>): Step<Connection> {
  return { state, actions: [] };
}
