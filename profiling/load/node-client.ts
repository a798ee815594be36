/** Questions to a node's client port, outside of the measured load: one at a time, each on a connection of its own. */
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';

export interface NodeAnswer {
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 5000;

/** `GET` of a path. Throws `node-unreachable`. */
export async function askNode(url: string, path: string): Promise<NodeAnswer> {
  try {
    return await request(new URL(path, url));
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

function request(url: URL): Promise<NodeAnswer> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    sent.once('error', reject);
  });
}

/** `localhost` has two addresses, and the failure of both is an AggregateError without a text. */
function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused; is a node running there?';
  if (code === 'ABORT_ERR') return `no answer in ${timeoutMs / 1000} s`;
  return messageOf(error) || code || 'unknown reason';
}
