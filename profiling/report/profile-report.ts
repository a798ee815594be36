/**
 * The report of a profile: what it found in sentences, then for CPU, allocation, waiting and locks the tables and
 * pictures, then what the instruments themselves cost. One HTML file without network.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ProfileResult, ProfileRun } from '../capture/result.ts';
import { flameData, type FlameRun } from '../flame/flame-data.ts';
import { readFlameSources } from '../flame/flame-files.ts';
import { flameSection, reading, type FlameSection } from '../flame/flame-section.ts';
import type { Baseline } from '../profile/profile-files.ts';
import { runSentences, runTitle } from '../profile/summary.ts';
import { commandBlock, describedTable, describeEnvironment } from './environment-section.ts';
import { html, type Html } from './html.ts';
import { profileKeyFigures } from './profile-key-figures.ts';
import { renderPage } from './page.ts';
import { costTables } from './profile-cost-tables.ts';
import { clinicTable, failedList, filesTable, lockTables, overheadTable } from './profile-tables.ts';
import { benchStyles } from './stylesheet.ts';
import { waitsSection, waitsStyles } from './waits-section.ts';

export interface ProfileReportOptions {
  /** Where the raw files lie. */
  readonly directory: string;
  readonly result: ProfileResult;
  readonly baseline: Baseline | undefined;
}

export async function renderProfileReport({ directory, result, baseline }: ProfileReportOptions): Promise<string> {
  const flames = new Map(result.runs.flatMap((run) => flamesOf(run, directory, result, baseline)));
  const [anyFlame] = flames.values();
  const data = Object.assign({}, ...[...flames.values()].map((section) => section.flames)) as unknown;
  return renderPage({
    title: `Kvorum profile: ${result.label}`,
    data: { flames: data },
    scripts: anyFlame?.scripts ?? [],
    styles: [...(anyFlame?.styles ?? []), benchStyles, waitsStyles],
    body: html`${introduction(result)} ${costTables(result.runs)}
    ${result.runs.map((run) => runSection(run, flames.get(run.op)))} ${clinicTable(result)}
    ${environmentSection(result)}`,
  });
}

/** By operation, with the graphs of a baseline of the same operation laid under them. */
function flamesOf(
  run: ProfileRun,
  directory: string,
  { label, files }: ProfileResult,
  baseline: Baseline | undefined,
): [string, FlameSection][] {
  if (!files.some(({ op, format }) => op === run.op && format === 'folded')) return [];
  const before = baseline?.result.runs.find(({ op }) => op === run.op);
  const hasBefore = baseline !== undefined && before !== undefined && existsSync(join(baseline.directory, run.op));
  const data = flameData(
    flameRun(run, label, directory),
    hasBefore ? { baseline: flameRun(before, baseline.result.label, baseline.directory) } : {},
  );
  const section = flameSection(run.op, data);
  return [[run.op, { ...section, body: html`${reading(data)} ${wallTime} ${section.body}` }]];
}

const wallTime = html`<p>
  V8's profiler samples wall time: in the graphs under “CPU” a thread that waits in native storage code, for fdatasync
  or for LMDB's writer lock, looks as busy as one that works. The tables of CPU take these waits out, by what the system
  accounts to the thread. perf (“CPU with native code”, where it could be used) sees only what runs.
</p>`;

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

function introduction({ runs, cutShort }: ProfileResult): Html {
  return html`<section>
    ${cutShort === true && html`<p class="verdict missed">Cut short: only a part was measured.</p>`}
    ${runs.map(
      (run) =>
        html`<h2>${runTitle(run)}</h2>
          ${profileKeyFigures(run)}
          <ul>
            ${runSentences(run).map((sentence) => html`<li>${sentence}</li>`)}
          </ul>
          ${failedList(run)}`,
    )}
  </section>`;
}

function runSection(run: ProfileRun, flame: FlameSection | undefined): Html {
  const { op, waits, locks, overhead } = run;
  return html`${
    flame !== undefined &&
    html`<section>
      <h2>Flame graphs: ${op.toUpperCase()}</h2>
      ${flame.body}
    </section>`
  }
  ${
    waits !== undefined &&
    html`<section>
      <h2>Waiting: ${op.toUpperCase()}</h2>
      ${waitsSection(waits)}
    </section>`
  }
  ${
    locks !== undefined &&
    html`<section>
      <h2>Locks: ${op.toUpperCase()}</h2>
      ${lockTables(locks)}
    </section>`
  }
  ${
    overhead !== undefined &&
    html`<section>
      <h2>What the instruments cost: ${op.toUpperCase()}</h2>
      ${overheadTable(overhead)}
    </section>`
  }`;
}

function environmentSection(result: ProfileResult): Html {
  return html`<section>
    <h2>Environment and files</h2>
    ${describedTable('Where it ran', [{ name: 'Value', entries: describeEnvironment(result.environment) }])}
    ${filesTable(result)}
    <h3>To repeat it</h3>
    ${commandBlock(result.command)}
    <p class="quiet">Started ${result.startedAt}.</p>
  </section>`;
}
