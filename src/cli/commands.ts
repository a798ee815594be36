/** The one table of commands, in the order in which help lists them. */
import { backupCommand } from './backup.ts';
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
import { restoreCommand } from './restore.ts';
import { delCommand, getCommand, putCommand } from './record-commands.ts';
import { scanCommand } from './scan.ts';
import { serveCommand } from './serve.ts';
import { statusCommand } from './status.ts';
import { tokenCommand } from './token.ts';
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
  backupCommand,
  restoreCommand,
  recoverCommand,
  repairCommand,
  digestCommand,
  tokenCommand,
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
