/** A request as a connection hands it to its handler. */
import type { Buffer } from 'node:buffer';
import type { Grant } from '../domain/tokens.ts';
import type { LargeRoom } from './body.ts';
import type { RequestHead } from './head.ts';
import type { Reply } from './reply.ts';

/**
 * Called once with the body, or with why it is not read to its end: `too-large`, `no-room`, or `gone` if it will not come. A body that was not collected
 * into memory of the taker's is valid until this returns.
 */
export type OnBody = (body: Buffer | 'too-large' | 'no-room' | 'gone') => void;

/** Where a body is collected. */
export interface BodyRoom extends LargeRoom {
  /** Further bytes of a body have come, and not its end; false if there is no room for them: the rest is not read. */
  hold(bytes: number): boolean;
}

/** What the client of a connection has shown of itself: what stood in `authorization` last, and what that is good for. */
export interface Bearer {
  authorization: string;
  /** Those that the grant was looked up in; undefined before the first time. */
  grants: readonly Grant[] | undefined;
  grant: Grant | undefined;
}

/** A request whose head has come. */
export interface Request {
  readonly head: RequestHead;
  readonly reply: Reply;
  /** One for all requests of the connection. */
  readonly bearer: Bearer;
  /** `performance.now()` when its first bytes came; says nothing unless `Arrivals` are noted. */
  readonly arrivedAt: number;
  /** `performance.now()` when its bytes came, if it has waited behind others of its connection since; else 0. */
  readonly heldSince: number;
  /**
   * Collects the body, up to `bytesMax`, a large one into `room` if that is given. To be called while the request is
   * handed over, or not at all: then the body is skipped.
   */
  readonly takeBody: (bytesMax: number, onBody: OnBody, room?: BodyRoom) => void;
}

/** Whether connections note when bytes come: only while somebody records waits, since it costs a clock reading. */
export interface Arrivals {
  areNoted: boolean;
}

/**
 * Whether a request changes nothing (RFC 9110 section 9.2.1). Of the requests that one connection pipelines, safe ones may
 * be carried out together; any other is carried out alone.
 */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}
