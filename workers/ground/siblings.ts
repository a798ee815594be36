/**
 * What the workers of a node ask each other, over a message channel for each pair of them: one asks with bytes, the other
 * answers with bytes, later and in any order. The memory of both moves along; nothing is shared and nothing copied.
 *
 * The main thread hands out the channels: to every pair at the start, and to a thread that replaces a dead one with all
 * the others (worker-pool.ts). Until then, and when the other one dies, the answer is that there is none: `undefined`.
 */
import { Buffer } from 'node:buffer';
import type { MessagePort } from 'node:worker_threads';

/**
 * What may be asked: to execute an operation frame, whose answer is its reply frame; what the memtable holds of a range; what
 * repair needs (workers/repair/); to remove what was deleted.
 */
export type SiblingQuestion = 'operations' | 'range' | 'repair' | 'purge';

/**
 * Takes a question's bytes and who asks, and gives the answer's bytes, once. Both are transferred: the answer must be alone in its memory, or
 * share it only with what nobody uses any more.
 */
export type AnswerSibling = (bytes: Buffer, answer: (bytes: Buffer) => void, asker: number) => void;

type Message =
  | { readonly number: number; readonly question: SiblingQuestion; readonly bytes: Uint8Array }
  | { readonly number: number; readonly question: undefined; readonly bytes: Uint8Array };

export type OnAnswer = (bytes: Buffer | undefined) => void;

interface Sibling {
  readonly worker: number;
  readonly port: MessagePort;
  /** What was asked of it and is not answered, by number. */
  readonly open: Map<number, OnAnswer>;
}

export class Siblings {
  readonly #answers: Readonly<Record<SiblingQuestion, AnswerSibling>>;
  readonly #onLost: (worker: number) => void;
  readonly #siblings = new Map<number, Sibling>();
  #asked = 0;

  /** `onLost` is told of each worker whose channel has closed. */
  constructor(
    answers: Readonly<Record<SiblingQuestion, AnswerSibling>>,
    onLost: (worker: number) => void = () => undefined,
  ) {
    this.#answers = answers;
    this.#onLost = onLost;
  }

  /** Takes the channel to another worker, in the place of one to its dead predecessor. */
  connect(worker: number, port: MessagePort): void {
    const predecessor = this.#siblings.get(worker);
    if (predecessor !== undefined) this.#lose(predecessor);
    const sibling: Sibling = { worker, port, open: new Map() };
    this.#siblings.set(worker, sibling);
    port.on('message', (message: Message) => this.#take(sibling, message));
    port.on('close', () => this.#lose(sibling));
  }

  /**
   * Asks another worker; the memory of `bytes`, in which nothing else may stand, moves to it. Calls `onAnswer` once,
   * later or at once, without bytes if that worker is not there or dies.
   */
  ask(worker: number, question: SiblingQuestion, bytes: Buffer, onAnswer: OnAnswer): void {
    const sibling = this.#siblings.get(worker);
    if (sibling === undefined) return onAnswer(undefined);
    const number = ++this.#asked;
    sibling.open.set(number, onAnswer);
    post(sibling.port, { number, question, bytes });
    return undefined;
  }

  /** Ends all channels. */
  close(): void {
    for (const sibling of this.#siblings.values()) this.#lose(sibling);
  }

  #take(sibling: Sibling, { number, question, bytes: taken }: Message): void {
    const buffer = Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength);
    if (question !== undefined) {
      const answer = (bytes: Buffer): void => post(sibling.port, { number, question: undefined, bytes });
      this.#answers[question](buffer, answer, sibling.worker);
      return;
    }
    const onAnswer = sibling.open.get(number);
    sibling.open.delete(number);
    onAnswer?.(buffer);
  }

  /** The other worker is gone: what was asked of it gets no answer. */
  #lose(sibling: Sibling): void {
    if (this.#siblings.get(sibling.worker) !== sibling) return;
    this.#siblings.delete(sibling.worker);
    sibling.port.close();
    const open = [...sibling.open.values()];
    sibling.open.clear();
    for (const onAnswer of open) onAnswer(undefined);
    this.#onLost(sibling.worker);
  }
}

function post(port: MessagePort, message: Message): void {
  port.postMessage(message, [message.bytes.buffer as ArrayBuffer]);
}
