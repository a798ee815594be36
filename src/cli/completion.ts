/**
 * Completion scripts for shells, made from the table of commands: a script holds all words itself, since a script that
 * asked `kvorum` at each key would wait for a process of Node's to start.
 *
 * What completes: commands, options (also those that only `--help-all` shows), and what comes behind an option: its words
 * where it takes one of several, else file names where its placeholder is FILE, DIR or PATH, else nothing.
 */
import { optionsOf, type Command, type Option } from './command.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What may follow an option. */
type Value =
  { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'file' | 'text' | 'none' };

/** Of a command: its flags with their dashes, and the values of those that take one. */
interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly takesFiles: boolean;
  readonly words: readonly string[];
  readonly options: readonly { readonly flag: string; readonly about: string; readonly value: Value }[];
}

const filePlaceholder = /\b(?:FILE|DIR|PATH)\b/;
const choicePlaceholder = /^[a-z0-9-]+(?:\|[a-z0-9-]+)+$/;

/** The script that a shell is to read. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const completed = commands.map((command) => completedOf(command, commands));
  switch (shell) {
    case 'bash':
      return bashScript(completed);
    case 'zsh':
      // zsh reads bash's way of completing; descriptions are worth less than one script that is right in both.
      return `#compdef kvorum\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(completed)}`;
    case 'fish':
      return fishScript(completed);
    default:
      return shell satisfies never;
  }
}

function completedOf(command: Command, commands: readonly Command[]): Completed {
  const options = optionsOf(command).flatMap((option) => {
    const about = firstSentence(option.about);
    const own = { flag: `--${option.flag}`, about, value: valueOf(option) };
    return option.isNegatable === true ? [own, { ...own, flag: `--no-${option.flag}` }] : [own];
  });
  const { name, summary, usage } = command;
  return { name, summary, words: wordsOf(name, commands), options, takesFiles: filePlaceholder.test(usage) };
}

/** What the command's own argument may be, where it is one of several words. */
function wordsOf(name: string, commands: readonly Command[]): readonly string[] {
  if (name === 'help') return commands.map((command) => command.name);
  return name === 'completion' ? shells : [];
}

function valueOf({ placeholder, choices }: Option): Value {
  if (placeholder === undefined) return { kind: 'none' };
  if (choices !== undefined) return { kind: 'words', words: choices };
  if (choicePlaceholder.test(placeholder)) return { kind: 'words', words: placeholder.split('|') };
  return { kind: filePlaceholder.test(placeholder) ? 'file' : 'text' };
}

function firstSentence(about: string): string {
  return about.replace(/ \(.*$/s, '').replace(/[;:.] .*$/s, '');
}

function bashScript(commands: readonly Completed[]): string {
  return `# Kvorum's completion for bash: eval "$(kvorum completion bash)"
_kvorum() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" words="" files=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]} $previous" in
${commands.flatMap(bashValues).join('\n')}
    *)
      case "\${COMP_WORDS[1]}" in
${commands.map(bashFlags).join('\n')}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -o bashdefault -F _kvorum kvorum
`;
}

function bashValues({ name, options }: Completed): readonly string[] {
  return options.flatMap(({ flag, value }) => {
    if (value.kind === 'none') return [];
    return [`    "${name} ${flag}") ${bashValue(value)} ;;`];
  });
}

function bashValue(value: Value): string {
  if (value.kind === 'words') return `words="${value.words.join(' ')}"`;
  return value.kind === 'file' ? 'files=1' : 'return';
}

function bashFlags({ name, words, options, takesFiles }: Completed): string {
  const all = [...words, ...options.map(({ flag }) => flag)].join(' ');
  return `        ${name}) words="${all}"${takesFiles ? ' files=1' : ''} ;;`;
}

function fishScript(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, summary, words, options, takesFiles }) => {
    const inside = `complete -c kvorum -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c kvorum -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
      ...(takesFiles ? [] : [`${inside} -f`]),
      ...(words.length === 0 ? [] : [`${inside} -a '${words.join(' ')}'`]),
      ...options.map(
        ({ flag, about, value }) => `${inside} -l ${flag.slice(2)}${fishValue(value)} -d ${quoted(about)}`,
      ),
    ];
  });
  return `# Kvorum's completion for fish: kvorum completion fish > ~/.config/fish/completions/kvorum.fish\n${lines.join('\n')}\n`;
}

function fishValue(value: Value): string {
  if (value.kind === 'none') return '';
  if (value.kind === 'words') return ` -x -a '${value.words.join(' ')}'`;
  return value.kind === 'file' ? ' -r -F' : ' -x';
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
