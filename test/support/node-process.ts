/** A node as a process of its own: started, watched, stopped and started again on the same port and directory. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stopWithParentEnvironmentName, withoutSettings } from '../../src/child-environment.ts';
import { ask } from './client.ts';
import { eventually, within } from './eventually.ts';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface NodeProcessOptions {
  readonly port: number;
  /** The loopback address that it listens on; by default 127.0.0.1. */
  readonly host?: string;
  /** Its own URL; by default that of its port. */
  readonly self?: string;
  /** By which tests ask it; default `http`. */
  readonly scheme?: 'http' | 'https';
  readonly cluster: readonly string[];
  readonly dataDirectory: string;
  /** Further arguments of `kvorum serve`. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The nodes that this test process has started; they end with it, however it ends. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class NodeProcess {
  readonly url: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Everything that the node has written to stderr since its first start. */
  stderr = '';
  readonly #options: NodeProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.port = options.port;
    this.url = `${options.scheme ?? 'http'}://${options.host ?? '127.0.0.1'}:${options.port}`;
    this.dataDirectory = options.dataDirectory;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the process that was started last has ended. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  /** The log lines, parsed. */
  get logs(): { level: string; message: string }[] {
    const lines = this.stderr.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as { level: string; message: string });
  }

  /** Starts the process and does not wait for it. */
  spawn(moreFlags: readonly string[] = []): void {
    const { cluster, flags, environment, host, self = this.url } = this.#options;
    const own = ['serve', '--port', String(this.port), '--self', self, '--cluster', cluster.join(',')];
    const where = host === undefined ? [] : ['--host', host];
    const serve = [program, ...own, ...where, '--data', this.dataDirectory, ...flags, ...moreFlags];
    const child = spawn(process.execPath, serve, {
      // The channel ends with this process, and the node with the channel, however this process ends.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...withoutSettings(process.env), [stopWithParentEnvironmentName]: '1', ...environment },
    });
    running.add(child);
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#exited = once(child, 'close').then(() => {
      running.delete(child);
      return { code: child.exitCode, signal: child.signalCode };
    });
  }

  /** Starts the process and waits until it serves. */
  async start(moreFlags: readonly string[] = []): Promise<void> {
    this.spawn(moreFlags);
    await this.ready();
  }

  /** Resolves when the node serves; rejects with what it said if it ends instead. */
  async ready(): Promise<void> {
    const ended = this.#exited.then(({ code }) => {
      throw new Error(`node ${this.url} ended with ${code} before it was ready: ${this.stderr}`);
    });
    const ready = eventually(async () => {
      const { status } = await ask(this.url, '/readyz');
      if (status !== 200) throw new Error(`/readyz answers ${status}: ${this.stderr}`);
    });
    // Whichever loses must not be an unhandled rejection.
    ended.catch(() => {});
    ready.catch(() => {});
    await Promise.race([ready, ended]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.signal(signal);
    return within(this.#exited, `the end of node ${this.url} after ${signal}`);
  }

  /** Ends the process for good, stopped or not. */
  async kill(): Promise<void> {
    if (this.#child === undefined || !running.has(this.#child)) return;
    this.signal('SIGCONT');
    await this.stop('SIGKILL');
  }
}
