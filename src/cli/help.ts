/** Help texts, made from the command table, and the `help` command. */
import { suggestion } from '../diagnostics/nearest.ts';
import { optionsOf, type Command, type Option } from './command.ts';
import { exitCodeMeanings, exitCodes } from './exit-codes.ts';
import { renderColumns, terminalWidth, writeNotice, writeResult } from './output.ts';

/** All commands in short: what `kvorum` and `kvorum --help` show. */
export function overview(commands: readonly Command[]): string {
  return [
    'Kvorum, a leaderless, quorum-replicated key-value store\n',
    'Usage: kvorum COMMAND [options]\n',
    `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    'Examples:\n  kvorum up\n  kvorum put greeting hello\n  kvorum get greeting\n',
    `Exit codes:\n${columns(Object.entries(exitCodeMeanings))}`,
    'kvorum help COMMAND shows a command, kvorum --version the version.\n',
  ].join('\n');
}

/** One command, with the options that most people need, or with all. */
export function commandHelp(command: Command, { isAll }: { readonly isAll: boolean }): string {
  const { name, summary, usage, details, examples } = command;
  const options = optionsOf(command);
  const shown = options.filter(({ isRare = false }) => isAll || !isRare);
  const rest = options.length - shown.length;
  return [
    `${summary}\n`,
    `Usage: kvorum ${name}${usage === '' ? '' : ` ${usage}`}\n`,
    ...(details === undefined ? [] : [columns([[details]], '')]),
    `Options:\n${columns(shown.map((option) => [spelling(option), option.about]))}`,
    ...(rest === 0 ? [] : [`${rest} more options: kvorum ${name} --help-all\n`]),
    `Examples:\n${examples.map((example) => `  ${example}\n`).join('')}`,
  ].join('\n');
}

/** One line for a name that is no command. */
export function unknownCommand(name: string, names: readonly string[]): string {
  return `Unknown command "${name}"${suggestion(name, names) || '; kvorum --help lists all'}`;
}

/** The `help` command for all of `commands`, itself among them. */
export function helpCommand(commands: () => Promise<readonly Command[]>): Command {
  return {
    name: 'help',
    summary: 'Show what a command does and takes',
    usage: '[COMMAND]',
    positionals: { min: 0, max: 1 },
    options: [],
    examples: ['kvorum help', 'kvorum help serve'],
    run: async ({ positionals: [name] }) => {
      const all = await commands();
      const asked = all.find((one) => one.name === name);
      if (name !== undefined && asked === undefined) {
        writeNotice(
          `kvorum: ${unknownCommand(
            name,
            all.map((one) => one.name),
          )}`,
        );
        return exitCodes.usage;
      }
      await writeResult(asked === undefined ? overview(all) : commandHelp(asked, { isAll: false }));
      return exitCodes.ok;
    },
  };
}

function spelling({ flag, short, placeholder, isNegatable }: Option): string {
  const long = isNegatable === true ? `--[no-]${flag}` : `--${flag}`;
  const both = short === undefined ? `    ${long}` : `-${short}, ${long}`;
  return placeholder === undefined ? both : `${both} ${placeholder}`;
}

function columns(rows: readonly (readonly string[])[], indent = '  '): string {
  return renderColumns(rows, { indent, width: terminalWidth() });
}
