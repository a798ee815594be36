/** One command line from its words to an exit code: finds the command and runs it. */
import type { Environment } from '../settings/sources.ts';
import { version } from '../diagnostics/version.ts';
import { allCommands, commandNamed, commandNames } from './commands.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { overview, unknownCommand } from './help.ts';
import { writeNotice } from './output.ts';
import { refuse, runCommand, show } from './run-command.ts';

export function runCommandLine(words: readonly string[], environment: Environment): Promise<ExitCode> {
  return run(words, environment).catch(reportFailure);
}

async function run([name, ...args]: readonly string[], environment: Environment): Promise<ExitCode> {
  if (name === undefined) {
    writeNotice(overview(await allCommands()));
    return exitCodes.usage;
  }
  if (name === '--help' || name === '-h') return show(overview(await allCommands()));
  if (name === '--version' || name === '-v') return show(`${version}\n`);
  const command = await commandNamed(name);
  return command === undefined ? refuse(unknownCommand(name, commandNames)) : runCommand(command, args, environment);
}
