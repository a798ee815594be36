/**
 * What a command is: its name, what it takes, examples, and what it does. Parsing, help and suggestions are made from
 * this; a new command is one such object in the table of commands.ts.
 */
import type { Environment, Flags } from '../settings/sources.ts';
import type { ExitCode } from './exit-codes.ts';

export interface Option {
  /** Without the dashes. */
  readonly flag: string;
  /** Another name for it, without the dashes. */
  readonly alias?: string;
  /** One letter. */
  readonly short?: string;
  /** How help names the value; absent for a switch. `a|b` are the words that it takes. */
  readonly placeholder?: string;
  /** The words that it takes, where the placeholder does not list them. */
  readonly choices?: readonly string[];
  readonly about: string;
  /** May be given several times; the values become one list, separated by commas. Else the last one counts. */
  readonly isRepeatable?: boolean;
  /** A switch that `--no-FLAG` turns off. */
  readonly isNegatable?: boolean;
  /** What most people never need: only `--help-all` shows it. */
  readonly isRare?: boolean;
  /** Why the option went away; a command line that has it is refused with this word. Neither in help nor suggested. */
  readonly gone?: string;
}

export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What stands after the name, for example `KEY [options]`. */
  readonly usage: string;
  /** Sentences for the command's own help. */
  readonly details?: string;
  /** How many arguments that are not options. */
  readonly positionals: { readonly min: number; readonly max: number };
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}

/** A command line that was parsed for its command. */
export interface Invocation {
  readonly flags: Flags;
  readonly positionals: readonly string[];
  readonly environment: Environment;
}

export const helpOption: Option = { flag: 'help', short: 'h', about: 'Show this help' };

export const helpAllOption: Option = { flag: 'help-all', about: 'Show this help with all options' };

/** The options that help can show: a command's own that have not gone away, and those for help. */
export function optionsOf({ options }: Pick<Command, 'options'>): readonly Option[] {
  return [...options.filter(({ gone }) => gone === undefined), helpOption, helpAllOption];
}

export const outputOption: Option = {
  flag: 'output',
  placeholder: 'table|json',
  about: 'How results are written; default table',
};
