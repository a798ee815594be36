/**
 * The import rules of the code base, as data: what each room may import, and who may name a package. They hold because
 * this test reads every import of every source file, types included. The linter adds that no files import each other in
 * a circle (`import/no-cycle`), that no file has a default export and that none says `any`.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

/** This file runs as dist/test/architecture.test.js. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const linesMax = 400;
const scannedFolders = ['src', 'workers', 'profiling', 'scripts', 'test'] as const;

/** What the main thread and the workers share. */
const shared = 'src/diagnostics, src/files, src/formats, src/domain, src/metrics, src/waits, src/protocol';

/**
 * Each room, and the rooms whose files its files may import besides those beside them. A room is the files of one
 * folder, or a file with rules of its own. A room names only rooms above it in this list: so no folders import
 * each other in a circle. `type X` allows types alone.
 */
const rooms: Readonly<Record<string, string>> = {
  'src/diagnostics': '',
  'src/files': 'src/diagnostics',
  'src/formats': 'src/diagnostics',
  'src/domain': 'src/diagnostics, src/formats',
  // Certificates, and sockets inside TLS, for both kinds of threads and for those who ask nodes.
  'src/tls': 'src/diagnostics, src/formats',
  'src/metrics': 'src/diagnostics',
  'src/waits': 'src/diagnostics',
  'src/protocol': 'src/diagnostics, type src/formats, type src/domain, type src/tls, type src/metrics, type src/waits',
  'src/settings/kinds.ts': 'src/diagnostics, src/domain',
  'src/settings/entries': 'src/diagnostics, src/domain, src/settings/kinds.ts',
  'src/settings': 'src/diagnostics, src/domain, type src/tls, src/settings/kinds.ts, src/settings/entries',
  // Others install it, browsers too: `fetch` is all that it needs.
  'src/client': 'src/formats',
  'src/child-environment.ts': '',
  'src/free-ports.ts': 'src/diagnostics',

  // A thread of the pool. Nothing imports a worker: its files are named by path and started by the pool.
  'workers/ground': shared,
  'workers/store': `${shared}, workers/ground`,
  'workers/peers': `${shared}, src/tls, workers/ground`,
  'workers/ranges': `${shared}, workers/ground, workers/store, workers/peers`,
  'workers/replica': `${shared}, src/tls, workers/ground, workers/store, workers/peers, workers/ranges`,
  'workers/repair': `${shared}, type src/settings, workers/ground, workers/store, workers/peers, workers/ranges, workers/replica`,
  'workers/recovery': `${shared}, type src/settings, workers/ground, workers/peers, workers/ranges, workers/replica`,
  'workers/coordinator': `${shared}, workers/ground, workers/peers, workers/replica`,
  workers:
    `${shared}, type src/tls, type src/settings, workers/ground, workers/store, workers/peers, workers/ranges, workers/replica, ` +
    'workers/repair, workers/recovery, workers/coordinator',

  // The main thread. Of profiling it knows what records inside a node, by one file that loads it when it is asked for.
  'profiling/inside': 'src/diagnostics, src/waits',
  'src/dispatch': `${shared}, type src/tls, type src/settings`,
  // The page, what it asks its node for, and what both know. The browser's part is bundled, as text.
  'src/console': shared,
  'src/console/browser': 'src/console',
  'src/http': `${shared}, src/tls, src/dispatch, src/console`,
  'src/profiler.ts': `${shared}, profiling/inside`,
  'src/status': shared,
  src: `${shared}, src/tls, type src/settings, src/dispatch, src/console, src/http, src/profiler.ts, src/status`,
  'src/cli': `${shared}, src/tls, src/client, src/settings, src/settings/kinds.ts, src/settings/entries, src/child-environment.ts, src/free-ports.ts, src`,

  // Load runs and profiles. They see nodes from outside: they import no part of http, dispatch or workers.
  'profiling/cluster': 'src/diagnostics, src/formats, src/tls, src/free-ports.ts',
  'profiling/load': 'src/diagnostics, src/formats, src/metrics, src/tls, profiling/cluster',
  'profiling/attribution': 'type src/waits, profiling/cluster',
  'profiling/result': 'type src/waits, profiling/load, profiling/attribution',
  'profiling/capture':
    'src/diagnostics, src/domain, src/formats, src/settings, src/waits, profiling/cluster, profiling/attribution, ' +
    'profiling/result',
  'profiling/locks': 'src/diagnostics, profiling/result, profiling/capture',
  'profiling/waits': 'src/diagnostics, src/waits, profiling/load, profiling/result, profiling/capture',
  'profiling/flame': 'src/diagnostics, profiling/attribution, profiling/result, profiling/capture',
  'profiling/compare': 'src/diagnostics, src/domain, src/formats, profiling/cluster, profiling/load, profiling/result',
  'profiling/report':
    'src/domain, profiling/cluster, profiling/load, profiling/attribution, profiling/result, profiling/waits, ' +
    'profiling/flame, profiling/compare',
  // Pages get it bundled, as text.
  'profiling/browser': 'profiling/result, profiling/flame, profiling/report',
  'profiling/clinic':
    'src/diagnostics, src/domain, type src/waits, src/child-environment.ts, src/free-ports.ts, profiling/cluster, ' +
    'profiling/capture',
  'profiling/profile':
    'src/diagnostics, src/waits, profiling/cluster, profiling/load, profiling/attribution, profiling/result, profiling/capture, ' +
    'profiling/locks, profiling/waits, profiling/compare, profiling/report, profiling/clinic',
  'profiling/cli':
    'src/diagnostics, src/domain, src/settings, src/settings/kinds.ts, src/cli, profiling/cluster, profiling/load, ' +
    'profiling/result, profiling/capture, profiling/flame, profiling/compare, profiling/report, profiling/clinic, ' +
    'profiling/profile',
  'profiling/script-options.ts': 'src/cli',
  // What docs/study.md tells, by the commands as processes.
  'profiling/study':
    'src/diagnostics, src/formats, profiling/cluster, profiling/load, profiling/attribution, profiling/result, ' +
    'profiling/compare, profiling/report, profiling/clinic, profiling/script-options.ts',
  // The one table of commands, those of profiling too, and what reads a command line by it.
  'src/cli/commands.ts': 'src/cli, profiling/cli',
  'src/cli/command-line.ts': `${shared}, type src/settings, src/cli, src/cli/commands.ts`,
  'src/cli/program.ts': 'src/cli, src/cli/command-line.ts',
  scripts: 'profiling/cluster, profiling/load, profiling/script-options.ts',
  'scripts/deploy': '',
};

/** Where each package may be named, besides in tests. */
const packages: Readonly<Record<string, readonly string[]>> = {
  piscina: ['src/dispatch/worker-pool.ts', 'workers/entry.ts'],
  lmdb: ['workers/store/environment.ts'],
  'fs-native-extensions': ['src/directory-lock.ts'],
  'sorted-btree': ['workers/store/memtable.ts'],
  undici: [
    'src/cli/admin-client.ts',
    'src/cli/client.ts',
    'workers/peers/exchange.ts',
    'workers/peers/introduction.ts',
    'workers/peers/peer-connection.ts',
    'workers/peers/peer-transport.ts',
    'workers/peers/undici.ts',
    'scripts/http-clients.mjs',
  ],
  uplot: ['profiling/browser/line-chart.ts', 'src/console/browser/chart.ts'],
  'playwright-core': ['profiling/clinic/graph-check.ts', 'profiling/study/pictures.ts'],
};

/** Rooms whose files do no I/O, read no clock and set no timers. */
const pureRooms = new Set(['src/formats', 'src/domain']);
const pureBuiltins = new Set(['node:buffer', 'node:crypto', 'node:zlib']);

/** Rooms whose files a browser runs. */
const browserRooms = new Set(['profiling/browser', 'src/console/browser']);

interface Import {
  /** Path of the importing file from the root, with forward slashes. */
  readonly file: string;
  /** A path from the root for a relative import, else the specifier: `node:fs`, `lmdb`. */
  readonly target: string;
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** The text without comments, and with the contents of string literals kept. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = scannedFolders.flatMap(sourcePaths).map(readSource);
const sources = files.filter(({ path }) => !path.startsWith('test/'));
const imports = sources.flatMap((file) => file.imports);
const roomNames = Object.keys(rooms);

test('the scan sees every form of import, and none inside comments', () => {
  const text = `
    import a from 'a'; import { b } from "b"; import * as c from 'c'; import 'd';
    import type { E } from 'e'; export * from 'f'; export { g } from 'g'; export type { H } from 'h';
    import {
      i,
      type I,
    } from './i.ts';
    const j = await import('j'); type K = import('k').K; const l = require('l');
    // import x from 'x';
    /* import y from 'y'; */ const url = 'http://z'; import m from 'm';
  `;
  const found = importsIn('src/sample.ts', withoutComments(text));
  const targets = found.map(({ target }) => target).sort();
  assert.deepEqual(targets, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'src/i.ts']);
  assert.deepEqual(
    found.filter(({ isTypeOnly }) => isTypeOnly).map(({ target }) => target),
    ['e', 'h'],
  );
});

test('every relative import names a file that is there', () => {
  expectNone(
    files.flatMap((file) => file.imports).filter((one) => isRelative(one) && !existsSync(join(root, one.target))),
  );
});

test('every room has files, and every source file stands in a room', () => {
  const found = new Set(sources.map(({ path }) => roomOf(path)));
  assert.deepEqual([...found].sort(), roomNames.toSorted());
});

test('a room names only rooms above it, so that no folders import each other in a circle', () => {
  expectNone(
    roomNames.flatMap((room, index) => {
      const above = roomNames.slice(0, index);
      return allowedIn(room).flatMap(({ name }) => (above.includes(name) ? [] : [`${room} names ${name}`]));
    }),
  );
});

test('a file imports only what its room may, types included', () => {
  expectNone(
    imports.filter(({ file, target, isTypeOnly }) => {
      if (!isRelative({ target })) return false;
      if (target.startsWith('test/')) return true;
      const [room, other] = [roomOf(file), roomOf(target)];
      return (
        room !== other && !allowedIn(room).some(({ name, onlyTypes }) => name === other && (isTypeOnly || !onlyTypes))
      );
    }),
  );
});

test('a room names no room that none of its files imports', () => {
  const used = new Set(
    imports.filter(isRelative).map(({ file, target }) => `${roomOf(file)} imports ${roomOf(target)}`),
  );
  expectNone(
    roomNames.flatMap((room) => {
      const own = allowedIn(room).filter(({ name }) => !shared.split(', ').includes(name));
      return own.flatMap(({ name }) => (used.has(`${room} imports ${name}`) ? [] : [`${room} names ${name}`]));
    }),
  );
});

test('a package is named only where the list says, and there it is', () => {
  const named = imports.filter((one) => !isRelative(one) && !one.target.startsWith('node:'));
  const found = new Set(named.map(({ file, target }) => `${packageOf(target)} in ${file}`));
  const listed = Object.entries(packages).flatMap(([name, places]) => places.map((place) => `${name} in ${place}`));
  assert.deepEqual([...found].sort(), listed.sort());
});

test('src and workers import no package but the run-time dependencies', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageFile;
  const inNodes = Object.entries(packages).filter(([, places]) =>
    places.some((place) => /^(?:src|workers)\/(?!console\/browser\/)/.test(place)),
  );
  assert.deepEqual(inNodes.map(([name]) => name).sort(), Object.keys(dependencies).sort());
});

test('formats and domain do no I/O, read no clock, no randomness and no environment, and set no timers', () => {
  const impure =
    /\b(?:Date\.now|new Date|performance\.|Math\.random|random(?:Bytes|UUID|Int)|process\.|set(?:Timeout|Interval|Immediate)|queueMicrotask|fetch\()/;
  const pure = sources.filter(({ path }) => pureRooms.has(roomOf(path)));
  expectNone(pure.flatMap(({ path, code }) => (impure.test(code) ? [path] : [])));
  expectNone(pure.flatMap((file) => file.imports).filter((one) => !isRelative(one) && !pureBuiltins.has(one.target)));
});

test('browser code and the client, and what they import, run without Node', () => {
  const withoutNode = new Set([...browserRooms, 'src/client']);
  const reached = new Set(sources.filter(({ path }) => withoutNode.has(roomOf(path))).map(({ path }) => path));
  for (const path of reached) {
    for (const { target, isTypeOnly } of importsOf(path)) {
      if (!isTypeOnly && isRelative({ target })) reached.add(target);
    }
  }
  expectNone([...reached].flatMap(importsOf).filter((one) => one.target.startsWith('node:') && !one.isTypeOnly));
});

test('what records inside a node is loaded when it is asked for, not with the node', () => {
  const statement = /^import (?!type )[^;]*from '[^']*\/profiling\//m;
  expectNone(sources.flatMap(({ path, code }) => (path === 'src/profiler.ts' && statement.test(code) ? [path] : [])));
});

test(`no source file is longer than ${linesMax} lines`, () => {
  const lengths = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  expectNone(lengths.flatMap(({ path, lines }) => (lines > linesMax ? [`${path}: ${lines} lines`] : [])));
});

interface PackageFile {
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The room of a file: itself if it has rules of its own, else its folder. */
function roomOf(path: string): string {
  return Object.hasOwn(rooms, path) ? path : dirname(path);
}

function allowedIn(room: string): { name: string; onlyTypes: boolean }[] {
  const entries = (rooms[room] ?? '').split(', ').filter((entry) => entry !== '');
  return entries.map((entry) => ({ name: entry.replace(/^type /, ''), onlyTypes: entry.startsWith('type ') }));
}

function importsOf(path: string): readonly Import[] {
  return files.find((file) => file.path === path)?.imports ?? [];
}

function isRelative({ target }: Pick<Import, 'target'>): boolean {
  return scannedFolders.some((folder) => target.startsWith(`${folder}/`));
}

function sourcePaths(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcePaths(path);
    return entry.isFile() && /\.(?:ts|mjs|js)$/.test(entry.name) ? [path] : [];
  });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const code = withoutComments(text);
  // The samples of import statements in this very test are text, not imports.
  const scanned = path === 'test/architecture.test.ts' ? code.replace(/`[^`]*`/g, '``') : code;
  return { path, text, code, imports: importsIn(path, scanned) };
}

function importsIn(file: string, code: string): Import[] {
  const statement = /(?:^|[;}\s])(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\s+from\s+)?(['"])([^'"\n]+)\2/g;
  const call = /\b(?:import|require)\(\s*(['"])([^'"\n]+)\1\s*\)/g;
  const statements = [...code.matchAll(statement)].map(([, type, , specifier]) => {
    return { file, target: targetOf(file, specifier ?? ''), isTypeOnly: type !== undefined };
  });
  const calls = [...code.matchAll(call)].map(([, , specifier]) => {
    return { file, target: targetOf(file, specifier ?? ''), isTypeOnly: false };
  });
  return [...statements, ...calls];
}

/** Scripts import what is built; for the rules that is its source. */
function targetOf(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const path = normalize(join(dirname(file), specifier))
    .split(sep)
    .join('/');
  return path.replace(/^dist\/(.*)\.js$/, '$1.ts');
}

/** The code without comments. Strings are skipped over, so that `'http://host'` starts none. */
function withoutComments(text: string): string {
  const stringOrComment =
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![\\/[])\/\/[^\n]*/g;
  return text.replace(stringOrComment, (_, string: string | undefined) => string ?? ' ');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function expectNone(offenders: readonly (Import | string)[]): void {
  const lines = offenders.map((one) => (typeof one === 'string' ? one : `${one.file} imports ${one.target}`));
  assert.deepEqual(lines, []);
}
