/** The one table of commands, in the order in which help lists them. */
import { benchCommand } from '../../profiling/cli/bench-command.ts';
import type { Command } from './command.ts';
import { compareCommand } from '../../profiling/cli/compare.ts';
import { completionCommand } from './completion-command.ts';
import { configCommand } from './config-command.ts';
import { helpCommand } from './help.ts';
import { profileCommand } from '../../profiling/cli/profile.ts';
import { inspectCommand } from './inspect.ts';
import { digestCommand, repairCommand } from './repair.ts';
import { recoverCommand } from './recover.ts';
import { delCommand, getCommand, putCommand } from './record-commands.ts';
import { scanCommand } from './scan.ts';
import { serveCommand } from './serve.ts';
import { statusCommand } from './status.ts';
import { upCommand } from './up.ts';

const ownCommands: readonly Command[] = [
  upCommand,
  serveCommand,
  getCommand,
  putCommand,
  delCommand,
  scanCommand,
  statusCommand,
  inspectCommand,
  recoverCommand,
  repairCommand,
  digestCommand,
  benchCommand,
  compareCommand,
  profileCommand,
  configCommand,
];

export const commands: readonly Command[] = [
  ...ownCommands,
  completionCommand(() => commands),
  helpCommand(() => commands),
];
