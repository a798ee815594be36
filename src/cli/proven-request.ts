/** Requests that a node does for those only who prove the cluster secret to it (src/domain/profile-proof.ts). */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterSecretFile } from '../domain/cluster-proof.ts';
import { profileProof } from '../domain/profile-proof.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { parseJson, textFieldOf } from '../formats/foreign-json.ts';
import { settingsTable } from '../settings/settings.ts';
import { finder, type Environment, type Flags } from '../settings/sources.ts';
import { readBody, type Answer, type NodeClient, type Unreachable } from './client.ts';
import type { Option } from './command.ts';
import { textFlag } from './parse.ts';

/** Where the secret may be found. */
export const secretOption: Option = {
  flag: 'data',
  placeholder: 'DIR',
  about: `Directory of a cluster of kvorum up, whose secret is there; else ${settingsTable.clusterSecret.environmentName}`,
};

/** The cluster secret; undefined where nobody named one. Throws `bad-setting`. */
export function givenSecret(flags: Flags, environment: Environment): string | undefined {
  const directory = textFlag(flags, 'data');
  if (directory === undefined) return finder({ flags: new Map(), environment })('clusterSecret')?.text;
  const path = join(directory, clusterSecretFile);
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot read cluster secret "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** Posts to a path, with a proof where the node wants one and there is a secret. */
export async function provenPost(
  client: NodeClient,
  path: string,
  secret: string | undefined,
): Promise<Answer | Unreachable> {
  const answer = await client.request({ method: 'POST', path });
  if (answer.kind === 'unreachable' || answer.status !== 401 || secret === undefined) return answer;
  await readBody(answer);
  const described = await client.request({ method: 'GET', path: '/v0/node' });
  if (described.kind === 'unreachable') return described;
  const description = await readBody(described);
  const topology = Buffer.isBuffer(description)
    ? textFieldOf(parseJson(description.toString()), 'topology')
    : undefined;
  const authorization = profileProof(secret, answer.challenge, {
    topology: topology ?? '',
    method: 'POST',
    target: path,
  });
  return client.request({ method: 'POST', path, ...(authorization === undefined ? {} : { authorization }) });
}
