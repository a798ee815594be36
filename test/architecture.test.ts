/**
 * The import rules of the code base: what may depend on what, and which file alone names a package. They hold because
 * this test reads every import of every source file; ARCHITECTURE.md tells why each rule is there.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

/** This file runs as dist/test/architecture.test.js. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const linesMax = 400;
/** What main thread and workers share. */
const ground = ['src/diagnostics/', 'src/formats/', 'src/domain/', 'src/metrics/', 'src/waits/', 'src/protocol/'];
const pureBuiltins = new Set(['node:buffer', 'node:crypto', 'node:zlib']);
const scannedFolders = ['src', 'workers', 'profiling', 'scripts', 'test'] as const;

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
const imports = files.flatMap((file) => file.imports);

const filesIn = (...folders: readonly string[]): SourceFile[] => files.filter(({ path }) => isIn(path, folders));
const importsOf = (...folders: readonly string[]): Import[] => imports.filter(({ file }) => isIn(file, folders));
const isRelative = ({ target }: Import): boolean => scannedFolders.some((folder) => target.startsWith(`${folder}/`));
const isBuiltin = ({ target }: Import): boolean => target.startsWith('node:');
const importersOf = (name: string): Import[] =>
  imports.filter(({ target }) => target === name || target.startsWith(`${name}/`));

test('the scan sees the source files and their imports', () => {
  assert.ok(filesIn('src', 'workers').length >= 30, `only ${filesIn('src', 'workers').length} files`);
  assert.ok(importsOf('src', 'workers').length >= 100, `only ${importsOf('src', 'workers').length} imports`);
  for (const name of ['piscina', 'undici', 'lmdb']) assert.ok(importersOf(name).length > 0, `nobody imports ${name}`);
  assert.ok(importsOf('src/domain').some(isBuiltin));
  assert.ok(importsOf('workers').some(({ target }) => target.startsWith('src/domain/')));
});

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
  expectNone(imports.filter((one) => isRelative(one) && !existsSync(join(root, one.target))));
});

test('src/formats is the ground: it imports only itself, errors and builtins that do no I/O, types included', () => {
  const known = ['src/formats/', 'src/diagnostics/errors'];
  expectNone(importsOf('src/formats').filter(({ target }) => !isAnyOf(target, known) && !pureBuiltins.has(target)));
});

test('src/domain, the rules, imports only itself, formats, errors and builtins that do no I/O, types included', () => {
  const known = ['src/domain/', 'src/formats/', 'src/diagnostics/errors'];
  expectNone(importsOf('src/domain').filter(({ target }) => !isAnyOf(target, known) && !pureBuiltins.has(target)));
});

test('diagnostics, metrics and waits import nothing but themselves and diagnostics, besides builtins', () => {
  for (const folder of ['src/diagnostics', 'src/metrics', 'src/waits']) {
    expectNone(
      importsOf(folder).filter((one) => !isBuiltin(one) && !isAnyOf(one.target, [`${folder}/`, 'src/diagnostics/'])),
    );
  }
});

test('no folders of src import each other in a circle, types included, but for the command line and what it runs', () => {
  const folders = new Map<string, Set<string>>();
  for (const { file, target } of importsOf('src').filter(isRelative)) {
    if (isIn(file, ['src/cli'])) continue;
    const known = folders.get(dirname(file)) ?? new Set();
    folders.set(dirname(file), known.add(dirname(target)));
  }
  for (const start of folders.keys()) {
    const reached = new Set([...(folders.get(start) ?? [])].filter((folder) => folder !== start));
    for (const folder of reached) for (const next of folders.get(folder) ?? []) reached.add(next);
    assert.ok(!reached.has(start), `${start} is imported by what it imports: ${[...reached].join(', ')}`);
  }
});

test('src/domain and src/formats read no clock, no randomness, no environment, and set no timers', () => {
  const impure =
    /\b(?:Date\.now|new Date|performance\.|Math\.random|random(?:Bytes|UUID|Int)|process\.|set(?:Timeout|Interval|Immediate)|queueMicrotask|fetch\()/;
  expectNone(filesIn('src/domain', 'src/formats').flatMap(({ path, code }) => (impure.test(code) ? [path] : [])));
});

test('src/dispatch imports only what stands below it, and of settings only types, besides builtins and piscina', () => {
  expectNone(
    importsOf('src/dispatch').filter((one) => {
      if (one.isTypeOnly && isAnyOf(one.target, ['src/settings/'])) return false;
      if (isRelative(one)) return !isAnyOf(one.target, [...ground, 'src/dispatch/']);
      return !isBuiltin(one) && one.target !== 'piscina';
    }),
  );
});

test('src/http imports only dispatch and what stands below that, and of settings only types', () => {
  expectNone(
    importsOf('src/http').filter((one) => {
      if (!isRelative(one)) return !isBuiltin(one);
      if (one.isTypeOnly && isAnyOf(one.target, ['src/settings/'])) return false;
      return !isAnyOf(one.target, [...ground, 'src/dispatch/', 'src/http/']);
    }),
  );
});

test('workers import of src only what main thread and workers share, and of settings only types', () => {
  expectNone(
    importsOf('workers').filter((one) => {
      if (one.isTypeOnly && isAnyOf(one.target, ['src/settings/'])) return false;
      return isRelative(one) && !isAnyOf(one.target, [...ground, 'workers/']);
    }),
  );
});

test('no import climbs from one room of a worker to another, nor to the files beside them, not even for a type', () => {
  const heights = { ground: 0, store: 1, peers: 1, ranges: 2, replica: 3, coordinator: 4 } as const;
  const known = new Map<string, number>(Object.entries(heights));
  const roomOf = (path: string): string => /^workers\/([^/]+)\//.exec(path)?.[1] ?? 'beside';
  const heightOf = (room: string): number =>
    room === 'beside' ? 5 : (known.get(room) ?? assert.fail(`where is ${room}?`));
  expectNone(
    importsOf('workers').filter(({ file, target }) => {
      const [room, other] = [roomOf(file), roomOf(target)];
      return target.startsWith('workers/') && room !== other && heightOf(other) >= heightOf(room);
    }),
  );
});

test('nothing in src imports a worker: worker files are named by path and started by the pool', () => {
  expectNone(importsOf('src').filter(({ target }) => target.startsWith('workers/')));
});

test('only commands import src/cli, and nothing but the command line composes a node', () => {
  expectNone(
    imports.filter(
      ({ file, target }) =>
        target.startsWith('src/cli/') && !isIn(file, ['src/cli', 'profiling/cli', 'profiling/clinic', 'test']),
    ),
  );
});

test('profiling and scripts talk to nodes from outside: they import no part of http, dispatch or workers', () => {
  const inside = ['src/http/', 'src/dispatch/', 'src/node', 'workers/'];
  expectNone(importsOf('profiling', 'scripts').filter(({ target }) => isAnyOf(target, inside)));
});

test('browser code, and what it imports, runs without Node and without packages but uplot', () => {
  const reached = new Set(filesIn('profiling/browser').map(({ path }) => path));
  for (const file of reached) {
    for (const one of importsOf(file).filter((it) => isRelative(it) && !it.isTypeOnly)) reached.add(one.target);
  }
  assert.ok(reached.size > 0);
  expectNone(
    importsOf(...reached).filter((one) => !isRelative(one) && !one.isTypeOnly && packageOf(one.target) !== 'uplot'),
  );
});

test('only profiling/browser and its tests import browser code: pages get it bundled, as text', () => {
  expectNone(
    imports.filter(
      ({ file, target }) => isAnyOf(target, ['profiling/browser/']) && !isIn(file, ['profiling/browser', 'test']),
    ),
  );
});

test('of profiling a node knows only what records inside it, by one file that loads it when it is asked for', () => {
  const known = importsOf('src').filter(
    ({ file, target }) => target.startsWith('profiling/') && !isIn(file, ['src/cli']),
  );
  assert.deepEqual([...new Set(known.map(({ file }) => file))], ['src/profiler.ts']);
  expectNone(known.filter(({ target }) => !target.startsWith('profiling/inside/')));
  const statements = /^import (?!type )[^;]*from '[^']*\/profiling\//m;
  expectNone(filesIn('src/profiler.ts').flatMap(({ path, code }) => (statements.test(code) ? [path] : [])));
});

test('what records inside a node imports only errors, waits, itself and builtins', () => {
  expectNone(
    importsOf('profiling/inside').filter((one) =>
      isRelative(one) ? !isAnyOf(one.target, ['src/diagnostics/', 'src/waits/', 'profiling/inside/']) : !isBuiltin(one),
    ),
  );
});

test('uplot is named only by browser code, which the build bundles', () => {
  expectNone(importersOf('uplot').filter(({ file }) => !isIn(file, ['profiling/browser'])));
});

test('piscina is named only in src/dispatch and workers/entry.ts', () => {
  expectNone(importersOf('piscina').filter(({ file }) => !isIn(file, ['src/dispatch', 'workers/entry.ts', 'test'])));
});

test('lmdb is named only in workers/store/environment.ts', () => {
  expectNone(importersOf('lmdb').filter(({ file }) => !isIn(file, ['workers/store/environment.ts', 'test'])));
});

test('undici is named in src only by the command line', () => {
  expectNone(importersOf('undici').filter(({ file }) => isIn(file, ['src']) && !isIn(file, ['src/cli'])));
});

test('undici is named in workers by one file, a part of the peer client', () => {
  const importers = new Set(importersOf('undici').flatMap(({ file }) => (isIn(file, ['workers']) ? [file] : [])));
  assert.deepEqual(
    [...importers].filter((file) => !/^workers\/peers\/[^/]*\.ts$/.test(file)),
    [],
  );
  assert.equal(importers.size, 1, [...importers].join(', '));
});

test('src and workers import no package but the run-time dependencies', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageFile;
  expectNone(
    importsOf('src', 'workers').filter((one) => {
      return !isRelative(one) && !isBuiltin(one) && !Object.hasOwn(dependencies, packageOf(one.target));
    }),
  );
});

test('nothing but tests imports from test', () => {
  expectNone(imports.filter(({ file, target }) => target.startsWith('test/') && !isIn(file, ['test'])));
});

test(`no file of src, workers or profiling is longer than ${linesMax} lines`, () => {
  const lengths = filesIn('src', 'workers', 'profiling').map(({ path, text }) => ({
    path,
    lines: text.split('\n').length - 1,
  }));
  expectNone(lengths.filter(({ lines }) => lines > linesMax).map(({ path, lines }) => `${path}: ${lines} lines`));
});

test('no file says any', () => {
  const saysAny = /(?:[:<|&,(=]\s*|\bas\s+|\bextends\s+)any\b(?!\s*\()|\bany\[\]/;
  expectNone(filesIn(...scannedFolders).flatMap(({ path, code }) => (saysAny.test(withoutText(code)) ? [path] : [])));
});

test('no file has a default export', () => {
  const isDefault = /^\s*export\s+default\b|\bas\s+default\b/m;
  expectNone(filesIn(...scannedFolders).flatMap(({ path, code }) => (isDefault.test(withoutText(code)) ? [path] : [])));
});

interface PackageFile {
  readonly dependencies: Readonly<Record<string, string>>;
}

function sourcePaths(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|mjs|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).split(sep).join('/'));
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

function targetOf(file: string, specifier: string): string {
  return specifier.startsWith('.')
    ? normalize(join(dirname(file), specifier))
        .split(sep)
        .join('/')
    : specifier;
}

/** The code without comments. Strings are skipped over, so that `'http://host'` starts none. */
function withoutComments(text: string): string {
  const stringOrComment =
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![\\/[])\/\/[^\n]*/g;
  return text.replace(stringOrComment, (_, string: string | undefined) => string ?? ' ');
}

function withoutText(code: string): string {
  return code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, "''");
}

function isIn(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** Whether the path starts with one of these; a prefix without a slash means the files of that name in one or more words. */
function isAnyOf(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => {
    return prefix.endsWith('/') ? path.startsWith(prefix) : new RegExp(`^${prefix}(?:[-.][^/]*|/.*)$`).test(path);
  });
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
