/**
 * The one table of commands, in the order in which help lists them. A command's file is loaded when the command is asked for:
 * a node, and whatever asks one for a key, needs none of the others.
 */
import type { Command } from './command.ts';

const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up.ts')).upCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  get: async () => (await import('./record-commands.ts')).getCommand,
  put: async () => (await import('./record-commands.ts')).putCommand,
  del: async () => (await import('./record-commands.ts')).delCommand,
  scan: async () => (await import('./scan.ts')).scanCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  inspect: async () => (await import('./inspect.ts')).inspectCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  restore: async () => (await import('./restore.ts')).restoreCommand,
  recover: async () => (await import('./recover.ts')).recoverCommand,
  repair: async () => (await import('./repair.ts')).repairCommand,
  digest: async () => (await import('./repair.ts')).digestCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  bench: async () => (await import('../../profiling/cli/bench-command.ts')).benchCommand,
  compare: async () => (await import('../../profiling/cli/compare.ts')).compareCommand,
  profile: async () => (await import('../../profiling/cli/profile.ts')).profileCommand,
  config: async () => (await import('./config-command.ts')).configCommand,
  completion: async () => (await import('./completion-command.ts')).completionCommand(allCommands),
  help: async () => (await import('./help.ts')).helpCommand(allCommands),
};

export const commandNames: readonly string[] = Object.keys(loaders);

/** Undefined if there is no such command. */
export async function commandNamed(name: string): Promise<Command | undefined> {
  return Object.hasOwn(loaders, name) ? loaders[name]?.() : undefined;
}

export function allCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(loaders).map((load) => load()));
}
