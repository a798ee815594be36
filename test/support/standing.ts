/** What a node's store is worth, as the node tells it. */
import { ask } from './client.ts';

export interface ToldStanding {
  readonly state: string;
  readonly reason?: string;
  readonly awaited?: readonly string[];
  readonly refusal?: string;
  readonly peers?: readonly { readonly url: string; readonly isMerged: boolean; readonly records: number }[];
}

export async function standingOf(url: string): Promise<ToldStanding> {
  const { body } = await ask(url, '/v0/status');
  return (JSON.parse(body.toString()) as { standing: ToldStanding }).standing;
}
