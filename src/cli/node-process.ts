/**
 * One `kvorum serve` as a child of `kvorum up`: its process, its log file, and how it ended.
 *
 * The child leads a process group of its own: a Ctrl-C in the terminal reaches `up` only, which then stops the children
 * in good order (a node that got both the terminal's SIGINT and the parent's SIGTERM would take the second as an order to
 * stop at once). The IPC channel is there for its end: the system closes it when `up` dies, however that happens, and the
 * child then stops.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serveArguments, serveEnvironment } from '../settings/config.ts';
import type { NodeSettings } from '../settings/settings.ts';
import type { Environment } from '../settings/sources.ts';
import { stopWithParentEnvironmentName, withoutSettings } from '../child-environment.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { KIB } from '../domain/units.ts';

export interface NodeProcessOptions {
  readonly name: string;
  readonly settings: NodeSettings;
  readonly logFile: string;
  readonly environment: Environment;
}

const program = fileURLToPath(new URL('main.js', import.meta.url));

export class NodeProcess {
  readonly name: string;
  readonly url: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Resolves when the process has ended, with how: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  /** Where this run's part of the log starts. */
  readonly #logStart: number;
  #isRunning = true;

  constructor({ name, settings, logFile, environment }: NodeProcessOptions) {
    this.name = name;
    this.url = settings.self;
    this.dataDirectory = settings.dataDirectory;
    this.logFile = logFile;
    const log = openLog(logFile);
    this.#logStart = fstatSync(log).size;
    this.#child = spawn(process.execPath, [program, 'serve', ...serveArguments(settings)], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: childEnvironment(environment, settings),
    });
    closeSync(log);
    this.ended = this.#waitForEnd();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The last line that this run wrote, or undefined. */
  lastLogLine(): string | undefined {
    return lastLine(this.logFile, this.#logStart);
  }

  async #waitForEnd(): Promise<string> {
    const how = await endOf(this.#child);
    this.#isRunning = false;
    return how;
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  try {
    await once(child, 'exit');
    return child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
  } catch (error) {
    return `cannot be started: ${messageOf(error)}`;
  }
}

function childEnvironment(environment: Environment, settings: NodeSettings): Record<string, string | undefined> {
  return { ...withoutSettings(environment), ...serveEnvironment(settings), [stopWithParentEnvironmentName]: '1' };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new KvorumError('store-unusable', `Cannot write log "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function lastLine(path: string, start: number): string | undefined {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size - start, 16 * KIB));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString().trimEnd().split('\n').at(-1) || undefined;
  } finally {
    closeSync(file);
  }
}
