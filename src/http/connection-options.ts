/** What connections share: whom they hand requests to, their clock, and what they count and divide between them. */
import type { TurnShare } from '../domain/turn-share.ts';
import type { AnswerBytes } from './answer-bytes.ts';
import type { PatienceRules } from './patience.ts';
import type { Arrivals, Request } from './request.ts';

/** What a connection needs of its server; one object for all connections. */
export interface ConnectionOptions extends PatienceRules {
  readonly onRequest: (request: Request) => void;
  /** Milliseconds; may be as coarse as the sweep. */
  readonly now: () => number;
  /** A client speaks TLS here, where nobody does. */
  readonly onTlsHello: () => void;
  readonly arrivals: Arrivals;
  /** Requests that all connections together begin in one turn behind others that are not answered. */
  readonly pipelined: TurnShare;
  /** Counts the bytes of answers that wait on all connections. */
  readonly answerBytes: Pick<AnswerBytes, 'change'>;
}
