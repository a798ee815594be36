/** One command from its arguments to an exit code. What is wrong with them is said in one line on stderr, never as a stack trace. */
import type { Environment } from '../settings/sources.ts';
import { takeAccess } from './access.ts';
import type { Command } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { commandHelp } from './help.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { parseLine } from './parse.ts';

/** Rejects as the command does; `failure.ts` tells that. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  environment: Environment,
): Promise<ExitCode> {
  const line = parseLine(command, args);
  switch (line.kind) {
    case 'help':
      return show(commandHelp(command, line));
    case 'wrong':
      return refuse(`${line.message} (kvorum ${command.name} --help)`);
    case 'run':
      takeAccess(line.flags, environment);
      return command.run({ ...line, environment });
    default:
      return line satisfies never;
  }
}

export async function show(text: string): Promise<ExitCode> {
  await writeResult(text);
  return exitCodes.ok;
}

export function refuse(message: string): ExitCode {
  writeNotice(`kvorum: ${printable(message)}`);
  return exitCodes.usage;
}
