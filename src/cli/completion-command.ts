/** `kvorum completion`: prints what makes a shell complete Kvorum's commands and options. */
import type { Command } from './command.ts';
import { completionScript, shells } from './completion.ts';
import { exitCodes } from './exit-codes.ts';
import { writeNotice, writeResult } from './output.ts';

/** The `completion` command for all of `commands`, itself among them. */
export function completionCommand(commands: () => Promise<readonly Command[]>): Command {
  return {
    name: 'completion',
    summary: 'Print what makes a shell complete commands and options',
    usage: shells.join('|'),
    details: 'The script holds all words, so print it again after an update of Kvorum.',
    positionals: { min: 1, max: 1 },
    options: [],
    examples: [
      'eval "$(kvorum completion bash)"',
      'kvorum completion zsh > ~/.zfunc/_kvorum',
      'kvorum completion fish > ~/.config/fish/completions/kvorum.fish',
    ],
    run: async ({ positionals: [name] }) => {
      const shell = shells.find((one) => one === name);
      if (shell === undefined) {
        writeNotice(`kvorum: Unknown shell "${name}"; expected ${shells.slice(0, -1).join(', ')} or ${shells.at(-1)}`);
        return exitCodes.usage;
      }
      await writeResult(completionScript(shell, await commands()));
      return exitCodes.ok;
    },
  };
}
