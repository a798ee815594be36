import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  neverReached,
  next,
  probePauseMsMax,
  probePauseMsMin,
  statusOf,
  type PeerAction,
  type PeerEvent,
  type PeerState,
} from '../../../workers/peers/peer-state.ts';

type State = PeerState<string>;
type Event = PeerEvent<string>;

const connecting = (isRunning: boolean, pauseMs = probePauseMsMin): State => {
  return { kind: 'connecting', probing: { isRunning, pauseMs } };
};
const down = (why: string, isRunning: boolean, pauseMs = probePauseMsMin): State => {
  return { kind: 'down', why, probing: { isRunning, pauseMs } };
};
const up: State = { kind: 'up', connection: 'this' };
const closed: State = { kind: 'closed' };
const failed = (connection: string): Event => ({ kind: 'failed', connection, error: new Error('reset') });
const unreachable: Event = { kind: 'unreachable', why: 'refused' };
const reached: Event = { kind: 'reached', connection: 'this' };

/** An action in a word or two: with its pause, or with whom it ends and why. */
function told(action: PeerAction<string>): string {
  if (action.kind === 'probe-later') return `probe-later ${action.pauseMs}`;
  return action.kind === 'end' ? `end ${action.connection}: ${action.error.message}` : action.kind;
}

const table: readonly (readonly [promise: string, before: State, event: Event, after: State, actions: string[]])[] = [
  ['a peer is looked for when somebody wants it', neverReached, { kind: 'wake' }, connecting(true), ['probe-now']],
  ['one probe at a time', connecting(true), { kind: 'wake' }, connecting(true), []],
  ['what waited is sent to a peer that was reached', connecting(true), reached, up, ['send-waiting']],
  [
    'a peer that cannot be reached is down, and probed again',
    connecting(true),
    unreachable,
    down('refused', false, 200),
    ['fail-waiting', 'probe-later 100'],
  ],
  ['a pause leads to a probe', down('x', false, 400), { kind: 'pause-over' }, down('x', true, 400), ['probe-now']],
  [
    'pauses grow with every failure',
    down('x', true, 400),
    unreachable,
    down('refused', false, 800),
    ['fail-waiting', 'probe-later 400'],
  ],
  [
    'and no further than their bound',
    down('x', true, probePauseMsMax),
    unreachable,
    down('refused', false, probePauseMsMax),
    ['fail-waiting', `probe-later ${probePauseMsMax}`],
  ],
  ['who wants a peer waits for no pause', down('x', false, 800), { kind: 'wake' }, down('x', true), ['probe-now']],
  ['nor begins a second probe, but pauses start afresh', down('x', true, 800), { kind: 'wake' }, down('x', true), []],
  ['a peer that was down is up when it is reached', down('x', true, 800), reached, up, ['send-waiting']],
  [
    'a failure of the connection means down, and a probe at once',
    up,
    failed('this'),
    down('reset', false),
    ['end this: reset', 'fail-waiting', 'probe-later 0'],
  ],
  ['a failure of an earlier connection means nothing', up, failed('earlier'), up, []],
  ['nor does one of a connection that was given up', down('x', false), failed('this'), down('x', false), []],
  [
    'silence means down, and the other workers are told',
    up,
    { kind: 'silent', timeoutMs: 70 },
    down('no reply within 70 ms', false),
    ['end this: no reply within 70 ms', 'fail-waiting', 'probe-later 0', 'tell-of-silence'],
  ],
  [
    'silence of a peer that is down is told to nobody',
    down('x', true),
    { kind: 'silent', timeoutMs: 70 },
    down('x', true),
    [],
  ],
  [
    'the doubt of another worker means down, and is not passed on',
    up,
    { kind: 'doubted' },
    down('no reply to another worker of this node', false),
    ['end this: no reply to another worker of this node', 'fail-waiting', 'probe-later 0'],
  ],
  ['a doubt changes nothing before the peer was reached', connecting(true), { kind: 'doubted' }, connecting(true), []],
  [
    'a connection to a former life of the peer is given up',
    up,
    { kind: 'restarted', connection: 'this' },
    down('the peer has restarted', false),
    ['end this: the peer has restarted', 'fail-waiting', 'probe-later 0'],
  ],
  ['but not the one to its new life', up, { kind: 'restarted', connection: 'earlier' }, up, []],
  [
    'a second connection is ended',
    up,
    { kind: 'reached', connection: 'second' },
    up,
    ['end second: nobody needs this connection'],
  ],
  ['a stop ends the connection', up, { kind: 'close' }, closed, ['end this: the node stops', 'fail-waiting']],
  ['a stop fails what waits', connecting(true), { kind: 'close' }, closed, ['fail-waiting']],
  ['nothing is probed after a stop', closed, { kind: 'wake' }, closed, []],
  [
    'a connection that comes after a stop is ended',
    closed,
    reached,
    closed,
    ['end this: nobody needs this connection'],
  ],
  ['a probe that fails after a stop is not repeated', closed, unreachable, closed, []],
];

for (const [promise, before, event, after, actions] of table) {
  test(`next() ${promise}: ${event.kind} in state ${before.kind}`, () => {
    const step = next(before, event);
    assert.deepEqual(step.state, after);
    assert.deepEqual(step.actions.map(told), actions);
  });
}

test('statusOf() says why a peer is down', () => {
  assert.deepEqual(statusOf(neverReached), { state: 'connecting', error: undefined });
  assert.deepEqual(statusOf(up), { state: 'up', error: undefined });
  assert.deepEqual(statusOf(down('another --cluster list', true)), { state: 'down', error: 'another --cluster list' });
  assert.deepEqual(statusOf(closed), { state: 'down', error: 'this node stops' });
});
