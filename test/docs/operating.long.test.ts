/**
 * docs/operating.md, run from top to bottom: loopback addresses stand for its machines, folders for their file systems, and
 * short scripts for `systemctl` and `scp`. Everything else is as it is written there.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { withoutSettings } from '../../src/child-environment.ts';
import { freePorts } from '../../src/free-ports.ts';
import { within } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const page = readFileSync('docs/operating.md', 'utf8');
const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const machines = ['db1', 'db2', 'db3'];
/** Far above what a step takes on a loaded machine. */
const stepMsMax = 120_000;

type Step =
  | { readonly kind: 'run'; readonly machine: string; readonly commands: string }
  | { readonly kind: 'lose'; readonly machine: string };

/** What the page says, in its order; a block for several machines is a step on each. */
function stepsOf(text: string): readonly Step[] {
  return [...text.matchAll(/<!-- lost: (\w+) -->|```sh\n# on ([^\n]+)\n(.*?)```/gs)].flatMap(
    ([, lost, on, commands]): Step[] => {
      if (lost !== undefined) return [{ kind: 'lose', machine: lost }];
      const named = machines.filter((machine) => on?.includes(machine));
      return named.map((machine) => ({ kind: 'run', machine, commands: commands ?? '' }));
    },
  );
}

const scripts: Readonly<Record<string, string>> = {
  kvorum: `exec "${process.execPath}" "${program}" "$@"`,
  scp: 'exec cp "$1" "$2"',
  systemctl: `
pid="$HOME/pid"
case "$1" in
  restart) "$0" stop "$2"; exec "$0" start "$2" ;;
  stop) kill "$(cat "$pid")"; while kill -0 "$(cat "$pid")" 2> /dev/null; do sleep 0.1; done; rm "$pid" ;;
  start)
    set -a; . "$HOME/etc/kvorum/kvorum.env"; set +a
    KVORUM_DATA="$HOME/var/lib/kvorum" KVORUM_DRAIN_DELAY_MS=0 KVORUM_TIMEOUT_MS=30s \\
      "${process.execPath}" "${program}" serve > /dev/null 2>> "$HOME/log" &
    echo $! > "$pid" ;;
  *) exit 1 ;;
esac`,
};

class Site {
  readonly #root: string;
  readonly #port: number;

  constructor(root: string, port: number) {
    this.#root = root;
    this.#port = port;
    mkdirSync(join(root, 'bin'));
    mkdirSync(join(root, 'var/backups'), { recursive: true });
    for (const machine of machines) this.#furnish(machine);
    for (const [name, text] of Object.entries(scripts)) {
      writeFileSync(join(root, 'bin', name), `#!/usr/bin/env bash\n${text}\n`, { mode: 0o755 });
    }
  }

  /** Resolves to the exit code and what the commands printed. */
  async run(machine: string, commands: string): Promise<{ code: number | null; output: string }> {
    const home = join(this.#root, machine);
    const { PATH = '', ...rest } = withoutSettings(process.env);
    const url = this.#placed(`http://${machine}.example:8080`, machine);
    // On the machine itself the command line finds the node at its default URL.
    const env = { ...rest, HOME: home, PATH: `${join(this.#root, 'bin')}:${PATH}`, KVORUM_URL: url };
    const child = spawn('bash', ['-euc', this.#placed(commands, machine)], { env, timeout: stepMsMax });
    const output: string[] = [];
    child.stdout.on('data', (text) => output.push(String(text)));
    child.stderr.on('data', (text) => output.push(String(text)));
    await within(once(child, 'exit'), commands, stepMsMax);
    return { code: child.exitCode, output: output.join('') };
  }

  lose(machine: string): void {
    this.kill(machine);
    rmSync(join(this.#root, machine), { recursive: true, force: true });
    this.#furnish(machine);
  }

  kill(machine: string): void {
    const pid = join(this.#root, machine, 'pid');
    if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
  }

  log(machine: string): string {
    const path = join(this.#root, machine, 'log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  #furnish(machine: string): void {
    for (const folder of ['etc/kvorum', 'var/lib']) mkdirSync(join(this.#root, machine, folder), { recursive: true });
  }

  /** The text with the page's machines and paths as they are here. */
  #placed(text: string, machine: string): string {
    return text
      .replaceAll(/db(\d)\.example:(\/\S+)/g, (_, number, path) =>
        join(this.#root, `db${String(number)}`, String(path)),
      )
      .replaceAll(/db(\d)\.example:8080/g, (_, number) => `127.0.0.1${String(number)}:${this.#port}`)
      .replaceAll('/var/backups/', join(this.#root, 'var/backups/'))
      .replaceAll(/(?<![\w/.-])\/etc\/kvorum\//g, join(this.#root, machine, 'etc/kvorum/'));
  }
}

test('the guide is right: its commands run from top to bottom', async (t) => {
  const [port = 0] = await freePorts(1);
  const site = new Site(temporaryDirectory(t), port);
  after(() => machines.forEach((machine) => site.kill(machine)));
  const steps = stepsOf(page);
  assert.ok(steps.length >= 12, `${steps.length} steps`);
  for (const step of steps) {
    if (step.kind === 'lose') {
      site.lose(step.machine);
      continue;
    }
    const { code, output } = await site.run(step.machine, step.commands);
    assert.equal(code, 0, `on ${step.machine}: ${step.commands}\n${output}\n${site.log(step.machine).slice(-4000)}`);
    if (step.commands.includes('kvorum get greeting')) assert.match(output, /^hello$/m);
  }
});

test('every block of commands says where it runs', () => {
  const blocks = [...page.matchAll(/```sh\n([^\n]*)/g)];
  for (const [, first = ''] of blocks) assert.match(first, /^# on db\d/);
});

test('every alert has a section, and every section an alert', () => {
  const rules = parse(readFileSync('scripts/deploy/alerts.yml', 'utf8')) as {
    groups: { rules: { alert: string }[] }[];
  };
  const alerts = rules.groups.flatMap((group) => group.rules.map(({ alert }) => alert));
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(new Set(sections), new Set(alerts));
});
