/**
 * The report of a profile: what it found in sentences, then for CPU, allocation, waiting and locks the tables and
 * pictures, then what the instruments themselves cost. As one HTML file without network, and as Markdown, which has all
 * but the pictures.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { flameData, type FlameData, type FlameRun } from '../flame/flame-data.ts';
import { readFlameSources } from '../flame/flame-files.ts';
import type { ProfileResult, ProfileRun } from '../result/profile.ts';
import { command, details, list, quiet, section, text, type Block } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { clusterSentence, describedTable, describeEnvironment } from './environment.ts';
import { flameBlocks } from './flame-section.ts';
import { markdownOf } from './markdown.ts';
import { renderPage } from './page.ts';
import { costSections } from './profile-costs.ts';
import { leadBlocks, stateLine, validityBlocks } from './profile-lead.ts';
import { runSentences, runTitle } from './profile-summary.ts';
import { clinicSection, failedList, filesList, lockBlocks, overheadBlocks } from './profile-tables.ts';
import { waitsBlocks } from './waits-section.ts';

/** A profile, and where its raw files lie. */
export interface StoredProfile {
  readonly directory: string;
  readonly result: ProfileResult;
}

/** With `baseline`, flame graphs show what has changed against it. */
export async function renderProfileReport(
  { directory, result }: StoredProfile,
  baseline: StoredProfile | undefined,
): Promise<string> {
  const flames = new Map(result.runs.flatMap((run) => flamesOf(run, { directory, result }, baseline)));
  return renderPage({
    title: `Kvorum profile: ${result.label}`,
    data: { flames: Object.fromEntries(flames) },
    script: flames.size === 0 ? 'page' : 'flame',
    body: htmlOf(profileBlocks(result, flames)),
  });
}

export function profileMarkdown(result: ProfileResult): string {
  return markdownOf(`Profile: ${result.label}`, profileBlocks(result, new Map()));
}

function profileBlocks(result: ProfileResult, flames: ReadonlyMap<string, FlameData>): Block {
  const { runs, environment } = result;
  return [
    validityBlocks(result),
    stateLine(clusterSentence(environment)),
    runs.map((run) =>
      section(
        runTitle(run),
        leadBlocks(run, flames.get(run.op)),
        failedList(run),
        details('What was found, in sentences', list(runSentences(run))),
      ),
    ),
    runs.length > 0 && costSections(runs),
    runs.map((run) => runSections(run, flames.get(run.op))),
    clinicSection(result),
    section(
      'Environment and files',
      describedTable('Where it ran', [{ name: 'Value', entries: describeEnvironment(environment) }]),
      filesList(result),
      section('To repeat it', command(result.command), quiet(`Started ${result.startedAt}.`)),
    ),
  ];
}

function runSections({ op, waits, locks, overhead }: ProfileRun, flame: FlameData | undefined): Block {
  const name = op.toUpperCase();
  return [
    flame !== undefined && section(`Flame graphs: ${name}`, flameBlocks(op, flame, wallTime)),
    waits !== undefined && section(`Waiting: ${name}`, waitsBlocks(waits)),
    locks !== undefined && section(`Locks: ${name}`, lockBlocks(locks)),
    overhead !== undefined && section(`What the instruments cost: ${name}`, overheadBlocks(overhead)),
  ];
}

/** By operation, with the graphs of a baseline of the same operation laid under them. */
function flamesOf(
  run: ProfileRun,
  { directory, result: { label, files } }: StoredProfile,
  baseline: StoredProfile | undefined,
): [string, FlameData][] {
  if (!files.some(({ op, format }) => op === run.op && format === 'folded')) return [];
  const before = baseline?.result.runs.find(({ op }) => op === run.op);
  const hasBefore = baseline !== undefined && before !== undefined && existsSync(join(baseline.directory, run.op));
  const data = flameData(
    flameRun(run, label, directory),
    hasBefore ? { baseline: flameRun(before, baseline.result.label, baseline.directory) } : {},
  );
  return [[run.op, data]];
}

const wallTime = text(
  "V8's profiler samples wall time: in the graphs under “CPU” a thread that waits in native storage code, for fdatasync " +
    "or for LMDB's writer lock, looks as busy as one that works. The tables of CPU take these waits out, by what the " +
    'system accounts to the thread. perf (“CPU with native code”, where it could be used) sees only what runs.',
);

function flameRun(run: ProfileRun, label: string, directory: string): FlameRun {
  const { cpu, allocation, perf } = run;
  return {
    label: `${label} ${run.op}`,
    sources: readFlameSources(directory, run.op),
    requests: {
      ...(cpu && { cpu: cpu.requests }),
      ...(allocation && { allocation: allocation.requests }),
      ...(perf && { native: perf.requests }),
    },
  };
}
