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
   * The response, counted by the bytes of its body that its client has not taken; if it would pass the bound, 503 in its
   * place. Small ones are not counted: how many of them a connection holds is bounded by its pipeline.
   */
  hold(response: Response): Response {
    let left = response.body?.length ?? 0;
    if (left <= copiedBodyBytesMax) return response;
    if (this.#inFlight + left > this.#bytesMax) {
      return problemResponse('overloaded', 'Clients have not taken too many answer bytes yet', retryAfter);
    }
    this.#inFlight += left;
    const onTaken = (bytes: number): void => {
      const taken = Math.min(left, bytes);
      left -= taken;
      this.#inFlight -= taken;
    };
    return { ...response, onTaken };
  }
}
