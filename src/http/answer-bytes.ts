/**
 * Large answers that their clients have not taken yet, bounded together: a client that reads slowly holds its answer in
 * this node's memory for as long as it takes, and there may be many of them.
 */
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { copiedBodyBytesMax, type Response } from './reply.ts';

export class AnswerBytes {
  readonly #bytesMax: number;
  #inFlight = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * The response, counted until its body has left, or 503 if it would pass the bound. Small ones are not counted: their
   * number is bounded for each connection.
   */
  hold(response: Response): Response {
    const bytes = response.body?.length ?? 0;
    if (bytes <= copiedBodyBytesMax) return response;
    if (this.#inFlight + bytes > this.#bytesMax) {
      return problemResponse('overloaded', 'Clients have not taken too many answer bytes yet', retryAfter);
    }
    this.#inFlight += bytes;
    return { ...response, onReleased: () => (this.#inFlight -= bytes) };
  }
}
