/** What a command line says of how nodes are asked: whose certificates are trusted, and by which token. */
import type { Environment, Flags } from '../settings/sources.ts';
import { nodeAccess, accessFields, useAccess } from '../tls/access.ts';
import type { Option } from './command.ts';
import { textFlag } from './parse.ts';

export const tokenEnvironmentName = 'KVORUM_TOKEN';
const tokenFileEnvironmentName = 'KVORUM_TOKEN_FILE';
const caEnvironmentName = 'KVORUM_TLS_CA';

/** Of commands that ask nodes. */
export const accessOptions: readonly Option[] = [
  {
    flag: 'token-file',
    placeholder: 'FILE',
    about: `File that holds the token to show (${tokenFileEnvironmentName}; or the token itself in ${tokenEnvironmentName})`,
  },
  {
    flag: 'tls-ca',
    placeholder: 'FILE',
    about: `Certificates of the authority that signs the nodes of https URLs (${caEnvironmentName})`,
  },
];

/** Has all that this process asks of nodes follow what the command line and the environment say. */
export function takeAccess(flags: Flags, environment: Environment): void {
  const variable = (name: string): string | undefined => environment[name] || undefined;
  useAccess({
    token: variable(tokenEnvironmentName),
    tokenFile: textFlag(flags, 'token-file') ?? variable(tokenFileEnvironmentName),
    caFile: textFlag(flags, 'tls-ca') ?? variable(caEnvironmentName),
  });
}

/** Fields of each request. Throws `bad-setting`. */
export function requestFields(): Record<string, string> {
  return accessFields(nodeAccess());
}

/** How undici's agents connect to nodes. Throws `bad-setting`. */
export function connectOptions(timeoutMs: number): { timeout: number; ca?: string } {
  const { ca } = nodeAccess();
  return { timeout: timeoutMs, ...(ca !== undefined && { ca }) };
}
