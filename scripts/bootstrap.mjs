/**
 * From a fresh clone to a running cluster or a full check with nothing but Node and npm: installs what is missing,
 * builds what changed, then does what was asked. Plain JavaScript without dependencies, since it runs before both.
 *
 *   node scripts/bootstrap.mjs start [kvorum up options]    npm start -- [options]
 *   node scripts/bootstrap.mjs ok                           npm test
 *   node scripts/bootstrap.mjs test [words] [node options]  npm run test:only -- words: test files whose path has one
 *   node scripts/bootstrap.mjs torture [options]            npm run torture: faults on real nodes, see test/torture/main.ts
 *   node scripts/bootstrap.mjs fuzz [options]               npm run fuzz: hostile bytes, see test/fuzz/main.ts
 *   node scripts/bootstrap.mjs simulate [options]           npm run simulate: many histories, see test/simulation/main.ts
 *   node scripts/bootstrap.mjs slow-clients [options]       npm run slow-clients, see test/slow-clients/main.ts
 *   node scripts/bootstrap.mjs unit [node options]          npm run test:unit: the tests that start no process
 *   node scripts/bootstrap.mjs test .long.test.             npm run test:long: those that take so long that npm test leaves them out
 *
 * A second run finds nothing to do by two stamps: `node_modules/.kvorum-lock-hash` (the lock file and the platform) and
 * `dist/.kvorum-build-hash` (path, size and time of each source). Tests may take long, so node's own timeout per file
 * is only a backstop.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle, pageScripts, nodeOutputs } from './bundle.mjs';

const nodeVersionMin = [20, 19];
const testFileMsMax = 300_000;
const testConcurrency = 3;
/** Unit tests wait for the disk, and for nobody else. */
const unitConcurrency = 4;
const testGroups = 7;
/** Behind `dist/test`, since the runner takes files in the order of their paths: the short ones fill the end. */
const groupFolder = join('dist', 'unit-tests');
/** With more than these the code is broken, not the machine slow. */
const testFilesRepeatedMax = 8;
const processStarters = new Set(['node:child_process', 'playwright-core']);
const importedModule = /\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g;
const workerFolder = join('dist', 'workers');
/** npm passes a Ctrl-C on to a process that the terminal has told already: the same signal this soon is the same one. */
const signalEchoMs = 500;

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...path) => join(root, ...path);
const sourceFolders = ['src', 'workers', 'test', 'profiling'];
/** The code of pages and the client are checked by themselves, with the browser's types; of the client come declarations, too. */
const browserFolders = ['profiling/browser/', 'src/console/browser/'];
const clientFolder = 'src/client/';
const projects = ['tsconfig.json', ...[...browserFolders, clientFolder].map((folder) => `${folder}tsconfig.json`)];
const program = at('dist/src/cli/main.js');
const lockStamp = at('node_modules/.kvorum-lock-hash');
const buildStamp = at('dist/.kvorum-build-hash');

/** Each command takes the rest of the command line and returns an exit code, or nothing where it goes on running. */
const commands = {
  install: () => install(),
  build: () => build(),
  start: (args) => build() || start(args),
  lint: () => install() || lint(),
  format: () => install() || tool('prettier/bin/prettier.cjs', ['--write', '--log-level', 'warn', '.']),
  'format-check': () => install() || checkFormat(),
  test: (args) => build() || test(args),
  torture: (args) => build() || runTests('torture', args),
  fuzz: (args) => build() || runTests('fuzz', args),
  simulate: (args) => build() || runTests('simulation', args),
  'slow-clients': (args) => build() || runTests('slow-clients', args),
  unit: (args) =>
    build() ||
    run(process.execPath, testCommand([`--test-concurrency=${unitConcurrency}`, ...args], grouped(unitTests()))),
  ok: (args) => build() || checkAll(args),
  coverage: (args) => build() || coverage(args),
};

main(process.argv[2], process.argv.slice(3));

function main(name, args) {
  const version = process.versions.node;
  if (!isNodeSupported(version)) {
    return end(`Kvorum needs Node ${nodeVersionMin.join('.')} or newer; this is Node ${version} (${process.execPath})`);
  }
  if (!Object.hasOwn(commands, name ?? '')) {
    return end(`Usage: node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`);
  }
  process.chdir(root);
  process.exitCode = commands[name](args);
}

function end(message) {
  console.error(message);
  process.exitCode = 1;
}

function isNodeSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > nodeVersionMin[0] || (major === nodeVersionMin[0] && minor >= nodeVersionMin[1]);
}

// Installing.

function install() {
  const lock = readFileSync(at('package-lock.json'));
  const wanted = hashOf([lock, process.platform, process.arch]);
  if (readIfThere(lockStamp) === wanted) return 0;
  if (!isInstalled(JSON.parse(lock.toString()).packages)) {
    progress('installing packages');
    const code = npm(['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund']);
    if (code !== 0) return code;
  }
  writeFileSync(lockStamp, wanted);
  return 0;
}

/** Whether node_modules, filled by whatever hand, holds what the lock file names (packages of other platforms aside). */
function isInstalled(wanted) {
  const text = readIfThere(at('node_modules/.package-lock.json'));
  if (text === undefined) return false;
  const present = JSON.parse(text).packages;
  const isPresent = ([path, { version, optional }]) =>
    path === '' || (path in present ? present[path].version === version : optional === true);
  return Object.entries(wanted).every(isPresent) && Object.keys(present).every((path) => path in wanted);
}

function npm(args) {
  const script = process.env.npm_execpath;
  return script === undefined || !/npm-cli\.c?js$/.test(script)
    ? run('npm', args, { shell: process.platform === 'win32' })
    : run(process.execPath, [script, ...args]);
}

// Building.

function build() {
  const code = install();
  if (code !== 0) return code;
  const sources = sourceFolders.flatMap((folder) => filesUnder(folder, '.ts'));
  const styles = browserFolders.flatMap((folder) => filesUnder(folder, '.css'));
  const wanted = hashOf([...projects, 'package-lock.json', ...sources, ...styles].map(describeFile));
  const isOfPage = (path) => browserFolders.some((folder) => path.startsWith(folder));
  const isCompiled = (path) => !isOfPage(path) && !path.endsWith('.d.ts');
  const outputs = [...sources.filter(isCompiled), ...pageScripts].map((path) => outputOf(path));
  const declarations = sources.filter((path) => path.startsWith(clientFolder)).map((path) => outputOf(path, 'd.ts'));
  const isComplete = [...outputs, ...declarations, ...nodeOutputs].every((path) => existsSync(path));
  if (isComplete && readIfThere(buildStamp) === wanted) return 0;

  removeStaleOutputs(new Set(outputs));
  // The compiler believes its own notes over the folder: an output that is gone would not be written again.
  if (!isComplete) forgetCompiled();
  progress('compiling');
  for (const project of projects) {
    const failed = tool('typescript/bin/tsc', ['-p', project]);
    if (failed !== 0) return failed;
  }
  bundle(nodeVersionMin);
  // `npx kvorum` in this folder runs it as it stands; the compiler makes no programs.
  chmodSync(at(outputOf('src/cli/main.ts')), 0o755);
  writeFileSync(buildStamp, wanted);
  return 0;
}

function forgetCompiled() {
  for (const one of ['', '-browser', '-console', '-client']) rmSync(at(`dist/.tsbuildinfo${one}`), { force: true });
}

function describeFile(path) {
  const { mtimeMs, size } = statSync(at(path));
  return `${path} ${mtimeMs} ${size}`;
}

function outputOf(source, ending = 'js') {
  return join('dist', source.replace(/ts$/, ending));
}

/** Without this a deleted test would still run. */
function removeStaleOutputs(outputs) {
  const built = sourceFolders.flatMap((folder) => filesUnder(join('dist', folder), '.js'));
  for (const path of built.filter((one) => !outputs.has(one))) {
    rmSync(path);
    rmSync(`${path}.map`, { force: true });
  }
}

// Running.

/** Runs `kvorum up` in this very process, so that no process stands between the terminal's signals and the cluster. */
function start(args) {
  dropSignalEchoes();
  // Ctrl-C is how `npm start` is meant to end; npm would print any code but 0 as an error.
  process.on('exit', (code) => {
    if (code === 130) process.exitCode = 0;
  });
  process.argv = [process.execPath, program, 'up', ...args];
  import(pathToFileURL(program).href).catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

function dropSignalEchoes() {
  const emit = process.emit.bind(process);
  let lastMs = -Infinity;
  process.emit = function (event, ...rest) {
    if (event === 'SIGINT' || event === 'SIGTERM') {
      const elapsedMs = performance.now() - lastMs;
      lastMs += elapsedMs;
      if (elapsedMs < signalEchoMs) return true;
    }
    return Reflect.apply(emit, this, [event, ...rest]);
  };
}

// Checking.

/** Every check, whatever the others say; the tests last, since the test runner's summary is what people look for. */
function checkAll(args) {
  const checks = { lint, format: checkFormat, tests: () => test(args) };
  const failed = Object.entries(checks).filter(([name, check]) => {
    progress(name);
    return check() !== 0;
  });
  if (failed.length === 0) return 0;
  console.error(`Failed: ${failed.map(([name]) => name).join(', ')}`);
  return 1;
}

function lint() {
  return tool('oxlint/bin/oxlint', ['--type-aware', '--deny-warnings', ...sourceFolders.filter(existsSync), 'scripts']);
}

function checkFormat() {
  return tool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']);
}

/** Files that failed run once more, by themselves, and are named: what fails there, too, fails. */
function test(args) {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-tests-'));
  try {
    const list = join(folder, 'failed');
    const code = run(process.execPath, testCommand([...reporters(args, list), ...args]));
    const failed = [
      ...new Set(
        (readIfThere(list) ?? '')
          .split('\n')
          .filter((path) => path !== '')
          .map(compiled),
      ),
    ];
    if (code === 0 || failed.length === 0 || failed.length > testFilesRepeatedMax) return code;
    const names = failed.join(', ');
    progress(`failed beside others, run again alone: ${names}`);
    const again = run(process.execPath, testCommand(['--test-concurrency=1', ...optionsOf(args)], failed));
    progress(again === 0 ? `passed alone: ${names}` : `failed alone, too, one of: ${names}`);
    return again;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What runs of a test file that is named by its source, as source maps do. */
function compiled(path) {
  const own = relative(root, path);
  return own.endsWith('.ts') ? outputOf(own) : own;
}

/** The runner's own choice, which it makes only where none is named, and the list of files that failed. */
function reporters(args, list) {
  if (args.some((arg) => arg.startsWith('--test-reporter'))) return [];
  return [
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${pathToFileURL(at('scripts/failed-files.mjs')).href}`,
    `--test-reporter-destination=${list}`,
  ];
}

/** What tests without the test runner, for as long as it is told. */
function runTests(name, args) {
  return run(process.execPath, ['--enable-source-maps', at(`dist/test/${name}/main.js`), ...args]);
}

function testCommand(args, files = chosenTests(args)) {
  const options = optionsOf(args);
  return [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${testConcurrency}`,
    `--test-timeout=${testFileMsMax}`,
    ...options,
    ...files,
  ];
}

/** The test files whose path has one of the words, or all but the long ones, those of the unit tests in groups then. */
function chosenTests(args) {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const files = filesUnder('dist/test', '.test.js');
  if (words.length > 0) {
    const chosen = files.filter((path) => words.some((word) => path.includes(word)));
    if (chosen.length === 0) throw new Error(`No test file has "${words.join('" or "')}" in its path`);
    return chosen;
  }
  const unit = unitTests();
  return [...grouped(unit), ...files.filter((path) => !unit.includes(path) && !isLong(path))];
}

function isLong(path) {
  return path.endsWith('.long.test.js');
}

function optionsOf(args) {
  return args.filter((arg) => arg.startsWith('-'));
}

/** The tests whose imports reach nothing that starts a process; so no list of them has to be kept. */
function unitTests() {
  const startsProcesses = (path) => {
    const reached = new Set([path]);
    for (const file of reached) {
      for (const [, specifier] of readFileSync(file, 'utf8').matchAll(importedModule)) {
        if (processStarters.has(specifier)) return true;
        const target = join(dirname(file), specifier);
        // Of the workers only the store starts one: fallocate, which ends at once.
        if (specifier.startsWith('.') && !target.startsWith(workerFolder) && existsSync(target)) reached.add(target);
      }
    }
    return false;
  };
  return filesUnder('dist/test', '.test.js').filter((path) => !isLong(path) && !startsProcesses(path));
}

/**
 * Files that import the given tests, a group each: a process of the test runner's takes 0.1 s of CPU to start, and the unit
 * tests have a few hundred files. A test that must be alone in its process is no unit test.
 */
function grouped(files) {
  rmSync(at(groupFolder), { recursive: true, force: true });
  mkdirSync(at(groupFolder), { recursive: true });
  // Dealt out by size, so that no group gets all the long ones.
  const bytesOf = (path) => statSync(at(path)).size;
  const bySize = files.toSorted((left, right) => bytesOf(right) - bytesOf(left));
  return Array.from({ length: Math.min(testGroups, files.length) }, (_, group) => {
    const path = join(groupFolder, `unit-${group + 1}.test.js`);
    const own = bySize.filter((_file, index) => index % testGroups === group);
    writeFileSync(at(path), own.map((file) => `import '${relative(groupFolder, file)}';\n`).join(''));
    return path;
  });
}

function coverage(args) {
  return tool('c8/bin/c8.js', [process.execPath, ...testCommand(args)]);
}

// Shared.

function tool(path, args) {
  return run(process.execPath, [at('node_modules', path), ...args]);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/** Sorted. Packages that are installed below the folder are not looked through. */
function filesUnder(folder, ending) {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path, ending);
    return entry.isFile() && entry.name.endsWith(ending) ? [path] : [];
  });
  return found.sort();
}

function hashOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex');
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function progress(message) {
  console.error(`kvorum: ${message}`);
}
