/**
 * What nodes tell each other, besides frames: who they are, and the replica port. There each connection begins with a
 * handshake in which both ends prove the cluster secret (peer-handshake.ts), and then speaks HTTP/1.1.
 *
 *   POST /operations  takes an operation frame, answers a reply frame
 *   GET /link         is upgraded (RFC 9110 section 7.8) to `kvorum-link`: messages of link-message.ts, whose questions are
 *                     operation frames and whose answers are reply frames
 *   POST /hello       takes "URL START" of a node that has started (START is its sender's start), has it probed, and answers
 *                     204 where it is up then, 503 where it is not yet
 *   POST /introduction takes what a node says of itself, and answers what this one says (workers/peers/introduction.ts)
 *   POST /clock       takes the newest version that the asker has seen, answers "RECEIVED ANSWERED NEWEST": when it was
 *                     received and answered by the peer's clock, microseconds since 1970, and the newest version seen there
 *   POST /digests     takes and answers what digest-messages.ts says; 503 and why where the node cannot say
 *   POST /range       takes {"start": base64, "end": base64 or null, "keysOnly": boolean} and streams range entries
 *                     (range-format.ts), tombstones included; with "skipAfter" only so many of them in a row, and a mark where the
 *                     others were left out; the field `kvorum-loss` says that the node has lost data and has
 *                     not got it back yet, or has not met its cluster. With "tellsDamaged" true entries without a record
 *                     tell of damaged ones, and the field `kvorum-floor` below which version what is missing was deleted
 *   POST /hints       takes the URL of a node that has started, and answers 204 when this worker has delivered all that it keeps
 *                     for that node
 *   POST /keep-hints  takes hints of a node that stops (u16 length, URL of their target, a frame of writes); answers 204 where
 *                     this node keeps them from now on, 503 where it does not
 *
 * Each request to `/operations` and its answer say by the field `kvorum-seen` what messages of a link say in their headers:
 * the newest version that the sender has seen, and its start.
 *
 * A request with the field `kvorum-waits` is answered with that field: microseconds of receiving, turn, lock, write, commit
 * and answer. Which port it is, `GET /v0/node` on the client port tells.
 */

import type { Version } from '../formats/record.ts';

/** `GET /v0/node`: how peers find each other's replica ports, and see whether they fit together. */
export interface NodeDescription {
  readonly id: number;
  readonly url: string;
  readonly version: string;
  readonly protocol: number;
  readonly topology: string;
  /** What its frames give as their sender's start (src/formats/sender.ts). */
  readonly start: number;
  /** By index of the worker. */
  readonly replicaPorts: readonly number[];
}

/**
 * Version of the bytes between nodes. Protocol 6 refuses 5 and all before it. Whoever makes it 7 must understand 6 as well, so
 * that a cluster is upgraded node by node.
 */
export const replicaProtocol = 6;

export const replicaPaths = {
  operations: '/operations',
  link: '/link',
  hello: '/hello',
  introduction: '/introduction',
  clock: '/clock',
  range: '/range',
  hints: '/hints',
  keepHints: '/keep-hints',
  digests: '/digests',
} as const;
/** What `replicaPaths.link` is upgraded to (link-message.ts). */
export const linkProtocol = 'kvorum-link';
/** The field of `/operations` that says what its sender is (src/formats/sender.ts). */
export const seenField = 'kvorum-seen';

/** The field of an answer to `/range` of a node whose store does not vote. */
export const lossField = 'kvorum-loss';
/** The field that says the node's purge floor under the list of now, to a node that recovers. */
export const floorField = 'kvorum-floor';

/** What a peer says of its clock: when it was asked and when it answered, microseconds. */
export interface ClockAnswer {
  readonly receivedAt: number;
  readonly answeredAt: number;
  readonly newest: Version;
}

/** The body of the answer to `POST /clock`. */
export function formatClockAnswer({ receivedAt, answeredAt, newest }: ClockAnswer): string {
  return `${receivedAt} ${answeredAt} ${newest}`;
}

/** What a body says that answers `POST /clock`; undefined where it is none. */
export function parseClockAnswer(text: string): ClockAnswer | undefined {
  const [, receivedAt, answeredAt, newest] = /^(\d{1,16}) (\d{1,16}) (\d{1,16})$/.exec(text) ?? [];
  return newest === undefined
    ? undefined
    : { receivedAt: Number(receivedAt), answeredAt: Number(answeredAt), newest: Number(newest) };
}
