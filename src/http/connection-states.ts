/**
 * The states of a client connection.
 *
 * What a connection does follows from two states. Its phase only goes forward, by `Connection.#enter`:
 *
 *     open ──> leaving             the node is going to stop: the first answer behind which no request waits is the last
 *       │         │
 *       │<────────┘
 *       │     a request with "connection: close"; the node stops
 *       ├───────────────────────────────────────────────────────────> draining     no further request is begun
 *       │                                                               │
 *       │  what cannot be parsed; a body that is not read to its end    │
 *       ├─────────────────────────────> closing <───────────────────────┤        nothing more is read
 *       │                                  │                            │
 *       │ the client has closed            │      the last answer has left
 *       └────────────────────────> lingering <──────────────────────────┘        our side is closed
 *                                      │
 *                                   closed                                       the socket is gone
 *
 * Its input says what the next bytes are, by `#expect`:
 *
 *     head ──> offered ──> body ──> head       `offered` while the handler decides whether it takes the body
 *       │         └──────> skipped ─> head     a short body that nobody takes
 *       └─> queued ──> offered                 its turn has not come
 *     any ──> ended                            the client has closed its side
 */
import type { BodyReader } from './body.ts';
import type { RequestHead } from './head.ts';
import type { BodyRoom, OnBody } from './request.ts';

/** In the order in which they are entered; any may be left out. */
export const phases = ['open', 'leaving', 'draining', 'closing', 'lingering', 'closed'] as const;
export type Phase = (typeof phases)[number];

export type Input =
  /** `scanned` bytes of the head have come and do not hold its end. */
  | { readonly kind: 'head'; readonly scanned: number }
  /** The head has come; those before it have not been answered. */
  | { readonly kind: 'queued'; readonly head: RequestHead }
  | { readonly kind: 'offered'; readonly head: RequestHead }
  | { readonly kind: 'body'; readonly reader: BodyReader; readonly onBody: OnBody; readonly room: BodyRoom | undefined }
  | { readonly kind: 'skipped'; left: number }
  | { readonly kind: 'ended' };

/** Whom the connection waits for: the node, or the client to send a request or its rest, or to close its side. */
export type Awaited = 'answer' | 'next-request' | 'rest-of-request' | 'close';

/** A body that nobody wants is skipped up to this size, so that the connection stays usable; else it ends. */
const DISCARD_BYTES_MAX = 256 * 1024;
/** How long the client may let the connection wait, milliseconds, if it neither idles nor reads answers. */
export const waitMsMax = {
  /** A request whose head is not complete after this, or whose body comes too slowly for so long, is answered 408. */
  'rest-of-request': 30_000,
  /** A client that was told of the end gets this long to read the last answer, before a reset could lose it. */
  close: 2000,
} as const;
export const nextHead: Input = { kind: 'head', scanned: 0 };

/**
 * Whether the body of a request that is refused can be read to its end: a short one is; a long one, one of unknown length,
 * and one that may not come after the refusal are not.
 */
export function isSkippable({ contentLength, expectsContinue }: RequestHead): boolean {
  if (contentLength === 0) return true;
  return contentLength !== undefined && contentLength <= DISCARD_BYTES_MAX && !expectsContinue;
}

/** What the taker of a body hears that is not read to its end. */
export function bodyFailure(kind: 'more' | 'too-large' | 'malformed'): 'no-room' | 'too-large' | 'gone' {
  if (kind === 'more') return 'no-room';
  return kind === 'malformed' ? 'gone' : kind;
}
