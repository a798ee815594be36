/** Whether nodes hold the same, byte for byte, by a digest of all that each of them holds. */
import type { NodeContents } from '../../src/protocol/repair.ts';
import { ask } from '../support/client.ts';

export interface NamedNode {
  readonly url: string;
  /** What the others call it. */
  readonly front: string;
}

/** What each of the nodes holds. Throws where one does not say, and where two of them differ in what they share. */
export async function sameContents(nodes: readonly NamedNode[]): Promise<NodeContents[]> {
  const contents = await Promise.all(nodes.map(({ url }) => contentsOf(url)));
  for (const [index, one] of contents.entries()) {
    for (const [other, { sharedWith }] of contents.entries()) {
      const [here, there] = [one.sharedWith[nodes[other]?.front ?? ''], sharedWith[nodes[index]?.front ?? '']];
      if (other > index && (here === undefined || JSON.stringify(here) !== JSON.stringify(there)))
        throw new Error(`nodes ${index} and ${other} differ: ${JSON.stringify([here, there])}`);
    }
  }
  return contents;
}

/** What a node holds. Throws where it does not say. */
export async function contentsOf(url: string): Promise<NodeContents> {
  const { status, body } = await ask(url, '/v0/digest', { method: 'POST', signal: AbortSignal.timeout(60_000) });
  if (status !== 200) throw new Error(`digest of ${url}: ${status}`);
  return JSON.parse(body.toString()) as NodeContents;
}
