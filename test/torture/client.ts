/** One client of a tortured cluster, which notes what it asked and what it saw. */
import type { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { codeOf, messageOf } from '../../src/diagnostics/errors.ts';
import { ask, type Answer } from '../support/client.ts';
import { valueOf, writeNamed, type ClientOperation, type Outcome } from './operations.ts';

export type Request = Pick<ClientOperation, 'kind' | 'key' | 'node' | 'ack' | 'isStrict' | 'valueBytes' | 'ttlMs'>;

/** A connection that was never made has done nothing. */
const neverBegun: Outcome = { kind: 'refused', why: 'no connection' };

const methods = { read: 'GET', write: 'PUT', delete: 'DELETE' } as const;

export class TorturingClients {
  readonly operations: ClientOperation[] = [];
  readonly #urls: readonly string[];
  readonly #giveUpMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });
  readonly #sent = new Map<number, Pick<ClientOperation, 'key' | 'id' | 'valueBytes'>>();
  #ids = 0;

  /** `giveUpMs`: when an operation that is not answered is given up. */
  constructor(urls: readonly string[], giveUpMs: number) {
    [this.#urls, this.#giveUpMs] = [urls, giveUpMs];
  }

  /** Resolves when the operation is answered or given up. */
  async send(request: Request): Promise<ClientOperation> {
    const id = ++this.#ids;
    const { kind, key, node, ack, isStrict, valueBytes, ttlMs } = request;
    const more = `${isStrict ? '&consistency=strict' : ''}${ttlMs === undefined ? '' : `&ttl=${ttlMs}`}`;
    const target = `/v0/entity?id=${encodeURIComponent(key)}&ack=${ack}&from=3${more}`;
    const body = kind === 'write' ? valueOf({ key, id, valueBytes }) : undefined;
    if (kind === 'write') this.#sent.set(id, { key, id, valueBytes });
    const begin = performance.now();
    const outcome = await this.#ask(node, target, methods[kind], body).then(
      (answer) => this.#outcomeOf(kind, key, answer),
      (error: unknown) => outcomeOfFailure(error),
    );
    const operation = { ...request, id, begin, end: performance.now(), outcome };
    if (outcome !== neverBegun) this.operations.push(operation);
    return operation;
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(node: number, target: string, method: string, body: Buffer | undefined): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#giveUpMs);
    return ask(this.#urls[node] ?? '', target, { method, body, agent: this.#agent, signal });
  }

  #outcomeOf(kind: ClientOperation['kind'], key: string, answer: Answer): Outcome {
    const { status } = answer;
    if (kind === 'read' && status === 200) return this.#outcomeOfValue(key, answer);
    if (kind === 'read' && status === 404) return { kind: 'missing' };
    if (kind !== 'read' && status === (kind === 'write' ? 201 : 202)) return { kind: 'acknowledged' };
    const why = `${status} ${answer.body.toString('utf8', 0, 200)}`;
    if (status === 503) return { kind: 'refused', why };
    return status === 504 || status === 507 || status === 500 ? { kind: 'open', why } : { kind: 'wrong', what: why };
  }

  #outcomeOfValue(key: string, { body, headers }: Answer): Outcome {
    const write = writeNamed(key, body);
    const sent = write === undefined ? undefined : this.#sent.get(write);
    const version = Number(/^"(\d+)"$/.exec(headers.etag ?? '')?.[1]);
    if (write !== undefined && sent?.key === key && valueOf(sent).equals(body) && version > 0) {
      return { kind: 'saw', write, version };
    }
    const shown = JSON.stringify(body.toString('latin1', 0, 60));
    return { kind: 'wrong', what: `${body.length} bytes, version ${headers.etag}: ${shown}` };
  }
}

function outcomeOfFailure(error: unknown): Outcome {
  return codeOf(error) === 'ECONNREFUSED' ? neverBegun : { kind: 'open', why: messageOf(error) };
}
