/** What a profile found, in words: for the terminal, and as the first lines of its report. Pure. */
import { profileSentences, requestCosts, showMicros, showNumber, showShare } from './profile-sentences.ts';
import { instrumentTitle, type InstrumentOverhead, type ProfileResult, type ProfileRun } from '../result/profile.ts';
import { perSecond } from '../load/verdict.ts';
import { plain } from '../result/quantity.ts';
import { piecesOf } from './blocks.ts';
import { clusterSentence } from './environment.ts';
import { Html } from './html.ts';
import { adviceOf } from './profile-advice.ts';
import { costSentence, validityBlocks } from './profile-lead.ts';

/**
 * For a terminal: first whether it is valid, then for each operation what it costs without instruments and the advice, and
 * below that what was found.
 */
export function profileSummary(result: ProfileResult): string {
  const { runs, clinic = [], environment } = result;
  const validity = piecesOf(validityBlocks(result)).flatMap((piece) => {
    if (piece instanceof Html) return [];
    if (piece.kind === 'note') return [`${piece.word}: ${piece.text}`];
    return piece.kind === 'text' ? [piece.text] : [];
  });
  const sections = runs.map((run) => {
    const lead = [costSentence(run) ?? [], adviceOf(run)].flat();
    const lines = [...lead, ...runSentences(run), ...failureLines(run)];
    return [`${runTitle(run)}:`, ...lines.map((line) => `  ${line}`)];
  });
  const pages = clinic.map(({ title, path, note }) => `clinic ${title}: ${path ?? 'no page'} (${note})`);
  const cluster = runs.length === 0 ? [] : [`Cluster: ${clusterSentence(environment)}`];
  return [...validity, ...cluster, ...sections.flat(), ...pages].map((line) => `${plain(line)}\n`).join('');
}

/** `PUT at 4,200/s, batched`. */
export function runTitle({ op, mode, rateAsked }: ProfileRun): string {
  const rate = rateAsked === null ? '' : ` at ${perSecond(rateAsked)}`;
  return `${op.toUpperCase()}${rate}, ${mode}`;
}

/** What one operation costs and waits for. */
export function runSentences(run: ProfileRun): string[] {
  const costs = profileSentences(run).map((sentence) => `${sentence}.`);
  return [...costs, ...waitSentences(run), ...lockSentences(run), ...overheadSentences(run)];
}

/** What a lock profile blames, for comparisons. */
export function costsOf(run: ProfileRun): ReturnType<typeof requestCosts> {
  const { locks } = run;
  const requests = (run.bench?.totals.rate ?? 0) * ((locks?.durationMs ?? 0) / 1000);
  return requestCosts(run, locks === undefined || requests === 0 ? null : locks.contendedUs / requests);
}

/** How many of the longest waits are named. */
const waitsNamed = 3;

function waitSentences({ waits }: ProfileRun): string[] {
  const [all] = waits?.operations ?? [];
  if (all === undefined || all.count === 0) return [];
  const longest = all.rows
    .filter(({ stage }) => stage !== 'unaccounted')
    .toSorted((one, other) => other.share - one.share)
    .slice(0, waitsNamed)
    .map(({ label, share }) => `${label} ${showShare(share)}`);
  return [
    `An operation spends ${showMicros(all.meanUs)} in the node on average; the longest parts of it: ${longest.join(', ')}. ` +
      `The stages explain ${showShare(all.accountedShare)} of it.`,
  ];
}

function lockSentences({ locks }: ProfileRun): string[] {
  if (locks === undefined) return [];
  const seconds = locks.durationMs / 1000;
  const [first] = locks.sites;
  if (first === undefined || locks.contendedUs === 0) return ['No thread was seen to wait for a mutex.'];
  return [
    `Threads waited ${showNumber(locks.contendedUs / 1000 / seconds)} ms a second for mutexes that others held; ` +
      `${showShare(first.share)} of it is ${first.site}.`,
  ];
}

function overheadSentences({ overhead }: ProfileRun): string[] {
  const known = (overhead?.instruments ?? []).filter(({ cpuChange }) => cpuChange !== null);
  if (known.length === 0) return [];
  const said = known.map(
    (one: InstrumentOverhead) => `${instrumentTitle(one.instrument)} ${signed(one.cpuChange ?? 0)}`,
  );
  return [`CPU a request under each instrument, against none: ${said.join('; ')}.`];
}

function failureLines({ failed = [] }: ProfileRun): string[] {
  return failed.map(({ instrument, reason }) => `Not measured, ${instrumentTitle(instrument)}: ${reason}`);
}

/** `+8%`; no sign where it rounds to nothing. */
export function signed(share: number): string {
  const text = showShare(Math.abs(share));
  if (text === '0%') return text;
  return `${share < 0 ? '-' : '+'}${text}`;
}
