/** `kvorum token`: makes a client token, and the line by which nodes know it. Nothing is kept. */
import { randomBytes } from 'node:crypto';
import { formatGrant, grantFor, scopes } from '../domain/tokens.ts';
import { settingsTable } from '../settings/settings.ts';
import { tokenEnvironmentName } from './access.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { writeResult } from './output.ts';
import { outputFormat, refuseFlag, textFlag } from './parse.ts';

/** By it a token that strayed into a log or a repository is recognised. */
const prefix = 'kvorum_';
const TOKEN_BYTES = 32;
const tokensFlag = `--${settingsTable.tokensFile.flag}`;

export const tokenCommand: Command = {
  name: 'token',
  summary: 'Make a client token, and the line that lets it in',
  usage: '--scopes SCOPE,... --name NAME [options]',
  details:
    `Prints the token, which the client shows (${tokenEnvironmentName}), and below it the line for the nodes' ${tokensFlag}, which ` +
    'holds a hash of it and so lets nobody in. Send the nodes SIGHUP to have them read the file again. Scopes: read ' +
    '(values, ranges, status, metrics), write (PUT and DELETE), admin (recordings, restore, repair); none includes another.',
  positionals: { min: 0, max: 0 },
  options: [
    { flag: 'scopes', placeholder: 'SCOPE,...', about: `What the token allows, of ${scopes.join(', ')}; default read` },
    { flag: 'name', placeholder: 'NAME', about: 'What the token is called in refusals and files; default client' },
    outputOption,
  ],
  examples: ['kvorum token --scopes read,write --name app', 'kvorum token --name prometheus --output json'],
  run: makeToken,
};

async function makeToken({ flags }: Invocation): Promise<ExitCode> {
  const token = prefix + randomBytes(TOKEN_BYTES).toString('base64url');
  const given = textFlag(flags, 'scopes') ?? 'read';
  const isKnown = given.split(',').every((word) => scopes.some((scope) => scope === word));
  if (!isKnown) refuseFlag('scopes', given, `some of ${scopes.join(', ')}, separated by commas`);
  const name = textFlag(flags, 'name') ?? 'client';
  if (!/^[\w.@:-]{1,64}$/.test(name)) refuseFlag('name', name, 'up to 64 letters, digits and . @ : _ -');
  const line = formatGrant(grantFor(token, given, name));
  await writeResult(outputFormat(flags) === 'json' ? `${JSON.stringify({ token, line })}\n` : `${token}\n${line}\n`);
  return exitCodes.ok;
}
