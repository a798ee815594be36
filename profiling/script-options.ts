/**
 * The command lines of the project's own scripts and long tests, which are no commands of `kvorum`: a line that cannot be read
 * gets one sentence and exit code 2, and a number is a number.
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { exitCodes } from '../src/cli/exit-codes.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowNegative: true }>>['values'];

export type ReadLine<O extends Options> =
  | { readonly kind: 'read'; readonly values: Parsed<O>; readonly positionals: readonly string[] }
  | { readonly kind: 'wrong'; readonly message: string };

export interface ScriptLine<O extends Options> {
  /** As for `parseArgs` of node:util. */
  readonly options: O;
  /** Options that take a number from 0. */
  readonly numbers?: readonly (keyof O & string)[];
  /** The words of options that take one of several. */
  readonly choices?: Readonly<Partial<Record<keyof O & string, readonly string[]>>>;
  readonly allowPositionals?: boolean;
}

/** What a command line says, or what is wrong with it, in one sentence. */
export function readScriptLine<const O extends Options>(
  { options, numbers = [], choices, allowPositionals = false }: ScriptLine<O>,
  args: readonly string[],
): ReadLine<O> {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals, allowNegative: true });
    const values: Readonly<Record<string, unknown>> = parsed.values;
    const problem = [...numbers.map((name) => [name, undefined] as const), ...Object.entries(choices ?? {})]
      .map(([name, words]) => wrongValue(name, values[name], words))
      .find((text) => text !== undefined);
    if (problem !== undefined) return { kind: 'wrong', message: problem };
    return { kind: 'read', values: parsed.values, positionals: parsed.positionals };
  } catch (error) {
    // It goes on with advice on "--" that none of these scripts has a use for.
    return { kind: 'wrong', message: (error as Error).message.split('. ')[0] as string };
  }
}

/** The same of this process's own line; one that is wrong ends the process. */
export function scriptLine<const O extends Options>(line: ScriptLine<O>): Extract<ReadLine<O>, { kind: 'read' }> {
  const read = readScriptLine(line, process.argv.slice(2));
  if (read.kind === 'read') return read;
  process.stderr.write(`${read.message}; the head of the script's file names its options\n`);
  process.exit(exitCodes.usage);
}

/** What is wrong with an option's value, which is one of the words, or else a number as people write it; one not given is right. */
function wrongValue(name: string, given: unknown, words?: readonly string[]): string | undefined {
  const text = String(given);
  if (given === undefined || (words?.includes(text) ?? /^\d+(?:\.\d+)?$/.test(text))) return undefined;
  return `Bad --${name} "${text}": expected ${words === undefined ? 'a number from 0' : words.join(', ')}`;
}
