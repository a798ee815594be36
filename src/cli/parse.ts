/**
 * A command line as the command's own options, and the values of these as words and counts; or one sentence that says what
 * is wrong.
 *
 * `parseArgs` of node:util does the splitting, in its lenient mode: its strict mode throws texts of several sentences
 * and knows no nearest option.
 */
import { parseArgs } from 'node:util';
import type { Flags } from '../settings/sources.ts';
import { KvorumError } from '../diagnostics/errors.ts';
import { suggestion } from '../diagnostics/nearest.ts';
import { helpAllOption, helpOption, outputOption, type Command, type Option } from './command.ts';

export type ParsedLine =
  | { readonly kind: 'run'; readonly flags: Flags; readonly positionals: readonly string[] }
  | { readonly kind: 'help'; readonly isAll: boolean }
  | { readonly kind: 'wrong'; readonly message: string };

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

export function parseLine(command: Command, args: readonly string[]): ParsedLine {
  const lossy = textProblem(args);
  if (lossy !== undefined) return { kind: 'wrong', message: lossy };
  const options = [...command.options, helpOption, helpAllOption];
  const tokens = tokensOf(args, options);
  const optionTokens = tokens.filter((token) => token.kind === 'option');
  const has = ({ flag }: Option): boolean => optionTokens.some(({ name }) => name === flag);
  if (has(helpAllOption)) return { kind: 'help', isAll: true };
  if (has(helpOption)) return { kind: 'help', isAll: false };
  const flags = new Map<string, string | boolean>();
  for (const token of optionTokens) {
    const message = takeOption(token, options, flags);
    if (message !== undefined) return { kind: 'wrong', message };
  }
  const positionals = tokens.filter((token) => token.kind === 'positional').map((token) => token.value);
  const message = countProblem(command, positionals);
  return message === undefined ? { kind: 'run', flags, positionals } : { kind: 'wrong', message };
}

/** The value of `--output`. Throws `bad-setting`. */
export function outputFormat(flags: Flags): 'table' | 'json' {
  return choiceFlag(flags, outputOption.flag, ['table', 'json'], 'table');
}

/** The value of a flag that takes any text, or undefined if it is not given. */
export function textFlag(flags: Flags, flag: string): string | undefined {
  const given = flags.get(flag);
  return given === undefined ? undefined : String(given);
}

/** The value of a flag that takes one of several words. Throws `bad-setting`. */
export function choiceFlag<T extends string>(flags: Flags, flag: string, of: readonly T[], fallback: T): T {
  const given = flags.get(flag);
  if (given === undefined) return fallback;
  return of.find((one) => one === given) ?? refuseFlag(flag, given, `${of.slice(0, -1).join(', ')} or ${of.at(-1)}`);
}

/** The value of a flag that takes a whole number from 1, or undefined if it is not given. Throws `bad-setting`. */
export function countFlag(flags: Flags, flag: string, max: number): number | undefined {
  const given = flags.get(flag);
  if (given === undefined) return undefined;
  const count = /^\d+$/.test(String(given)) ? Number(given) : NaN;
  if (count >= 1 && count <= max) return count;
  return refuseFlag(flag, given, `a whole number from 1 to ${max}`);
}

/** Throws `bad-setting`, with the flag's value and what it should be. */
export function refuseFlag(flag: string, given: string | number | boolean, expected: string): never {
  throw new KvorumError('bad-setting', `Bad --${flag} "${given}": expected ${expected}`);
}

function tokensOf(args: readonly string[], options: readonly Option[]): readonly Token[] {
  const config = Object.fromEntries(
    options.flatMap((option) => namesOf(option).map((name) => [name, configOf(option)] as const)),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens ?? [];
}

function namesOf({ flag, alias }: Option): readonly string[] {
  return alias === undefined ? [flag] : [flag, alias];
}

function configOf(option: Option): { type: 'string' | 'boolean'; short?: string } {
  const type = option.placeholder === undefined ? 'boolean' : 'string';
  return option.short === undefined ? { type } : { type, short: option.short };
}

/** Adds what `token` says to `flags`, or says what is wrong with it. */
function takeOption(
  token: OptionToken,
  options: readonly Option[],
  flags: Map<string, string | boolean>,
): string | undefined {
  const { name, value, rawName } = token;
  const option = options.find(
    (one) => namesOf(one).includes(name) || (one.isNegatable === true && name === `no-${one.flag}`),
  );
  if (option === undefined) return `Unknown option "${rawName}"${suggestOption(token, options)}`;
  if (option.gone !== undefined) return `Option "${rawName}" is gone: ${option.gone}`;
  if (option.placeholder === undefined) {
    if (value !== undefined) return `Option "${rawName}" takes no value`;
    flags.set(option.flag, name === option.flag);
    return undefined;
  }
  if (value === undefined || looksLikeOption(token)) return `Option "${rawName}" needs a value: ${option.placeholder}`;
  const earlier = option.isRepeatable === true ? flags.get(option.flag) : undefined;
  flags.set(option.flag, earlier === undefined ? value : `${String(earlier)},${value}`);
  return undefined;
}

/** `--port --self x`: the value was forgotten. A value that does start with a dash is given as `--port=-x`. */
function looksLikeOption({ value, inlineValue }: OptionToken): boolean {
  return inlineValue !== true && value !== undefined && value.length > 1 && value.startsWith('-');
}

function suggestOption({ name, rawName }: OptionToken, options: readonly Option[]): string {
  if (!rawName.startsWith('--')) return '';
  const flags = options
    .filter(({ gone }) => gone === undefined)
    .flatMap((one) => (one.isNegatable === true ? [one.flag, `no-${one.flag}`] : [one.flag]));
  return suggestion(name, flags, '--');
}

/**
 * Node turns bytes that are not UTF-8 into U+FFFD before anybody sees them: the word is another one than was given, and a
 * key or a value would be stored that nobody meant.
 */
function textProblem(args: readonly string[]): string | undefined {
  const lossy = args.find((word) => word.includes('\ufffd'));
  if (lossy === undefined) return undefined;
  return `Argument "${lossy}" is not UTF-8 text, or has U+FFFD, which stands for that; give such a value in a file or on stdin`;
}

function countProblem(
  { usage, name, positionals: { min, max } }: Command,
  given: readonly string[],
): string | undefined {
  if (given.length < min) return `Too few arguments; usage: kvorum ${name} ${usage}`;
  const excess = given[max];
  return excess === undefined ? undefined : `Unexpected argument "${excess}"; usage: kvorum ${name} ${usage}`;
}
