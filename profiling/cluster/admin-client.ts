/**
 * Asks a node's admin paths for a text, within a bounded time and size. What goes wrong is null: who observes goes on
 * without the answer.
 */
import { Agent, get, type IncomingMessage } from 'node:http';

const bytesMax = 4 * 1024 * 1024;

/** One kept connection to a node, so that watching it does not cost it a connection a second. */
export class AdminClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The body of whatever the node answers: a node that starts or stops says what it is with 503. */
  text(path: string, timeoutMs: number): Promise<string | null> {
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const fail = (): void => resolve(null);
      try {
        const request = get(new URL(path, this.#url), { agent: this.#agent, signal }, (answer) => {
          readAll(answer).then(resolve, fail);
        });
        request.on('error', fail);
      } catch {
        fail();
      }
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function readAll(answer: IncomingMessage): Promise<string | null> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    text += chunk;
    if (text.length > bytesMax) {
      answer.destroy();
      return null;
    }
  }
  return text;
}
