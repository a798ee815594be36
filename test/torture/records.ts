/** What a node or its cluster shows in a range. */
import { Buffer } from 'node:buffer';
import { ask } from '../support/client.ts';

/** By their keys; `query` says which, and whether of the node or of the cluster. Throws if the range is cut short. */
export async function recordsOf(url: string, query: string): Promise<Map<string, Buffer>> {
  const headers = { accept: 'application/x-ndjson' };
  const { status, body, trailers } = await ask(url, `/v0/entities${query}`, { headers });
  const brokenOff = trailers['kvorum-error'];
  if (status !== 200 || brokenOff !== undefined) throw new Error(`the range of ${url}: ${status} ${brokenOff}`);
  const lines = body.toString().split('\n').slice(0, -1);
  return new Map(
    lines.map((line) => {
      const { key, value, value64 } = JSON.parse(line) as { key: string; value?: string; value64?: string };
      return [key, value64 === undefined ? Buffer.from(value ?? '') : Buffer.from(value64, 'base64')];
    }),
  );
}
