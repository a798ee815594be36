/**
 * What a process did to files, out of a record of its system calls (strace -f -y -xx): writes with their bytes, syncs, and
 * changes of names. A call has two moments, its start and its end, as numbers of the record's lines: what a thread learnt
 * from a call that ended is in no earlier line.
 */
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TRACED =
  'open,openat,creat,lseek,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,msync,sync_file_range,rename,renameat,' +
  'renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,truncate,ftruncate,fallocate';

interface Moments {
  readonly start: number;
  /** Infinity where the process ended first. */
  readonly end: number;
  /** Seconds, by the clock of the machine, at the start. */
  readonly time: number;
}

export type FileCall = Moments &
  (
    | { readonly kind: 'open'; readonly path: string; readonly isCreating: boolean; readonly isTruncating: boolean }
    | {
        readonly kind: 'write';
        readonly path: string;
        readonly offset: number;
        readonly bytes: Buffer;
        /** The write is its own sync (O_DSYNC). */
        readonly isSynced: boolean;
      }
    | { readonly kind: 'sync'; readonly path: string }
    | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
    | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
    | { readonly kind: 'remove' | 'make-directory'; readonly path: string }
  );

/** Why system calls cannot be recorded here, or undefined where they can. */
export function whyNoRecording(): string | undefined {
  if (process.platform !== 'linux') return 'system calls are recorded with strace, which is for Linux';
  const tried = spawnSync('strace', ['-f', '-y', '-xx', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
  if (tried.error !== undefined) return 'strace is not installed';
  return tried.status === 0 ? undefined : 'strace may not trace processes here (ptrace)';
}

/** Runs a command to its end and records its calls. */
export function record(
  command: readonly string[],
  file: string,
): { readonly code: number | null; readonly said: string } {
  const options = [
    '-f',
    '-y',
    '-ttt',
    '-xx',
    '-s',
    '100000000',
    '-e',
    `trace=${TRACED}`,
    '-e',
    'signal=none',
    '-o',
    file,
  ];
  const { status, stderr } = spawnSync('strace', [...options, ...command], { encoding: 'utf8' });
  return { code: status, said: stderr };
}

/** The calls on files below `directory`, by their starts. `first` is the number of the record's first line. */
export function readRecord(file: string, directory: string, first: number): { calls: FileCall[]; lines: number } {
  const whole = readFileSync(file);
  const positions = new Map<string, number>();
  const synced = new Set<string>();
  const unfinished = new Map<string, { text: string; start: number }>();
  const calls: FileCall[] = [];
  let line = first;
  const take = (text: string, start: number, end: number): void => {
    const call = parse(text, { start, end }, { positions, synced });
    if (call !== undefined && call.path.startsWith(directory)) calls.push(call);
  };
  for (let at = 0; at < whole.length; line++) {
    const newline = whole.indexOf(10, at);
    const text = whole.toString('latin1', at, newline < 0 ? whole.length : newline);
    at = newline < 0 ? whole.length : newline + 1;
    const thread = text.slice(0, text.indexOf(' '));
    const resumed = /^\d+\s+[\d.]+ <\.\.\. \w+ resumed>/.exec(text);
    const begun = unfinished.get(thread);
    if (resumed !== null) {
      if (begun !== undefined) take(begun.text + text.slice(resumed[0].length), begun.start, line);
      unfinished.delete(thread);
    } else if (text.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { text: text.slice(0, -'<unfinished ...>'.length), start: line });
    } else {
      take(text, line, line);
    }
  }
  for (const { text, start } of unfinished.values()) take(`${text} = ?`, start, Infinity);
  return { calls: calls.sort((left, right) => left.start - right.start), lines: line - first };
}

/** Positions of descriptors that `write` moves, and those whose writes are synced. */
interface Descriptors {
  readonly positions: Map<string, number>;
  readonly synced: Set<string>;
}

function parse(text: string, moments: Omit<Moments, 'time'>, descriptors: Descriptors): FileCall | undefined {
  const [, time = '0', name = '', rest = ''] = /^\d+\s+([\d.]+) (\w+)\((.*)$/s.exec(text) ?? [];
  if (/\) += -\d+ E[A-Z]+/.test(text.slice(-200))) return undefined;
  const when = { ...moments, time: Number(time) };
  const descriptor = /^(\d+)<([^>]*)>/.exec(rest);
  const path = descriptor === null ? '' : unescape(descriptor[2] ?? '').toString();
  const names = /^(rename|link|unlink|mkdir)/.test(name) ? stringsOf(rest).map(String) : [];
  if (name.includes('open')) return parseOpen(rest, when, descriptors);
  if (name === 'lseek') {
    const [, position] = / = (\d+)$/.exec(rest) ?? [];
    descriptors.positions.set(descriptor?.[1] ?? '', Number(position));
    return undefined;
  }
  if (name.includes('write'))
    return parseWrite(name, rest, { descriptor: descriptor?.[1] ?? '', path, when, descriptors });
  if (name === 'fsync' || name === 'fdatasync') return { kind: 'sync', path, ...when };
  if (name === 'ftruncate') return { kind: 'truncate', path, length: Number(/, (\d+)/.exec(rest)?.[1]), ...when };
  if (name.startsWith('link')) return { kind: 'link', path: names[0] ?? '', to: names[1] ?? '', ...when };
  if (name.startsWith('rename')) return { kind: 'rename', path: names[0] ?? '', to: names[1] ?? '', ...when };
  if (name.startsWith('unlink')) return { kind: 'remove', path: names[0] ?? '', ...when };
  if (name.startsWith('mkdir')) return { kind: 'make-directory', path: names[0] ?? '', ...when };
  return undefined;
}

function parseOpen(rest: string, when: Moments, { positions, synced }: Descriptors): FileCall | undefined {
  const flags = /", ([A-Z_|]+)/.exec(rest)?.[1]?.split('|') ?? [];
  const [, descriptor = '', name = ''] = /= (\d+)<([^>]*)>/.exec(rest) ?? [];
  positions.set(descriptor, 0);
  if (flags.includes('O_DSYNC') || flags.includes('O_SYNC')) synced.add(descriptor);
  else synced.delete(descriptor);
  const path = unescape(name).toString();
  return {
    kind: 'open',
    path,
    isCreating: flags.includes('O_CREAT'),
    isTruncating: flags.includes('O_TRUNC'),
    ...when,
  };
}

interface WriteCall {
  readonly descriptor: string;
  readonly path: string;
  readonly when: Moments;
  readonly descriptors: Descriptors;
}

function parseWrite(name: string, rest: string, call: WriteCall): FileCall | undefined {
  const { descriptor, path, when, descriptors } = call;
  const bytes = Buffer.concat(stringsOf(rest));
  const position = descriptors.positions.get(descriptor) ?? 0;
  const [, given] = /, (\d+) *\)? *(?:= .*)?$/.exec(rest.slice(-100)) ?? [];
  const offset = name.startsWith('p') ? Number(given) : position;
  if (!name.startsWith('p')) descriptors.positions.set(descriptor, position + bytes.length);
  return { kind: 'write', path, offset, bytes, isSynced: descriptors.synced.has(descriptor), ...when };
}

/** The strings among a call's arguments; none of them holds a quotation mark. */
function stringsOf(rest: string): Buffer[] {
  return rest
    .split('"')
    .filter((_, index) => index % 2 === 1)
    .map((text) => unescape(text));
}

/** Text as `-xx` writes it. */
function unescape(text: string): Buffer {
  return text.startsWith('\\x') ? Buffer.from(text.replaceAll('\\x', ''), 'hex') : Buffer.from(text);
}
