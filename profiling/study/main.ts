/**
 * `npm run study -- [--short] [--out DIR]`: measures what docs/study.md tells, and writes its tables (`tables.md`) from the
 * JSON beside them. A step whose result lies in DIR is not measured again, so that an interrupted study goes on.
 *
 * The measuring is done by `kvorum compare`, `kvorum profile` and `kvorum bench` as processes, as a reader would call them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseJson } from '../../src/formats/foreign-json.ts';
import { percentileUs } from '../load/histogram.ts';
import type { BenchResult } from '../load/result.ts';
import { findWrk2 } from '../load/wrk2-engine.ts';
import { startLocalCluster } from '../cluster/local-cluster.ts';
import type { CompareResult } from '../result/compare.ts';
import type { ProfileResult } from '../result/profile.ts';
import { scriptLine } from '../script-options.ts';
import { takePictures } from './pictures.ts';
import {
  compareArguments,
  expectedMinutes,
  profileArguments,
  profileSteps,
  studyPlan,
  type StudyPlan,
} from './plan.ts';
import { studyMarkdown, type StudyResults } from './tables.ts';
import { parseWrk, type WrkRound } from './wrk-text.ts';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const scripts = fileURLToPath(new URL('../../../scripts/', import.meta.url));

const { values } = scriptLine({
  options: { short: { type: 'boolean', default: false }, out: { type: 'string' }, help: { type: 'boolean' } },
});

let isStopped = false;
// The processes get the Ctrl-C, too, and write what they have.
process.on('SIGINT', () => (isStopped = true));

if (values.help === true) {
  say('npm run study -- [--short] [--out DIR]\nDIR is profiling/results/ and the day; a study in it is gone on with.');
} else {
  await study(values.out ?? join('profiling', 'results', new Date().toISOString().slice(0, 10)), values.short);
}

async function study(directory: string, isShort: boolean): Promise<void> {
  const plan = studyPlan({ isShort });
  const startedAt = new Date();
  mkdirSync(join(directory, 'raw'), { recursive: true });
  mkdirSync(join(directory, 'pictures'), { recursive: true });
  say(`The study takes about ${expectedMinutes(plan)} min; results are in ${directory}`);
  const missing: string[] = [];
  const commands: string[] = [];
  const compares = await compareAll(plan, { directory, missing, commands });
  const profiles = await profileAll(plan, compares[0]?.result, { directory, missing, commands });
  const wrk = isStopped ? [] : await wrkRounds(plan, { directory, missing, commands });
  const pictures = await pictureAll(
    directory,
    [...compares, ...profiles].map(({ name }) => name),
    missing,
  );
  if (isStopped) missing.push('what came after the interruption');
  const results = { startedAt: startedAt.toISOString(), isShort, compares, profiles, wrk, pictures, missing, commands };
  writeTables(directory, results);
  const minutes = (Date.now() - startedAt.getTime()) / 60_000;
  say(`Wrote ${join(directory, 'tables.md')} after ${minutes.toFixed(1)} min`);
  if (missing.length > 0) say(`Missing: ${missing.join('; ')}`);
  if (isStopped) process.exitCode = 130;
  else if (missing.length > 0) process.exitCode = 1;
}

interface Place {
  readonly directory: string;
  readonly missing: string[];
  readonly commands: string[];
}

async function compareAll(plan: StudyPlan, { directory, missing, commands }: Place) {
  const found: { name: string; result: CompareResult }[] = [];
  for (const step of plan.compares) {
    const name = step.durability;
    const json = join(directory, 'raw', `compare-${name}.json`);
    const args = ['compare', ...compareArguments(plan, step)];
    commands.push(`kvorum ${args.join(' ')}`);
    if (!isDone(json) && !isStopped)
      await kvorum([...args, '--json', json, '--report', join(directory, `${name}.html`)]);
    const result = readResult<CompareResult>(json);
    if (result === undefined) missing.push(`comparison at ${name}`);
    else found.push({ name, result });
    missing.push(...(result?.failures ?? []).map((failure) => `${name}: ${failure}`));
  }
  return found;
}

async function profileAll(plan: StudyPlan, fsync: CompareResult | undefined, { directory, missing, commands }: Place) {
  const found: { name: string; result: ProfileResult }[] = [];
  for (const step of profileSteps(plan, fsync)) {
    const out = join(directory, 'raw', `profile-${step.name}`);
    const args = ['profile', ...profileArguments(plan, step)];
    commands.push(`kvorum ${args.join(' ')}`);
    if (!isDone(join(out, 'profile.json')) && !isStopped) await kvorum([...args, '--out', out]);
    const result = readResult<ProfileResult>(join(out, 'profile.json'));
    if (result === undefined) missing.push(`profile of ${step.name}`);
    else found.push({ name: step.name, result });
    for (const { op, failed = [] } of result?.runs ?? []) {
      missing.push(...failed.map(({ instrument, reason }) => `${step.name} ${op}, ${instrument}: ${reason}`));
    }
  }
  return found;
}

/** By wrk2, at the rate of the study; where there is none by wrk, which knows no rate. */
async function wrkRounds(plan: StudyPlan, { directory, missing, commands }: Place): Promise<WrkRound[]> {
  const file = join(directory, 'wrk.json');
  if (existsSync(file)) return readResult<WrkRound[]>(file) ?? [];
  const wrk2 = findWrk2(undefined, { isNeeded: false });
  const rounds: WrkRound[] = [];
  await using cluster = await startLocalCluster({ count: 3, flags: ['--mode', 'batched', '--durability', 'fsync'] });
  const url = cluster.nodes[0]?.url ?? '';
  for (let round = 1; round <= plan.wrk.rounds && !isStopped; round++) {
    const done = wrk2 === undefined ? await wrkRound(plan, url) : await wrk2Round(plan, url, join(directory, 'raw'));
    if (done === null) break;
    if (round === 1) commands.push(done.command);
    rounds.push(done.round);
  }
  if (rounds.length === 0) missing.push('rounds by wrk2 or wrk: neither is on PATH, or it failed');
  if (rounds.length === plan.wrk.rounds) writeFileSync(file, `${JSON.stringify(rounds)}\n`);
  return rounds;
}

interface Done {
  readonly round: WrkRound;
  readonly command: string;
}

async function wrk2Round({ wrk, load }: StudyPlan, url: string, directory: string): Promise<Done | null> {
  const json = join(directory, 'wrk2.json');
  const what = ['--op', 'put', '--rate', `${wrk.rate}`, '--duration', `${wrk.seconds}s`, '--keys', `${load.keys}`];
  const args = ['bench', '--target', url, '--engine', 'wrk2', ...what];
  await kvorum([...args, '--json', json]);
  const result = readResult<BenchResult>(json);
  if (result === undefined) return null;
  const { latency, totals } = result;
  const figures = { rate: totals.rate, p50Us: percentileUs(latency, 50), p99Us: percentileUs(latency, 99) };
  return {
    round: { program: 'wrk2', op: 'put', rateAsked: wrk.rate, ...figures },
    command: `kvorum ${args.join(' ')}`,
  };
}

async function wrkRound({ wrk, load }: StudyPlan, url: string): Promise<Done | null> {
  const shape = ['-t', '2', '-c', `${load.connections}`, '-d', `${wrk.seconds}s`, '--latency'];
  const args = [...shape, '-s', join(scripts, 'put.lua'), url, '--', `${load.keys}`, '64'];
  const figures = parseWrk(await outputOf('wrk', args));
  if (figures === null) return null;
  return { round: { program: 'wrk', op: 'put', rateAsked: null, ...figures }, command: `wrk ${args.join(' ')}` };
}

async function pictureAll(directory: string, names: readonly string[], missing: string[]): Promise<string[]> {
  const pictures: string[] = [];
  for (const name of names) {
    const reports = [join(directory, `${name}.html`), join(directory, 'raw', `profile-${name}`, 'report.html')];
    const report = reports.find((path) => existsSync(path));
    if (report === undefined) continue;
    const taken = await takePictures(report, join(directory, 'pictures'), name);
    pictures.push(...taken.names.map((file) => `pictures/${file}`));
    if (taken.missing !== null) missing.push(taken.missing);
  }
  return pictures;
}

/** The single runs hold most of the bytes, and no table needs them. */
function writeTables(directory: string, results: StudyResults): void {
  for (const { name, result } of results.compares) {
    writeFileSync(join(directory, `compare-${name}.json`), `${JSON.stringify({ ...result, runs: [] })}\n`);
  }
  for (const { name, result } of results.profiles) {
    writeFileSync(join(directory, `profile-${name}.json`), `${JSON.stringify({ ...result, files: [] })}\n`);
  }
  writeFileSync(join(directory, 'tables.md'), studyMarkdown(results));
}

/** Whether a step was measured whole. */
function isDone(json: string): boolean {
  return readResult<{ readonly cutShort?: boolean }>(json)?.cutShort === false;
}

/** Undefined where it is not there or not whole. Written by the commands of this very build. */
function readResult<Result>(path: string): Result | undefined {
  return existsSync(path) ? (parseJson(readFileSync(path, 'utf8')) as Result | undefined) : undefined;
}

/** Runs `kvorum`; what it says on stderr is shown, and what it measured is in its files, whatever its exit code. */
async function kvorum(args: readonly string[]): Promise<void> {
  say(`kvorum ${args.map((arg) => (arg.startsWith('/') ? relative('.', arg) : arg)).join(' ')}`);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'exit');
}

/** Empty where the program is not there. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  try {
    await once(child, 'close');
  } catch {
    return '';
  }
  return output;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
