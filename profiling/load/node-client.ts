/** Questions to a node's client port, outside of the measured load: one at a time, by Node's own `fetch`. */
import { codeOf, KvorumError, messageOf } from '../../src/domain/errors.ts';

export interface NodeAnswer {
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 5000;

/** `GET` of a path. Throws `node-unreachable`. */
export async function askNode(url: string, path: string): Promise<NodeAnswer> {
  try {
    const answer = await fetch(new URL(path, url), { signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    throw new KvorumError('node-unreachable', `Cannot reach ${url}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Throws `node-unreachable` where a node does not answer, or says that it is not ready. */
export async function assertReady(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const { status, body } = await askNode(url, '/readyz');
    if (status === 200) continue;
    const detail = /"detail":"([^"]*)"/.exec(body)?.[1];
    throw new KvorumError('node-unreachable', `${url} is not ready: ${detail ?? `/readyz answers ${status}`}`);
  }
}

/** `fetch` says only "fetch failed"; the reason stands in its cause, or in one of the causes of that. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused; is a node running there?';
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`;
  return messageOf(cause) || code || 'unknown reason';
}
