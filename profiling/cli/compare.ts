/**
 * `kvorum compare`: the modes against each other, or earlier results. Measures nothing itself: clusters, load and
 * arithmetic are in profiling/compare; here are flags, progress, files and exit codes.
 */
import { dirname, relative } from 'node:path';
import type { Compared, ModesEvent } from '../compare/compare-modes.ts';
import { expectedMs } from '../compare/rounds.ts';
import type { CompareResult } from '../result/compare.ts';
import type { ProfileModesOptions } from '../profile/profile-modes.ts';
import type { ProfileEvent } from '../profile/run-profile.ts';
import { fillLine } from '../load/fill-progress.ts';
import { perSecond } from '../load/verdict.ts';
import type { Environment, Flags } from '../../src/settings/sources.ts';
import { gateOf, gateSentence } from '../compare/gate.ts';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { pointName } from '../compare/load-point.ts';
import type { Command, Invocation } from '../../src/cli/command.ts';
import { assertWritable, reportFormat, writeFile, type OutputFiles, type OutputFormat } from './output-files.ts';
import { commandOf } from './bench-flags.ts';
import { compareOptions, compareOrder, regressionShareMax, type CompareOrder } from './compare-options.ts';
import { compareText } from './compare-table.ts';
import { exitCodes, type ExitCode } from '../../src/cli/exit-codes.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { printable, writeNotice, writeResult } from '../../src/cli/output.ts';
import { textFlag } from '../../src/cli/parse.ts';
import { profileProgress } from './profile-progress.ts';
import { stopSignal } from '../../src/cli/signals.ts';

export const compareCommand: Command = {
  name: 'compare',
  summary: 'Compare modes under the same load, or earlier results',
  usage: '[--modes LIST] [--op LIST] [options] | --a FILE --b FILE',
  details:
    'Starts a cluster for each mode, looks for the highest rate that each holds, then puts the same rates and 60% of its ' +
    'own maximum on each, round after round, in turns. Says what each step from mode to mode bought. Figures are medians ' +
    'with their ranges; where ranges overlap there is no verdict. --fail-on-regression 10% makes the exit code 1 where ' +
    'the later side is worse by more than that, and where nothing can be said. Ctrl-C ends it early, and what was ' +
    'measured is kept. A mode that does not start or takes no key for --fill-timeout is left out, and a run that fails is ' +
    'named while the others go on; then the exit code is not 0. --peer puts the same load on another store that runs ' +
    'already, and writes over its keys k000000 and so on; one table shows them beside batched, with the durability of each.',
  positionals: { min: 0, max: 0 },
  options: compareOptions,
  examples: [
    'kvorum compare --report compare.html',
    'kvorum compare --modes async,batched --op put --rates 2000 --rounds 5 --duration 5s --json compare.json',
    'kvorum compare --peer etcd=http://127.0.0.1:2379 --peer redis=redis://127.0.0.1:6379 --redis-wait 1 --rates 1000',
    'kvorum compare --a before.json --b after.json',
    'kvorum compare --a old1.json,old2.json --b new1.json,new2.json --fail-on-regression 10% --output markdown',
    'kvorum compare --a old1.json,old2.json,old3.json --b new1.json,new2.json,new3.json',
  ],
  run: compare,
};

async function compare({ flags, environment }: Invocation): Promise<ExitCode> {
  const format = reportFormat(flags);
  const order = compareOrder(flags);
  const shareMax = regressionShareMax(flags);
  const files = { json: textFlag(flags, 'json'), report: textFlag(flags, 'report'), junit: textFlag(flags, 'junit') };
  assertWritable(files);
  const { result: compared, failure } = await carryOut(order, flags, environment);
  const result = shareMax === undefined ? compared : { ...compared, gate: gateOf(compared, shareMax) };
  await keep(result, files);
  await writeResult(await textOf(format, result));
  if (failure !== undefined) return reportFailure(failure);
  if (order.kind === 'modes' && result.cutShort) return exitCodes.interrupted;
  return result.gate === undefined || gateSentence(result.gate).isPassed ? exitCodes.ok : exitCodes.failure;
}

async function textOf(format: OutputFormat, result: CompareResult): Promise<string> {
  switch (format) {
    case 'json':
      return `${JSON.stringify(result)}\n`;
    case 'markdown':
      return (await import('../report/compare-text.ts')).compareMarkdown(result);
    case 'table':
      return compareText(result);
    default:
      return format satisfies never;
  }
}

async function carryOut(order: CompareOrder, flags: Flags, environment: Environment): Promise<Compared> {
  // Loaded here, since the other commands need no part of it.
  const [{ compareFiles }, { compareModes }] = await Promise.all([
    import('../compare/compare-files.ts'),
    import('../compare/compare-modes.ts'),
  ]);
  const command = commandOf('compare', flags);
  if (order.kind === 'files') {
    return { result: compareFiles({ ...order, command, startedAt: new Date().toISOString() }), failure: undefined };
  }
  const stop = new AbortController();
  void stopSignal().then(() => {
    writeNotice('Stopping; what was measured is kept');
    stop.abort();
  });
  const names = [...order.modes, ...order.peers.map(({ protocol }) => protocol.kind)];
  const minutes = Math.ceil(expectedMs(names.length, order.settings) / 60_000);
  writeNotice(`Comparing ${names.join(', ')} under ${order.settings.ops.join(', ')}: about ${minutes} min`);
  const profiling = order.profileDirectory === undefined ? undefined : await prepareProfiling(order.profileDirectory);
  const { settings } = order;
  const { signal } = stop;
  return compareModes({
    ...order,
    command,
    signal,
    onEvent: tell,
    ...(profiling && {
      afterwards: (clusters, result) => profiling({ clusters, result, settings, environment, signal }),
    }),
  });
}

/** Tries the directory before anything runs; what it resolves to profiles the modes into it. */
async function prepareProfiling(directory: string) {
  const [{ profileModes }, { makeProfileDirectory }] = await Promise.all([
    import('../profile/profile-modes.ts'),
    import('../profile/profile-files.ts'),
  ]);
  makeProfileDirectory(directory, 'profile');
  const onEvent = (mode: string, event: ProfileEvent): void =>
    writeNotice(printable(`${mode}: ${profileProgress(event)}`));
  return (order: Omit<ProfileModesOptions, 'directory' | 'onEvent'>) => profileModes({ ...order, directory, onEvent });
}

/** The JSON first: the report can be made of it again. */
async function keep(result: CompareResult, { json, report, junit }: OutputFiles): Promise<void> {
  if (json !== undefined) writeFile('json', json, `${JSON.stringify(result)}\n`);
  if (junit !== undefined) {
    const { compareJunit } = await import('../report/junit.ts');
    writeFile('junit', junit, compareJunit(result));
  }
  if (report === undefined) return;
  const { renderCompareReport } = await import('../report/compare-report.ts');
  writeFile('report', report, await renderCompareReport(seenFrom(dirname(report), result)));
}

/** The profiles' directories as the report's links need them: from where it lies. */
function seenFrom(place: string, result: CompareResult): CompareResult {
  if (result.profiles === undefined) return result;
  const profiles = result.profiles.map((one) => ({ ...one, directory: relative(place, one.directory) }));
  return { ...result, profiles };
}

function tell(event: ModesEvent): void {
  const line = progressLine(event);
  if (line !== undefined) writeNotice(printable(line));
}

function progressLine(event: ModesEvent): string | undefined {
  switch (event.kind) {
    case 'started':
      return `${event.mode}: cluster is up, filling`;
    case 'filling':
      return `${event.mode}: ${fillLine(event.progress)}`;
    case 'left-out':
      return `Left out: ${event.reason}`;
    case 'idle': {
      const idle = event.subjects.flatMap(({ idleCpuMsPerSecond: ms }) => (ms === null ? [] : [ms]));
      const sum = idle.reduce((total, ms) => total + ms, 0);
      return idle.length === 0 ? undefined : `idle, all clusters take ${sum.toFixed(1)} ms of CPU a second together`;
    }
    case 'step': {
      const { subject, op, step } = event;
      return `maximum of ${op}, ${subject}: ${perSecond(step.rate)} ${step.held ? 'held' : step.reason}`;
    }
    case 'failed': {
      const { order, error } = event.failure;
      return `failed: ${order.subject}, ${order.op} at ${perSecond(order.rate)}: ${messageOf(error)}`;
    }
    case 'run': {
      const { run, index, count } = event;
      const what = `round ${run.round}, ${run.op} at ${pointName(run.point)}, ${run.subject}`;
      return `[${index + 1}/${count}] ${what}: ${run.result.verdict.sentence}`;
    }
    default:
      return event satisfies never;
  }
}
