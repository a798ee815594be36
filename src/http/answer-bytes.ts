/**
 * Answers that their clients have not taken yet, bounded together: a client that reads slowly holds its answers in this
 * node's memory for as long as it takes, and there may be many of them. Each connection says how many bytes of answers
 * wait on it (AnswerQueue), small ones too; what the kernel's buffers have taken is not counted.
 */
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import type { Response } from './reply.ts';

export const tooManyAnswers = problemResponse(
  'overloaded',
  'Clients have not taken too many answer bytes yet; nothing was done',
  retryAfter,
);

export class AnswerBytes {
  readonly #bytesMax: number;
  #inFlight = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isFull(): boolean {
    return this.#inFlight >= this.#bytesMax;
  }

  /** Whether so much of the room is taken that clients who read too slowly should give theirs back soon. */
  get isScarce(): boolean {
    return this.#inFlight > this.#bytesMax / 2;
  }

  /** So many bytes more wait on some connection, or fewer. */
  change(bytes: number): void {
    this.#inFlight += bytes;
  }

  /** The response; if its body would pass the bound, 503 in its place. */
  fit(response: Response): Response {
    const bytes = response.body?.length ?? 0;
    return response.status === 200 && this.#inFlight + bytes > this.#bytesMax ? tooManyAnswers : response;
  }
}
