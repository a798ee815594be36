/**
 * One command line from its words to an exit code: finds the command, parses what follows it and runs it. What is wrong
 * with a command line or a setting is said in one line on stderr, never as a stack trace.
 */
import type { Environment } from '../settings/sources.ts';
import { version } from '../diagnostics/version.ts';
import { takeAccess } from './access.ts';
import { allCommands, commandNamed, commandNames } from './commands.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { commandHelp, overview, unknownCommand } from './help.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { parseLine } from './parse.ts';

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
  if (command === undefined) return refuse(unknownCommand(name, commandNames));
  const line = parseLine(command, args);
  switch (line.kind) {
    case 'help':
      return show(commandHelp(command, line));
    case 'wrong':
      return refuse(`${line.message} (kvorum ${name} --help)`);
    case 'run':
      takeAccess(line.flags, environment);
      return command.run({ ...line, environment });
    default:
      return line satisfies never;
  }
}

async function show(text: string): Promise<ExitCode> {
  await writeResult(text);
  return exitCodes.ok;
}

function refuse(message: string): ExitCode {
  writeNotice(`kvorum: ${printable(message)}`);
  return exitCodes.usage;
}
