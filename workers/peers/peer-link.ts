/** The asking end of a link: numbers its questions, and hands each answer to who asked. */
import type { Duplex } from 'node:stream';
import { messageKinds, type LinkMessage } from '../../src/formats/link-message.ts';
import type { FrameSender } from '../ground/frame-sender.ts';
import { Link } from './link.ts';
import type { Question } from './question.ts';

export interface PeerLinkOptions {
  /** An answer of more bytes ends the link. */
  readonly answerBytesMax: number;
  readonly sender: FrameSender;
  /** Called once when the link has ended, after every open question has failed. */
  readonly onLost: (error: Error) => void;
}

export class PeerLink {
  readonly #link: Link;
  readonly #sender: FrameSender;
  readonly #questions = new Map<number, Question>();
  #number = 0;
  /** Why the link has ended, where it has. */
  #lost: Error | undefined;

  constructor(socket: Duplex, { answerBytesMax, sender, onLost }: PeerLinkOptions) {
    this.#sender = sender;
    this.#link = new Link(socket, {
      bytesMax: answerBytesMax,
      sendingBytesMax: Number.POSITIVE_INFINITY,
      onMessage: (message) => this.#takeAnswer(message),
      onClosed: (error) => {
        this.#lost = error;
        this.#failAll(error);
        onLost(error);
      },
    });
  }

  ask(question: Question): void {
    const { body, marks } = question;
    const lost = this.#lost;
    if (lost !== undefined) return process.nextTick(() => question.onError(lost));
    this.#number = (this.#number + 1) >>> 0;
    this.#questions.set(this.#number, question);
    const kind = marks === undefined ? messageKinds.question : messageKinds.questionWithDurations;
    if (marks !== undefined) marks.headersAt = performance.now();
    const { newest, start } = this.#sender;
    return this.#link.send({ number: this.#number, kind, durations: '', body, newest, start });
  }

  /** Fails every open question with `error`. */
  destroy(error: Error): void {
    this.#link.destroy(error);
  }

  #takeAnswer({ number, kind, durations, body, newest, start }: LinkMessage): void {
    this.#sender.see(newest);
    const question = this.#questions.get(number);
    if (question === undefined) return this.#link.destroy(new Error(`the peer answers ${number}, which nobody asked`));
    this.#questions.delete(number);
    if (kind !== messageKinds.answer) {
      return question.onError(new Error(`replica port answers ${body.toString('utf8').trim()}`));
    }
    if (question.marks !== undefined) question.marks.remote = durations;
    return question.onReply(body, start);
  }

  #failAll(error: Error): void {
    const open = [...this.#questions.values()];
    this.#questions.clear();
    for (const question of open) question.onError(error);
  }
}
