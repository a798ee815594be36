/** Questions to a node's admin paths, outside of the measured load, each within a bounded time and size. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { accessFields, nodeAccess } from '../../src/tls/access.ts';
import { tlsProblem } from '../../src/tls/problems.ts';

export interface NodeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the whole answer is there; default 5 s. */
  readonly timeoutMs?: number;
  /** Of the body; default 4 MiB. */
  readonly bytesMax?: number;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
  /** Without this process's token. */
  readonly isAnonymous?: boolean;
}

const timeoutMsDefault = 5000;
const bytesMaxDefault = 4 * 1024 * 1024;

/** Rejects with what the system says. */
export function question(url: string, path: string, options: Question = {}): Promise<NodeAnswer> {
  const { method = 'GET', timeoutMs = timeoutMsDefault, bytesMax = bytesMaxDefault, agent } = options;
  const access = nodeAccess();
  const { ca } = access;
  const headers = { ...(options.isAnonymous === true ? {} : accessFields(access)), ...options.headers };
  const send = isTls(url) ? tlsRequest : request;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = { method, headers, agent: agent ?? false, signal, ...(ca !== undefined && { ca }) };
    const sent = send(new URL(path, url), asked, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length > bytesMax) answer.destroy(new Error(`the answer is longer than ${bytesMax} bytes`));
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** `GET` of a path. Throws `node-unreachable`. */
export async function askNode(url: string, path: string): Promise<NodeAnswer> {
  try {
    return await question(url, path);
  } catch (error) {
    throw new KvorumError('node-unreachable', `Cannot reach ${url}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Throws `node-unreachable` where a node does not answer, or says that it is not ready. */
export async function assertReady(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const { status, body } = await askNode(url, '/readyz');
    if (status === 200) continue;
    const detail = textFieldOf(parseJson(body), 'detail');
    throw new KvorumError('node-unreachable', `${url} is not ready: ${detail ?? `/readyz answers ${status}`}`);
  }
}

/** One kept connection to a node, so that watching it does not cost it a connection a second. */
export class AdminClient {
  readonly #agent: Agent;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
    const kept = { keepAlive: true, maxSockets: 1 };
    this.#agent = isTls(url) ? new TlsAgent(kept) : new Agent(kept);
  }

  /**
   * The body of whatever the node answers: a node that starts or stops says what it is with 503. What goes wrong is null:
   * who observes goes on without the answer.
   */
  async text(path: string, timeoutMs: number): Promise<string | null> {
    try {
      return (await question(this.#url, path, { timeoutMs, agent: this.#agent })).body;
    } catch {
      return null;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** `localhost` has two addresses, and the failure of both is an AggregateError without a text. */
function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused; is a node running there?';
  if (code === 'ABORT_ERR') return `no answer in ${timeoutMsDefault / 1000} s`;
  return (tlsProblem(error) ?? messageOf(error)) || code || 'unknown reason';
}

function isTls(url: string): boolean {
  return url.startsWith('https:');
}
