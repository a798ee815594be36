/**
 * Inspector sessions to every JavaScript thread of this process: one of `node:inspector` to the main thread, and through
 * its NodeWorker domain one to each worker.
 *
 * Answers stay text where they are large: what a worker's profiler says is passed on and never parsed here, since this
 * runs on the main thread of a node that serves.
 */
import { Session } from 'node:inspector/promises';
import { KvorumError, messageOf } from '../../src/diagnostics/errors.ts';

export interface ThreadSession {
  readonly threadId: number;
  /** As the inspector shows the thread; empty for the main one. */
  readonly title: string;
  /** Sends a command and resolves to the JSON text of its result. */
  post(method: string, parameters?: Readonly<Record<string, unknown>>): Promise<string>;
}

/** How long a thread may take to answer: it may be in the middle of a long transaction, and profiles take time to write. */
const ANSWER_MS_MAX = 20_000;

interface Waiting {
  readonly resolve: (result: string) => void;
  readonly reject: (error: Error) => void;
}

interface WorkerAttached {
  readonly sessionId: string;
  readonly workerInfo: { readonly workerId: string; readonly title: string };
}

export class ThreadSessions {
  readonly #session: Session;
  readonly #workers = new Map<string, WorkerSession>();

  private constructor(session: Session) {
    this.#session = session;
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      const { sessionId, workerInfo } = params as WorkerAttached;
      this.#workers.set(sessionId, new WorkerSession(session, sessionId, workerInfo));
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      this.#workers.get(params.sessionId)?.receive(params.message);
    });
    session.on('NodeWorker.detachedFromWorker', ({ params }) => {
      this.#workers.get(params.sessionId)?.end();
      this.#workers.delete(params.sessionId);
    });
  }

  /** Connects to all threads that there are. */
  static async open(): Promise<ThreadSessions> {
    const session = new Session();
    session.connect();
    const sessions = new ThreadSessions(session);
    try {
      await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    } catch (error) {
      session.disconnect();
      throw error;
    }
    return sessions;
  }

  /** The main thread first, the workers in the order of their start. */
  get threads(): ThreadSession[] {
    const main: ThreadSession = {
      threadId: 0,
      title: '',
      post: async (method, parameters) => JSON.stringify(await this.#session.post(method, parameters)),
    };
    return [main, ...[...this.#workers.values()].sort((one, other) => one.threadId - other.threadId)];
  }

  /** Leaves all threads; nothing of the sessions stays. */
  async close(): Promise<void> {
    try {
      await this.#session.post('NodeWorker.disable');
    } catch {
      // Where it was never enabled there is nothing to disable.
    }
    for (const worker of this.#workers.values()) worker.end();
    this.#workers.clear();
    this.#session.disconnect();
  }
}

class WorkerSession implements ThreadSession {
  readonly threadId: number;
  readonly title: string;
  readonly #session: Session;
  readonly #sessionId: string;
  readonly #waiting = new Map<number, Waiting>();
  #commands = 0;
  #ended = false;

  constructor(session: Session, sessionId: string, { workerId, title }: WorkerAttached['workerInfo']) {
    this.#session = session;
    this.#sessionId = sessionId;
    // The id counts the inspector's sessions; the title begins with the thread's: "[worker 2] store writer 1".
    this.threadId = Number(/^\[worker (\d+)\]/.exec(title)?.[1] ?? workerId);
    this.title = title;
  }

  post(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<string> {
    if (this.#ended) return Promise.reject(gone());
    const id = ++this.#commands;
    return new Promise((resolve, reject) => {
      const late = new KvorumError('worker-failed', `The thread did not answer ${method} within ${ANSWER_MS_MAX} ms`);
      const timer = setTimeout(() => this.#settle(id)?.reject(late), ANSWER_MS_MAX);
      this.#waiting.set(id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      const message = JSON.stringify({ id, method, params });
      this.#session
        .post('NodeWorker.sendMessageToWorker', { sessionId: this.#sessionId, message })
        .catch((error: unknown) => this.#settle(id)?.reject(new KvorumError('worker-failed', messageOf(error))));
    });
  }

  /** Takes `{"id":1,"result":...}` or `{"id":1,"error":{...}}`; events have no id and are of no interest. */
  receive(message: string): void {
    const head = /^\{"id":(\d+),"(result|error)":/.exec(message);
    if (head === null) return;
    const waiting = this.#settle(Number(head[1]));
    const text = message.slice(head[0].length, -1);
    if (head[2] === 'result') waiting?.resolve(text);
    else waiting?.reject(new KvorumError('worker-failed', (JSON.parse(text) as { message: string }).message));
  }

  /** The worker or the session is no more. */
  end(): void {
    this.#ended = true;
    for (const id of this.#waiting.keys()) this.#settle(id)?.reject(gone());
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}

function gone(): KvorumError {
  return new KvorumError('worker-failed', 'The thread has ended');
}
