/** One node of a tortured cluster: its process, its directory and its clock, and what was done to them. */
import type { Buffer } from 'node:buffer';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../support/client.ts';
import type { FakeClock } from '../support/faketime.ts';
import type { NodeProcess } from '../support/node-process.ts';
import type { Random } from '../support/random.ts';
import { loses, type Fault, type Stop } from './faults.ts';
import { flipInLog, flipInValue, type Flip } from './flips.ts';
import type { NodeCondition } from './overlap.ts';

const STORE_FILE = 'store.mdb';
/** Of a value or of the log, at most. */
const FLIPS_MAX = 3;
/** What the node logs when it begins to recover. */
const RECOVERS = 'this node recovers';

export class TorturedNode {
  readonly name: string;
  readonly process: NodeProcess;
  /** What the others call it. */
  readonly front: string;
  readonly clock: FakeClock | undefined;
  /** What its store is, and what it was given since. */
  isDown = false;
  hasLost = false;
  isDamaged = false;
  copy: NodeCondition['copy'] = 'none';
  aheadMs = 0;
  /** Why the process ended although nobody ended it. */
  readonly endedByItself: string[] = [];
  #isEndExpected = false;
  /** Counts the starts of its process. */
  start = 0;
  /** Where its log began when it was started last. */
  #startedAt = 0;
  /** Where its log was when its directory was replaced by an older copy, until that is behind it. */
  #restoredAt: number | undefined;

  constructor(name: string, process: NodeProcess, front: string, clock: FakeClock | undefined) {
    [this.name, this.process, this.front, this.clock] = [name, process, front, clock];
  }

  get url(): string {
    return this.process.url;
  }

  /** Starts the process and does not wait for it. */
  begin(): void {
    this.start++;
    this.#isEndExpected = false;
    this.#startedAt = this.process.stderr.length;
    this.process.spawn();
    void this.process.exited.then(({ code, signal }) => {
      if (this.#isEndExpected) return;
      const said = this.process.stderr.slice(this.#startedAt).slice(-2000);
      this.endedByItself.push(`${this.name} ended by itself with ${code ?? signal}: ${said}`);
    });
    this.isDown = false;
  }

  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.isDown = true;
    this.#isEndExpected = true;
    await this.process.stop(signal);
    this.#tidy();
  }

  /** Ends the process for good. */
  async end(): Promise<void> {
    this.#isEndExpected = true;
    await this.process.kill();
    this.#tidy();
  }

  /** libfaketime leaves these behind where its process is killed, and a later process may have the same number. */
  #tidy(): void {
    const { pid } = this.process;
    for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) rmSync(`/dev/shm/${name}`, { force: true });
  }

  /** What its store is to lose counts from now on, before the node has stopped: meanwhile no other store may lose anything. */
  announce(fault: Fault): void {
    if (loses(fault)) this.hasLost = true;
    if (fault.kind === 'flip-values') this.isDamaged = true;
  }

  /** Does to the directory of the stopped node what is to happen to it; whether there was something to do it to. */
  spoil(kind: Stop, random: Random): boolean {
    const { dataDirectory } = this.process;
    switch (kind) {
      case 'kill':
        return true;
      case 'wipe':
        rmSync(dataDirectory, { recursive: true, force: true });
        this.isDamaged = false;
        this.#restoredAt = undefined;
        return true;
      case 'copy':
        // It was killed before it had made its directory anew.
        if (!existsSync(dataDirectory)) return false;
        rmSync(this.#copied, { recursive: true, force: true });
        cpSync(dataDirectory, this.#copied, { recursive: true });
        this.copy = 'new';
        return true;
      case 'restore':
        rmSync(dataDirectory, { recursive: true, force: true });
        cpSync(this.#copied, dataDirectory, { recursive: true });
        this.#restoredAt = this.process.stderr.length;
        return true;
      case 'flip-log':
        return this.#flip(() => flipInLog(this.#logFiles(), random), random);
      case 'flip-values':
        return this.#flip(() => this.#flipInStore(random), random);
      default:
        return kind satisfies never;
    }
  }

  setClock(aheadMs: number): void {
    this.aheadMs = aheadMs;
    this.clock?.set(aheadMs / 1000);
  }

  /** Whether the node is ready, votes, and has all others up: then what it lost it has again. */
  async isWhole(): Promise<boolean> {
    try {
      const answers = await Promise.all(['/readyz', '/v0/status'].map((path) => this.#ask(path)));
      const { standing, cluster } = JSON.parse(answers[1]?.body.toString() ?? '') as Status;
      const isWhole = answers[0]?.status === 200 && standing.state === 'voting';
      return isWhole && cluster.every(({ self, state }) => self || state === 'up');
    } catch {
      return false;
    }
  }

  /** Takes note that the node is whole; returns what is wrong with that. */
  whole(): string | undefined {
    if (this.copy === 'new') this.copy = 'known';
    const isNoticed = this.#restoredAt === undefined || this.process.stderr.slice(this.#restoredAt).includes(RECOVERS);
    [this.hasLost, this.#restoredAt] = [false, undefined];
    return isNoticed ? undefined : `${this.name} votes with an older copy of its store`;
  }

  #ask(path: string): ReturnType<typeof ask> {
    return ask(this.url, path, { signal: AbortSignal.timeout(5000) });
  }

  get #copied(): string {
    return `${this.process.dataDirectory}-copy`;
  }

  #logFiles(): Map<string, Buffer> {
    const folder = join(this.process.dataDirectory, 'log');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return new Map(names.map((name) => [join('log', name), readFileSync(join(folder, name))]));
  }

  #flipInStore(random: Random): Flip | undefined {
    const path = join(this.process.dataDirectory, STORE_FILE);
    return existsSync(path) ? flipInValue(STORE_FILE, readFileSync(path), random) : undefined;
  }

  #flip(find: () => Flip | undefined, random: Random): boolean {
    let isDone = false;
    for (let left = 1 + random.below(FLIPS_MAX); left > 0; left--) {
      const flip = find();
      if (flip === undefined) break;
      const path = join(this.process.dataDirectory, flip.file);
      const bytes = readFileSync(path);
      bytes[flip.offset] = (bytes[flip.offset] as number) ^ (1 + random.below(255));
      writeFileSync(path, bytes);
      isDone = true;
    }
    return isDone;
  }
}

interface Status {
  readonly standing: { readonly state: string };
  readonly cluster: readonly { readonly self: boolean; readonly state: string }[];
}
